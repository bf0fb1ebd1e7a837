#!/usr/bin/env bash
# Runs gate.yml, comment.yml and release.yml of this repository with act: a pull request that is judged and commented, and a tag
# that becomes a draft with archives. What cannot be had here, a build for other machines and a signature, is stood in for.
# Needs act on PATH and a built profgate as argument.
set -euo pipefail

profgate="$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
# shellcheck source=tests/action/simulate.sh
source "$root/tests/action/simulate.sh"
version="$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)"

# Cargo of this repository without a build: what it would run or compile is there already.
program cargo <<CARGO
case "\$*" in
  'run --locked --release -- '*) shift 4; exec '$profgate' "\$@" ;;
  'build --locked --release --target '*) mkdir -p "target/\$5/release" && cp '$profgate' "target/\$5/release/profgate" ;;
  *) echo "cargo: unknown call: \$*" >&2; exit 1 ;;
esac
CARGO
for name in sudo rustup; do echo "echo $name \"\$@\"" | program "$name"; done
program gh <<GH
[ "\$1 \$2" = 'release create' ] || { echo "gh: unknown call: \$*" >&2; exit 1; }
printf '%s\n' "\$@" >'$tmp/github/release'
cp dist/*.tar.gz SHA256SUMS '$tmp/github/'
GH

mkdir "$tmp/engine"
cd "$tmp/engine"
git init --quiet --initial-branch main
git config user.name me
git config user.email me@example.com
mkdir .github
cp -R "$root/.github/action" "$root/.github/release" "$root/.github/workflows" .github/
cp "$root"/{action.yml,Cargo.toml,README.md,CHANGELOG.md,LICENSE-APACHE,LICENSE-MIT} .
git add .
git commit --quiet --message 'the action'
start_github

pull() {
  printf '{"action":"opened","number":7,"pull_request":{"number":7,"base":{"sha":"main"},"head":{"sha":"%s"}}}' "$(git rev-parse HEAD)"
}

finished() {
  printf '{"workflow_run":{"id":1,"name":"gate","event":"pull_request","conclusion":"%s","head_sha":"%s","head_branch":"x","head_repository":{"full_name":"me/engine","owner":{"login":"me"}}},"repository":{"default_branch":"main","full_name":"me/engine"}}' \
    "$1" "$(git rev-parse HEAD)"
}

comments() {
  find "$tmp/github" -name 'comment-*' | wc -l | tr -d ' '
}

check 'gate.yml: the traces of another job are green' "$(simulate gate.yml pull_request "$(pull)")" 0
show
check 'its report is left for another workflow' "$(sed -n 's/^  "verdict": "\(.*\)",$/\1/p' "$tmp/artifacts/profgate-report/report.json")" pass
check 'comment.yml: nothing changed, and nothing is said' "$(simulate comment.yml workflow_run "$(finished success)")$(comments)" 00
show

# The same workflow, when the change has lost a kernel.
sed -i.orig 's|input: demo/before|input: demo/after|' .github/workflows/gate.yml
rm .github/workflows/*.orig
git commit --quiet --all --message 'a change'
check 'gate.yml: a lost kernel is red' "$(simulate gate.yml pull_request "$(pull)")" 1
check 'comment.yml: the report becomes a comment' "$(simulate comment.yml workflow_run "$(finished failure)")$(comments)" 01
check 'it begins with the verdict' "$(head -c 6 "$tmp/github/comment-1")" '**Fail'
show

# The same report, with the token of another app: whose comment it is decides, not what stands in it.
cp "$tmp/github/comment-1" "$tmp/first"
echo 'engine-gate[bot]' >"$tmp/github/viewer"
check 'comment.yml: the comment of another app is not written over' "$(simulate comment.yml workflow_run "$(finished failure)")$(comments)" 02
check 'and stays as it is' "$(cmp "$tmp/first" "$tmp/github/comment-1" && echo same)" same
check 'the own one is' "$(simulate comment.yml workflow_run "$(finished failure)")$(comments)" 02
rm "$tmp/github/viewer"
show

# By hand, on a server that runs. Here a capture of it is one of the demo.
"$profgate" --quiet demo --output "$tmp/demo" >/dev/null
cp "$tmp/demo/baseline.yaml" baseline.yaml
git add .
git commit --quiet --message 'a baseline'
real="$profgate"
profgate="$tmp/profgate"
cat >"$profgate" <<PROFGATE
#!/usr/bin/env bash
set -euo pipefail
case " \$*" in *" --url="*) ;; *) exec '$real' "\$@" ;; esac
printf '%s\n' "\$@" >'$tmp/github/capture'
rest=()
for arg in "\$@"; do
  case "\$arg" in
    --capture-dir=*)
      cp -R '$tmp/demo/after' "\${arg#*=}"
      rest+=("--input=\${arg#*=}")
      ;;
    --url=* | --framework=*) ;;
    *) rest+=("\$arg") ;;
  esac
done
exec '$real' "\${rest[@]}"
PROFGATE
chmod +x "$profgate"
by_hand='{"inputs":{"url":"http://127.0.0.1:30000","framework":"sglang","baseline":"baseline.yaml","runner":"[\"self-hosted\",\"gpu\"]"}}'
check 'gate.yml: a server that lost a kernel is red' "$(simulate gate.yml workflow_dispatch "$by_hand")" 1
check 'it was profiled first' "$(grep -E '^--(url|capture-dir|framework)=' "$tmp/github/capture" | paste -sd ' ')" \
  '--url=http://127.0.0.1:30000 --capture-dir=profgate-capture --framework=sglang'
check 'its report is kept' "$(sed -n 's/^  "verdict": "\(.*\)",$/\1/p' "$tmp/artifacts/profgate-report/report.json")" fail
show
profgate="$real"

rm -rf -- "$tmp/artifacts"
mkdir "$tmp/artifacts"
tag() {
  printf '{"ref":"refs/tags/%s","ref_name":"%s","ref_type":"tag"}' "$1" "$1"
}
check 'release.yml: a tag that is not the version is refused' "$(simulate release.yml push "$(tag v99.0.0)" --env GITHUB_REF_NAME=v99.0.0)" 1
check 'which is said' "$(grep -c '::error::the tag is v99.0.0' "$tmp/log" | sed 's/^[1-9].*/said/')" said
check 'release.yml: the tag of this version becomes a draft' "$(simulate release.yml push "$(tag "v$version")")" 0
show
check 'with an archive for each machine' "$(cd "$tmp/github" && echo *.tar.gz)" \
  "profgate-$version-aarch64-apple-darwin.tar.gz profgate-$version-aarch64-unknown-linux-musl.tar.gz profgate-$version-x86_64-unknown-linux-musl.tar.gz"
