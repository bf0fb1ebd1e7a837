#!/usr/bin/env bash
# Runs the nightly refresh with act, ours and the one that `profgate init` writes, in a repository of its own: a quiet night, a
# better one, the same once more, a worse one, and one that is both. Needs act on PATH and a built profgate as argument.
set -euo pipefail

real="$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
profgate="$real"
# shellcheck source=tests/action/simulate.sh
source "$root/tests/action/simulate.sh"
action=example/profgate@0123456789abcdef0123456789abcdef01234567

# There is no server: what a capture of one would be lies in $tmp/night.
profgate="$tmp/profgate"
cat >"$profgate" <<PROFGATE
#!/usr/bin/env bash
set -euo pipefail
[ "\$1" = capture ] || exec '$real' "\$@"
for arg in "\$@"; do
  case "\$arg" in --output=*) mkdir -p "\${arg#*=}" && cp -R '$tmp/night/.' "\${arg#*=}/" ;; esac
done
PROFGATE
chmod +x "$profgate"
program gh <<GH
case "\$1 \$2" in
  'auth setup-git') exit 0 ;;
  'pr list') cat '$tmp/github/pr' 2>/dev/null || true; exit 0 ;;
  'pr create') echo 7 >'$tmp/github/pr' ;;
  'pr edit') ;;
  *) echo "gh: unknown call: \$*" >&2; exit 1 ;;
esac
printf '%s\n' "\$2" >>'$tmp/github/calls'
while [ "\$1" != --body-file ]; do shift; done
cp "\$2" '$tmp/github/body'
GH

"$real" demo --quiet --output "$tmp/demo" >/dev/null
cp -R "$tmp/demo/before" "$tmp/demo/mixed"
# One kernel is faster tonight, and another slower.
python3 - "$tmp"/demo/mixed <<'MIXED'
import gzip, json, pathlib, sys
for path in pathlib.Path(sys.argv[1]).iterdir():
    if not path.name.endswith(".json.gz"):
        continue
    trace = json.loads(gzip.decompress(path.read_bytes()))
    for event in trace["traceEvents"]:
        name = event.get("name", "")
        if event.get("cat") == "kernel" and "fused_qknorm" in name:
            event["dur"] = round(event["dur"] * 0.6, 3)
        if event.get("cat") == "kernel" and "fused_add_rmsnorm" in name:
            event["dur"] = round(event["dur"] * 1.6, 3)
    path.write_bytes(gzip.compress(json.dumps(trace).encode(), mtime=0))
MIXED

mkdir -p "$tmp/engine/baselines" "$tmp/action/.github"
cp "$root/action.yml" "$tmp/action/"
cp -R "$root/.github/action" "$tmp/action/.github/"
cd "$tmp/engine"
git init --quiet --initial-branch main
git config user.name me
git config user.email me@example.com
git init --quiet --bare --initial-branch main "$tmp/origin.git"
git remote add origin "$tmp/origin.git"
"$real" init --quiet --action "$action"
cp "$root/.github/workflows/nightly-refresh.yml" .github/workflows/
cp -R "$tmp/action/." .
printf 'schema: 1\nscenarios:\n  decode: { input: traces, baseline: baselines/decode.yaml }\n' >profgate.yaml

# The main branch expects this: a folder of the demo.
main_expects() {
  "$real" --quiet baseline record "$tmp/demo/$1" --output baselines/decode.yaml
  git add .
  git commit --quiet --allow-empty --message "expects $1"
  git push --quiet --force origin main
  git push --quiet origin :profgate/refresh 2>/dev/null || true
  rm -f "$tmp/github/pr" "$tmp/github/calls" "$tmp/github/body"
}

# One night that measures this: workflow, a folder of the demo.
night() {
  rm -rf -- "$tmp/night" "$tmp/artifacts"
  mkdir -p "$tmp/night" "$tmp/artifacts"
  cp -R "$tmp/demo/$2" "$tmp/night/repeat-1"
  cp -R "$tmp/demo/$2" "$tmp/night/repeat-2"
  tar -czf "$tmp/night.tar.gz" -C "$tmp/night" .
  simulate "$1" workflow_dispatch "{\"inputs\":{\"traces\":\"file://$tmp/night.tar.gz\",\"url\":\"\"},\"ref\":\"refs/heads/main\"}" \
    --local-repository "$action=$tmp/action"
}

# What the host holds.
origin() {
  git --git-dir "$tmp/origin.git" "$@"
}

calls() {
  paste -sd ' ' "$tmp/github/calls" 2>/dev/null || true
}

says() {
  grep -qF -- "$1" "$2" && echo yes || echo no
}

for workflow in nightly-refresh.yml profgate-nightly.yml; do
  main_expects before
  check "$workflow: a night without news is green" "$(night "$workflow" before)" 0
  check 'and proposes nothing' "$(calls)$(origin branch --list profgate/refresh)" ''
  check 'which it says' "$(says 'Nothing moved beyond noise.' "$tmp/log")" yes
  show

  main_expects after
  check "$workflow: a better night is green" "$(night "$workflow" before)" 0
  show
  check 'and opens one pull request' "$(calls)" create
  check 'whose text is the diff in words' "$(says '+   flashinfer-fused-add-rms-norm-bf16 (norm), 96 a step' "$tmp/github/body")" yes
  check 'the main branch is as it was' "$(origin log --format=%s -1 main)" 'expects after'
  check 'the branch holds the baseline alone' "$(origin diff --name-only main profgate/refresh)" baselines/decode.yaml
  origin show profgate/refresh:baselines/decode.yaml >"$tmp/new.yaml"
  check 'which accepts the better capture' "$("$real" --quiet check --baseline "$tmp/new.yaml" --report-dir "$tmp/r" "$tmp/demo/before" >/dev/null 2>&1; echo $?)" 0
  check "$workflow: the night after updates it" "$(night "$workflow" before) $(calls)" '0 create edit'
  show

  main_expects before
  check "$workflow: a night that regressed is red" "$(night "$workflow" after)" 1
  check 'and proposes nothing' "$(calls)$(origin branch --list profgate/refresh)" ''
  check 'its log begins with that' "$(says '**Regressed**: the captures of 1 of 1 baseline fail' "$tmp/log")" yes
  check 'and marks the row' "$(says '::error file=baselines/decode.yaml,line=' "$tmp/log")" yes
  show

  main_expects before
  check "$workflow: a night that is both is red" "$(night "$workflow" mixed)" 1
  check 'and proposes what is better' "$(calls)" create
  check 'saying first what is not' "$(head -n 1 "$tmp/github/body" | cut -c 1-13)" '**Regressed**'
  check 'the faster kernel is taken' "$(origin diff main profgate/refresh | grep -c '^+.*qknorm')" 1
  check 'the slower one is not' "$(origin diff main profgate/refresh | grep -c '^+.*fused-add' || true)" 0
  show
done
exit "$failed"
