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
while [ \$# -gt 0 ]; do
  case "\$1" in
    --title) printf '%s\n' "\$2" >'$tmp/github/title' ;;
    --body-file) cp "\$2" '$tmp/github/body' ;;
  esac
  shift
done
GH

"$real" demo --quiet --output "$tmp/demo" >/dev/null
# Kernels that take another time: the folder's name, then a word of a kernel's name and a factor for each.
scaled() {
  cp -R "$tmp/demo/before" "$tmp/demo/$1"
  python3 - "$tmp/demo/$1" "${@:2}" <<'SCALED'
import gzip, json, pathlib, sys
factors = dict(zip(sys.argv[2::2], map(float, sys.argv[3::2])))
for path in pathlib.Path(sys.argv[1]).iterdir():
    if not path.name.endswith(".json.gz"):
        continue
    trace = json.loads(gzip.decompress(path.read_bytes()))
    for event in trace["traceEvents"]:
        for word, factor in factors.items():
            if event.get("cat") == "kernel" and word in event.get("name", ""):
                event["dur"] = round(event["dur"] * factor, 3)
    path.write_bytes(gzip.compress(json.dumps(trace).encode(), mtime=0))
SCALED
}
# One kernel is faster tonight, and another slower, so that `check` fails or does not.
scaled mixed fused_qknorm 0.6 fused_add_rmsnorm 1.6
scaled slower fused_qknorm 1.12

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
  rm -f "$tmp/github/pr" "$tmp/github/calls" "$tmp/github/body" "$tmp/github/title"
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

  main_expects before
  check "$workflow: a night that is slower within what check passes is green" "$(night "$workflow" slower) $(calls)" '0 create'
  check 'saying first that it accepts more' "$(head -n 1 "$tmp/github/body" | cut -c 1-10)" '**Looser**'
  check 'in the title too' "$(cat "$tmp/github/title")" 'profgate: 1 baseline with new numbers, 1 looser'
  show
done

# Two scenarios in one night, as the workflow's comment says; what could be had of one is no capture.
python3 - .github/workflows/profgate-nightly.yml <<'SEVERAL'
import pathlib, sys
path = pathlib.Path(sys.argv[1])
several = "          input: |\n            decode=nightly/decode\n            prefill=nightly/prefill\n"
text = path.read_text(encoding="utf-8")
assert "          input: nightly\n" in text
path.write_text(text.replace("          input: nightly\n", several), encoding="utf-8")
SEVERAL
cat >>profgate.yaml <<'SECOND'
  prefill: { input: traces, baseline: baselines/prefill.yaml }
SECOND
main_expects after
cp baselines/decode.yaml baselines/prefill.yaml
git add . && git commit --quiet --message 'two scenarios' && git push --quiet origin main
# What a night of two captures leaves: the folder of the demo for prefill, or nothing.
two_nights() {
  rm -rf -- "$tmp/artifacts"
  mkdir -p "$tmp/artifacts"
  rm -rf -- "$tmp/night"
  mkdir -p "$tmp/night/decode" "$tmp/night/prefill"
  cp -R "$tmp/demo/before" "$tmp/night/decode/repeat-1"
  [ -z "$1" ] || cp -R "$tmp/demo/$1" "$tmp/night/prefill/repeat-1"
  simulate profgate-nightly.yml workflow_dispatch '{"ref":"refs/heads/main"}' --local-repository "$action=$tmp/action"
}
check 'two scenarios: a capture without traces turns the night red' "$(two_nights '')" 1
check 'and the other scenario is proposed all the same' "$(calls) $(origin diff --name-only main profgate/refresh)" 'create baselines/decode.yaml'
check 'saying first which is not' "$(head -n 1 "$tmp/github/body" | cut -c 1-17)" '**Not refreshed**'
check 'in the title too' "$(grep -c 'not refreshed' "$tmp/github/title")" 1
show
check 'two scenarios: both are proposed' "$(two_nights before) $(calls)" '0 create edit'
check 'with a file each' "$(origin diff --name-only main profgate/refresh | paste -sd ' ' -)" 'baselines/decode.yaml baselines/prefill.yaml'
show
exit "$failed"
