#!/usr/bin/env bash
# Runs the workflows that `profgate init` writes, with act, in a repository of their own: a green pull request, a red one with
# its comment, and the same green again by a waiver, without profiling. Needs act on PATH and a built profgate as argument.
set -euo pipefail

profgate="$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
# shellcheck source=tests/action/simulate.sh
source "$root/tests/action/simulate.sh"
action=example/profgate@0123456789abcdef0123456789abcdef01234567
mkdir -p "$tmp/engine"

comments() {
  find "$tmp/github" -name 'comment-*' | wc -l | tr -d ' '
}

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

# The change under test, which is judged further below.
git switch --quiet --create faster-startup
rm -r traces/decode
cp -R "$tmp/demo/after" traces/decode
git add .
git commit --quiet --message 'start faster'
git switch --quiet main

start_github

# What act copies is the action alone, not a build folder beside it.
mkdir -p "$tmp/action/.github"
cp "$root/action.yml" "$tmp/action/"
cp -R "$root/.github/action" "$tmp/action/.github/"

# The hosts' own command-line client is not here; this one knows the calls of the workflows.
program gh <<GH
dir=
for arg in "\$@"; do [ "\$dir" != --dir ] || dir="\$arg"; [ "\$arg" != --dir ] || dir=--dir; done
case "\$*" in
  # A gate that still runs is no run that has ended.
  *actions/workflows/profgate.yml/runs*) [ -f '$tmp/github/running' ] || echo 1 ;;
  *actions/workflows/profgate-again.yml/runs*) [ ! -d '$tmp/artifacts/profgate-waivers' ] || echo 2 ;;
  'run download 1 '*'--name profgate-report '*) mkdir -p "\$dir" && cp -R '$tmp/artifacts/profgate-report/.' "\$dir/" ;;
  'run download 2 '*'--name profgate-waivers '*) mkdir -p "\$dir" && cp -R '$tmp/artifacts/profgate-waivers/.' "\$dir/" ;;
  'api --method POST repos/'*statuses*) printf '%s\n' "\$*" | sed 's/.*state=\([a-z]*\).*/\1/' >>'$tmp/github/statuses' ;;
  # The commits that the event names; what stands there later has nobody's consent, and is no call that is known.
  *"/compare/main...$(git rev-parse faster-startup)?"*) printf '\nno trailer here\n' ;;
  *) echo "gh: unknown call: \$*" >&2; exit 1 ;;
esac
GH
# Nobody waits here: a pause is the time in which the gate ends.
program sleep <<SLEEP
rm -- '$tmp/github/running'
SLEEP

run() {
  simulate "$@" --local-repository "$action=$tmp/action"
}

pull() {
  touch "$tmp/github/description"
  jq --null-input --compact-output --arg action "$1" --arg sha "$(git rev-parse HEAD)" --rawfile body "$tmp/github/description" \
    '{action: $action, label: {name: "profgate-waive"},
      pull_request: {number: 7, body: $body, base: {sha: "main"}, head: {sha: $sha}}}'
}

# A run that ended: how, and of which workflow.
finished() {
  printf '{"workflow_run":{"id":1,"name":"%s","event":"pull_request","conclusion":"%s","head_sha":"%s","head_branch":"x","html_url":"https://github.example/run/1","head_repository":{"full_name":"me/engine","owner":{"login":"me"}}},"repository":{"default_branch":"main","full_name":"me/engine"}}' \
    "${2:-profgate}" "$1" "$(git rev-parse HEAD)"
}

check 'a pull request that changes nothing is green' "$(run profgate.yml pull_request "$(pull opened)")" 0
show
check 'it gets no comment' "$(run profgate-comment.yml workflow_run "$(finished success)")$(comments)" 00
show

git switch --quiet faster-startup
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
WAIVERS
rm -r traces # Nothing is profiled and nothing is read again.
check 'without the label the request counts for nothing' "$(run profgate-again.yml pull_request "$(pull unlabeled)")" 1
check 'with the label the stored report is green' "$(run profgate-again.yml pull_request "$(pull labeled)")" 0
show
touch "$tmp/github/running"
check 'a label that is put on while the gate runs waits for it' "$(run profgate-again.yml pull_request "$(pull labeled)")" 0
check 'the gate had ended then' "$([ -f "$tmp/github/running" ] && echo no || echo yes)" yes
show
check 'the comment is updated' "$(run profgate-comment.yml workflow_run "$(finished success 'profgate again')")" 0
check 'there is still one comment' "$(comments)" 1
check 'it says that all is well' "$(head -c 6 "$tmp/github/comment-1")" '**Pass'
check 'the commit is green' "$(tail -n 1 "$tmp/github/statuses")" success
show

git checkout --quiet -- traces
check 'the gate that is run once more is red, for it knows nothing of the label' "$(run profgate.yml pull_request "$(pull opened)")" 1
check 'what was consented to for this commit counts' "$(run profgate-comment.yml workflow_run "$(finished failure)")" 0
show
check 'so the commit stays green' "$(tail -n 1 "$tmp/github/statuses")" success
check 'and the comment says so' "$(head -c 6 "$tmp/github/comment-1")" '**Pass'
check 'a server that could not be started is red all the same' "$(
  jq '.exit_code = 0' "$tmp/red.json" >"$tmp/artifacts/profgate-report/report.json"
  run profgate-comment.yml workflow_run "$(finished failure)"
)$(tail -n 1 "$tmp/github/statuses")" 0failure
show
cp "$tmp/red.json" "$tmp/artifacts/profgate-report/report.json"
check 'without the label the consent is over' "$(run profgate-again.yml pull_request "$(pull unlabeled)")" 1
run profgate-comment.yml workflow_run "$(finished failure)" >/dev/null
check 'and the gate that is run once more is red' "$(tail -n 1 "$tmp/github/statuses")" failure
check 'with the comment that says why' "$(head -c 6 "$tmp/github/comment-1")" '**Fail'
show
exit "$failed"
