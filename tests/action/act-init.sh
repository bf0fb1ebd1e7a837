#!/usr/bin/env bash
# Runs the workflows that `profgate init` writes, with act, in a repository of their own: a green pull request, a red one with
# its comment, and the same green again by a waiver, without profiling. Needs act on PATH and a built profgate as argument.
set -euo pipefail

profgate="$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
tmp="$(cd "$(mktemp -d)" && pwd -P)"
fake=
trap '[ -z "$fake" ] || kill "$fake"; rm -rf -- "$tmp"' EXIT
action=example/profgate@0123456789abcdef0123456789abcdef01234567
failed=0

comments() {
  find "$tmp/github" -name 'comment-*' | wc -l | tr -d ' '
}

check() {
  if [ "$2" = "$3" ]; then
    echo "ok: $1"
  else
    echo "FAILED: $1: '$2', expected '$3'"
    failed=1
  fi
}

unset "${!GITHUB_@}" "${!ACTIONS_@}" "${!RUNNER_@}"
export HOME="$tmp/home" XDG_CACHE_HOME="$tmp/cache" PROFGATE_BIN="$profgate"
mkdir -p "$HOME" "$tmp/bin" "$tmp/github" "$tmp/artifacts" "$tmp/engine"

"$profgate" demo --quiet --output "$tmp/demo" >/dev/null
cd "$tmp/engine"
git init --quiet --initial-branch main
git config user.name me
git config user.email me@example.com
"$profgate" init --quiet --action "$action"
mkdir traces
cp -R "$tmp/demo/before" traces/decode
"$profgate" baseline record traces/decode --output baselines/qwen3-30b-decode.h200.yaml >/dev/null 2>&1
# What a user fills in: here the traces lie in the repository, so there is no server to start.
sed -i.orig -e '/^          # TODO: the address/d' -e '/^          url: /d' .github/workflows/profgate.yml
rm .github/workflows/*.orig
git add .
git commit --quiet --message 'the gate'

python3 "$root/tests/action/fake_github.py" "$tmp/github" &
fake=$!
while [ ! -f "$tmp/github/port" ]; do sleep 0.1; done

# What act copies is the action alone, not a build folder beside it.
mkdir -p "$tmp/action/.github"
cp "$root/action.yml" "$tmp/action/"
cp -R "$root/.github/action" "$tmp/action/.github/"

# The hosts' own command-line client is not here; this one knows the calls of the workflows.
cat >"$tmp/bin/gh" <<GH
#!/usr/bin/env bash
set -euo pipefail
case "\$*" in
  *actions/workflows/profgate.yml/runs*) echo 1 ;;
  'run download'*) mkdir -p stored && cp -R '$tmp/artifacts/profgate-report/.' stored/ ;;
  'api --method POST repos/'*statuses*) printf '%s\n' "\$*" | sed 's/.*state=\([a-z]*\).*/\1/' >>'$tmp/github/statuses' ;;
  *pulls/7\ --jq*) cat '$tmp/github/description' ;;
  *pulls/7/commits*) echo 'no trailer here' ;;
  *) echo "gh: unknown call: \$*" >&2; exit 1 ;;
esac
GH
chmod +x "$tmp/bin/gh"

# Runs one workflow on an event: workflow, event's name, event as JSON.
run() {
  local code=0
  git rev-parse HEAD >"$tmp/github/head"
  printf '%s' "$3" >"$tmp/event.json"
  PATH="$tmp/bin:$PATH" act "$2" --no-cache-server --workflows ".github/workflows/$1" --eventpath "$tmp/event.json" \
    --platform ubuntu-24.04=-self-hosted --platform self-hosted=-self-hosted --platform gpu=-self-hosted \
    --local-repository "$action=$tmp/action" \
    --local-repository "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd=$root/tests/action/stubs/checkout" \
    --local-repository "actions/upload-artifact@b7c566a772e6b6bfb58ed0dc250532a479d7789f=$root/tests/action/stubs/upload-artifact" \
    --local-repository "actions/download-artifact@37930b1c2abaa49bbe596cd826c3c89aef350131=$root/tests/action/stubs/download-artifact" \
    --env ARTIFACTS="$tmp/artifacts" --env CHECKOUT="$tmp/engine" --env PROFGATE_BIN="$profgate" --env GITHUB_REPOSITORY=me/engine \
    --env GITHUB_API_URL="http://127.0.0.1:$(cat "$tmp/github/port")" --secret GITHUB_TOKEN=dummy \
    </dev/null >"$tmp/log" 2>&1 || code=$?
  echo "$code"
}

pull() {
  printf '{"action":"%s","label":{"name":"profgate-waive"},"pull_request":{"number":7,"base":{"sha":"main"},"head":{"sha":"%s"}}}' \
    "$1" "$(git rev-parse HEAD)"
}

finished() {
  printf '{"workflow_run":{"id":1,"event":"pull_request","conclusion":"%s","head_sha":"%s","head_branch":"x","html_url":"https://github.example/run/1","head_repository":{"full_name":"me/engine","owner":{"login":"me"}}},"repository":{"default_branch":"main","full_name":"me/engine"}}' \
    "$1" "$(git rev-parse HEAD)"
}

show() {
  [ "$failed" = 0 ] || { cat "$tmp/log"; exit 1; }
}

check 'a pull request that changes nothing is green' "$(run profgate.yml pull_request "$(pull opened)")" 0
show
check 'it gets no comment' "$(run profgate-comment.yml workflow_run "$(finished success)")$(comments)" 00
show

git switch --quiet --create faster-startup
rm -r traces/decode
cp -R "$tmp/demo/after" traces/decode
git add .
git commit --quiet --message 'start faster'
check 'a pull request that loses a fused kernel is red' "$(run profgate.yml pull_request "$(pull opened)")" 1
check 'its comment is written by the second workflow' "$(run profgate-comment.yml workflow_run "$(finished failure)")" 0
show
check 'the comment begins with the verdict' "$(head -c 6 "$tmp/github/comment-1")" '**Fail'
check 'the commit is red' "$(tail -n 1 "$tmp/github/statuses")" failure
show

cp "$tmp/artifacts/profgate-report/report.json" "$tmp/red.json"
python3 - "$tmp/red.json" >"$tmp/github/description" <<'WAIVERS'
import json, sys
report = json.load(open(sys.argv[1], encoding="utf-8"))
for scenario in report["scenarios"]:
    for finding in scenario["findings"]:
        if finding["level"] == "deny":
            print(f"Profgate-Waive: {finding['code']}:{finding['subject']} owner=@me reason=wanted for the release")
            # Whoever accepts that a path is lost has not accepted yet what its kernels cost: that is told on its own then.
            if finding["code"] == "path-missing":
                print(f"Profgate-Waive: structure-costlier:{finding['kernels'][0]} owner=@me reason=wanted for the release")
WAIVERS
rm -r traces # Nothing is profiled and nothing is read again.
check 'without the label the request counts for nothing' "$(run profgate-again.yml pull_request "$(pull unlabeled)")" 1
check 'with the label the stored report is green' "$(run profgate-again.yml pull_request "$(pull labeled)")" 0
show
check 'the comment is updated' "$(run profgate-comment.yml workflow_run "$(finished success)")" 0
check 'there is still one comment' "$(comments)" 1
check 'it says that all is well' "$(head -c 6 "$tmp/github/comment-1")" '**Pass'
check 'the commit is green' "$(tail -n 1 "$tmp/github/statuses")" success
show
exit "$failed"