check 'and their sums' "$(cd "$tmp/github" && { sha256sum --check --quiet SHA256SUMS || shasum -a 256 -c SHA256SUMS; } >/dev/null 2>&1 && wc -l <SHA256SUMS | tr -d ' ')" 3
check 'nobody sees it before the sums are in the table' "$(grep -cx -- --draft "$tmp/github/release")" 1

# Those lines in the table are all that the action needs to install what was released.
grep -h 'tar.gz' "$tmp/github/SHA256SUMS" >>.github/action/checksums.txt
mkdir "$tmp/temp"
installed="$(
  set +e
  env -i PATH="/usr/bin:/bin" HOME="$tmp" RUNNER_TEMP="$tmp/temp" GITHUB_OUTPUT="$tmp/output" bash -c "
    $(sed -n 's/^        \(INPUT_[A-Z_]*\):.*/export \1=/p' action.yml)
    export INPUT_MODE=check INPUT_FAIL_ON=inconclusive INPUT_COMMENT=off INPUT_ANNOTATIONS=false INPUT_SUMMARY=false
    export INPUT_INSTALL=true INPUT_VERSION=$version INPUT_MIRROR='$tmp/github' INPUT_WORKING_DIRECTORY=. INPUT_REPORT_DIR='$tmp/r'
    export INPUT_CAPTURE_DIR=c INPUT_INPUT='$tmp/demo/before' INPUT_BASELINE='$tmp/demo/baseline.yaml'
    bash .github/action/run.sh" >"$tmp/log" 2>&1
  echo $?
)"
check 'the action installs the released archive by its sum and judges with it' "$installed" 0
show
exit "$failed"
