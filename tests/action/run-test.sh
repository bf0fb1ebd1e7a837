#!/usr/bin/env bash
# Tests of action.yml and .github/action/run.sh, with a fake profgate and no network. Prints one line a test.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
tmp="$(cd "$(mktemp -d)" && pwd -P)" # bash prints resolved paths, and macOS keeps its temporary folder behind a link.
trap 'rm -rf -- "$tmp"' EXIT
bare_path=/usr/bin:/bin
failed=0

# Starts a test from nothing: an empty workspace, default inputs, a fake profgate on PATH.
begin() {
  title="$1"
  ok=true
  case_dir="$(mktemp -d "$tmp/case.XXXXXX")"
  mkdir -p "$case_dir/workspace" "$case_dir/path" "$case_dir/temp"
  cp "$root/tests/action/fake-profgate" "$case_dir/path/profgate"
  script="$root/.github/action/run.sh"
  env=(
    "PATH=$case_dir/path:$bare_path" "HOME=$case_dir" "RUNNER_TEMP=$case_dir/temp" "GITHUB_OUTPUT=$case_dir/output"
    "FAKE_LOG=$case_dir/log" INPUT_CONFIG= INPUT_SCENARIO= INPUT_INPUT= INPUT_BASELINE=
    INPUT_REPORT_DIR=profgate-report INPUT_ON_INCONCLUSIVE= INPUT_ON_MISSING_BASELINE= INPUT_EXTRA_ARGS=
    INPUT_WORKING_DIRECTORY=. INPUT_INSTALL=true INPUT_VERSION=0.1.0
  )
  : >"$case_dir/output"
  : >"$case_dir/log"
}

# Runs the script with the given variables on top.
act() {
  code=0
  (cd "$case_dir/workspace" && env -i "${env[@]}" "$@" bash "$script") >"$case_dir/stdout" 2>&1 || code=$?
}

wrong() {
  ok=false
  printf '  %s\n' "$*"
}

expect_code() {
  [ "$code" = "$1" ] || wrong "exit code $code, expected $1"
}

expect_output() {
  local got
  # Both forms of an output: one line, or a block with an end of its own.
  got="$(awk -v name="$1" '
    end != "" { if ($0 == end) end = ""; else value = $0; next }
    index($0, name "<<") == 1 { end = substr($0, length(name) + 3); next }
    index($0, name "=") == 1 { value = substr($0, length(name) + 2) }
    END { print value }' "$case_dir/output")"
  [ "$got" = "$2" ] || wrong "output $1 is '$got', expected '$2'"
}

# The arguments of the only call, one a line.
expect_args() {
  local got
  got="$(sed -n 's/^arg=//p' "$case_dir/log")"
  [ "$got" = "$1" ] || wrong "arguments were:"$'\n'"$got"$'\n'"expected:"$'\n'"$1"
}

expect_calls() {
  local got
  got="$(grep -c '^end$' "$case_dir/log" || true)"
  [ "$got" = "$1" ] || wrong "profgate ran $got times, expected $1"
}

expect_printed() {
  grep -qF -- "$1" "$case_dir/stdout" || wrong "did not print: $1"
}

finish() {
  if $ok; then
    echo "ok: $title"
  else
    echo "FAILED: $title"
    sed 's/^/  | /' "$case_dir/stdout"
    failed=1
  fi
}

without_profgate() {
  rm "$case_dir/path/profgate"
}

# A copy of the action whose checksum table knows one archive, and a mirror that serves it.
with_release() {
  local archive
  archive="profgate-0.1.0-$(bash -c "$(sed -n '/^release_target()/,/^}/p' "$script"); release_target").tar.gz"
  mkdir -p "$case_dir/mirror/profgate-0.1.0" "$case_dir/repo/.github/action"
  cp "$root/tests/action/fake-profgate" "$case_dir/mirror/profgate-0.1.0/profgate"
  tar -czf "$case_dir/mirror/$archive" -C "$case_dir/mirror" profgate-0.1.0
  cp "$script" "$case_dir/repo/.github/action/"
  script="$case_dir/repo/.github/action/run.sh"
  printf '# comment\n%s  %s\n' "$({ sha256sum || shasum -a 256; } <"$case_dir/mirror/$archive" 2>/dev/null | cut -d ' ' -f 1)" \
    "$archive" >"$case_dir/repo/.github/action/checksums.txt"
  released="$case_dir/mirror/$archive"
}

begin 'defaults call check once and nothing else'
act
expect_code 0
expect_calls 1
expect_args 'check
--github
--report-dir=profgate-report'
expect_output verdict pass
expect_output exit-code 0
expect_output report-json "$case_dir/workspace/profgate-report/report.json"
expect_output junit "$case_dir/workspace/profgate-report/junit.xml"
expect_output comment "$case_dir/workspace/profgate-report/comment.md"
finish

begin 'spaces, globs, quotes and commands survive as text'
mkdir "$case_dir/workspace/my project"
act 'INPUT_WORKING_DIRECTORY=my project' 'INPUT_CONFIG=conf dir/profgate.yaml' 'INPUT_BASELINE=-b "x".yaml' \
  'INPUT_REPORT_DIR=out dir' INPUT_ON_INCONCLUSIVE=warn INPUT_ON_MISSING_BASELINE=seed \
  INPUT_INPUT=$'a b/*\r\n\nqwen=$(touch pwned)\n' INPUT_EXTRA_ARGS=$'--exit-zero\n`touch pwned`' \
  INPUT_SCENARIO=$'llama 8b\n--help'
expect_code 0
# shellcheck disable=SC2016 # The dollar signs must arrive as they are.
expect_args 'check
--github
--report-dir=out dir
--config=conf dir/profgate.yaml
--baseline=-b "x".yaml
--on-inconclusive=warn
--on-missing-baseline=seed
--input=a b/*
--input=qwen=$(touch pwned)
--exit-zero
`touch pwned`
--
llama 8b
--help'
grep -qxF "cwd=$case_dir/workspace/my project" "$case_dir/log" || wrong 'ran in another folder'
expect_output report-json "$case_dir/workspace/my project/out dir/report.json"
[ -z "$(find "$case_dir" -name pwned)" ] || wrong 'an input was run as a command'
finish

for want in 1:fail 3:inconclusive 4:no-baseline 5:error; do
  begin "exit code ${want%:*} passes through with its reports"
  act "FAKE_CODE=${want%:*}" "FAKE_VERDICT=${want#*:}"
  expect_code "${want%:*}"
  expect_calls 1
  expect_output exit-code "${want%:*}"
  expect_output verdict "${want#*:}"
  expect_output junit "$case_dir/workspace/profgate-report/junit.xml"
  finish
done

begin 'a report of an earlier step is not handed on'
mkdir "$case_dir/workspace/profgate-report"
echo stale >"$case_dir/workspace/profgate-report/report.json"
act FAKE_CODE=2
expect_code 2
expect_output verdict error
expect_output exit-code 2
expect_output report-json ''
finish

begin 'PROFGATE_BIN wins over PATH, also as a relative path'
mkdir "$case_dir/workspace/sub" "$case_dir/workspace/bin"
mv "$case_dir/path/profgate" "$case_dir/workspace/bin/mine"
printf '#!/bin/sh\nexit 9\n' >"$case_dir/path/profgate"
chmod +x "$case_dir/path/profgate"
act PROFGATE_BIN=bin/mine INPUT_WORKING_DIRECTORY=sub
expect_code 0
expect_calls 1
finish

begin 'a second line cannot forge an output'
act INPUT_REPORT_DIR=$'x\nverdict=pass'
expect_code 2
expect_calls 0
expect_output verdict error
finish

begin 'install: false without a profgate is an error'
without_profgate
act INPUT_INSTALL=false
expect_code 2
expect_printed '::error title=profgate (no profgate)::'
expect_output verdict error
finish

begin 'an unknown value of install is named'
without_profgate
act INPUT_INSTALL=yes
expect_code 2
expect_printed "'yes'; it takes true, false or build"
finish

begin 'a release without checksum is refused with the remedy'
without_profgate
act INPUT_VERSION=99.0.0
expect_code 2
expect_printed 'no checksum for profgate-99.0.0-'
expect_printed "install: build"
finish

begin 'a missing working directory is named'
act INPUT_WORKING_DIRECTORY=nowhere
expect_code 5
expect_calls 0
expect_printed "no folder 'nowhere'"
finish

begin 'a release with the right checksum is downloaded and run'
without_profgate
with_release
act "PROFGATE_DOWNLOAD_URL=file://$case_dir/mirror" INPUT_VERSION=v0.1.0
expect_code 0
expect_calls 1
expect_output verdict pass
finish

begin 'a release with another checksum is not unpacked'
without_profgate
with_release
echo tampered >>"$released"
act "PROFGATE_DOWNLOAD_URL=file://$case_dir/mirror"
expect_code 5
expect_calls 0
expect_printed 'checksum mismatch'
[ -z "$(find "$case_dir/temp" -name profgate -type f)" ] || wrong 'the archive was unpacked'
finish

begin 'a release that is not there is an I/O failure'
without_profgate
with_release
act "PROFGATE_DOWNLOAD_URL=file://$case_dir/elsewhere"
expect_code 5
expect_printed 'download failed'
finish

begin 'install: build compiles the source of the action'
without_profgate
cat >"$case_dir/path/cargo" <<CARGO
#!/usr/bin/env bash
set -euo pipefail
printf '%s\n' "\$@" >'$case_dir/cargo-args'
mkdir -p '$case_dir/temp/profgate-action/build/bin'
cp '$root/tests/action/fake-profgate' '$case_dir/temp/profgate-action/build/bin/profgate'
CARGO
chmod +x "$case_dir/path/cargo"
act INPUT_INSTALL=build
expect_code 0
expect_calls 1
grep -qx -- --locked "$case_dir/cargo-args" || wrong 'built without --locked'
finish

if ! PATH="$bare_path" command -v cargo >/dev/null; then
  begin 'install: build without cargo says so'
  without_profgate
  act INPUT_INSTALL=build
  expect_code 2
  expect_printed 'needs a Rust toolchain'
  finish
fi

begin 'action.yml passes every input on, run.sh reads no other, and the version is ours'
: >"$case_dir/stdout"
declared="$(sed -n '/^inputs:/,/^outputs:/s/^  \([a-z-]*\):$/\1/p' "$root/action.yml" | LC_ALL=C sort)"
passed="$(sed -n 's/^ *INPUT_[A-Z_]*: \${{ inputs\.\([a-z-]*\) }}$/\1/p' "$root/action.yml" | LC_ALL=C sort)"
read_by_script="$(grep -o 'INPUT_[A-Z_]*[A-Z]' "$script" | sed 's/INPUT_//' | tr 'A-Z_' 'a-z-' | LC_ALL=C sort -u)"
[ "$declared" = "$passed" ] || wrong "declared and passed on differ: $(diff <(echo "$declared") <(echo "$passed"))"
[ "$declared" = "$read_by_script" ] || wrong "declared and read differ: $(diff <(echo "$declared") <(echo "$read_by_script"))"
version="$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)"
grep -qxF "    default: \"$version\"" "$root/action.yml" || wrong "action.yml does not default to version $version"
finish

exit "$failed"
