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
    "FAKE_LOG=$case_dir/log" GITHUB_EVENT_NAME=push INPUT_MODE=check INPUT_CONFIG= INPUT_SCENARIO= INPUT_INPUT= INPUT_URL=
    INPUT_FRAMEWORK= INPUT_CAPTURE_DIR=profgate-capture INPUT_CAPTURE_ARGS= INPUT_BASELINE= INPUT_BASELINE_DIR= INPUT_CATALOG=
    INPUT_FAIL_ON=inconclusive INPUT_ON_MISSING_BASELINE= INPUT_COMMENT=changes INPUT_ANNOTATIONS=true
    INPUT_SUMMARY=true INPUT_REPORT_DIR=profgate-report INPUT_REPORT_PATH= INPUT_JUNIT_PATH= INPUT_TOKEN=secret INPUT_AUTHOR=
    INPUT_EXTRA_ARGS= INPUT_WORKING_DIRECTORY=. INPUT_INSTALL=true INPUT_VERSION=0.1.0 INPUT_MIRROR=
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

# The arguments of all calls, one a line.
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
  archive="profgate-0.1.0-$(bash -c "$(sed -n '/^release_target()/,/^}/p' "$root/.github/action/install.sh"); release_target").tar.gz"
  mkdir -p "$case_dir/mirror/profgate-0.1.0" "$case_dir/repo/.github/action"
  cp "$root/tests/action/fake-profgate" "$case_dir/mirror/profgate-0.1.0/profgate"
  tar -czf "$case_dir/mirror/$archive" -C "$case_dir/mirror" profgate-0.1.0
  cp "$script" "$root/.github/action/install.sh" "$case_dir/repo/.github/action/"
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
--report-dir=profgate-report
--github=outputs,annotations,summary'
expect_output verdict pass
expect_output exit-code 0
expect_output report-json "$case_dir/workspace/profgate-report/report.json"
expect_output junit "$case_dir/workspace/profgate-report/junit.xml"
expect_output comment "$case_dir/workspace/profgate-report/comment.md"
finish

begin 'spaces, globs, quotes and commands survive as text'
mkdir "$case_dir/workspace/my project"
act 'INPUT_WORKING_DIRECTORY=my project' 'INPUT_CONFIG=conf dir/profgate.yaml' 'INPUT_BASELINE=-b "x".yaml' \
  'INPUT_REPORT_DIR=out dir' INPUT_FAIL_ON=failure INPUT_ON_MISSING_BASELINE=seed 'INPUT_BASELINE_DIR=main/base lines' 'INPUT_CATALOG=my catalogs' \
  INPUT_INPUT=$'a b/*\r\n\nqwen=$(touch pwned)\n' INPUT_EXTRA_ARGS=$'--exit-zero\n`touch pwned`' \
  INPUT_SCENARIO=$'llama 8b\n--help'
expect_code 0
# shellcheck disable=SC2016 # The point is that nothing expands.
expect_args 'check
--report-dir=out dir
--github=outputs,annotations,summary
--on-inconclusive=warn
--config=conf dir/profgate.yaml
--baseline=-b "x".yaml
--baseline-dir=main/base lines
--catalog=my catalogs
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
expect_printed "'yes'; it takes true, false, build"
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

begin 'a release without checksum is refused with the remedies'
without_profgate
with_release
act INPUT_VERSION=99.0.0
expect_code 2
expect_output verdict error
expect_printed '::error title=profgate (no released binary)::'
expect_printed 'no checksum for profgate-99.0.0-'
expect_printed "install: build"
finish

begin 'before the first release the action says that there is none, and what to do'
without_profgate
with_release
echo '# comment' >"$case_dir/repo/.github/action/checksums.txt"
act
expect_code 2
expect_calls 0
expect_printed 'There is no released profgate yet'
expect_printed "'install: build', with a Rust toolchain"
expect_printed 'PROFGATE_BIN names'
expect_printed "'install: false'"
finish

begin 'a folder of this machine can be the mirror'
without_profgate
with_release
act "INPUT_MIRROR=$case_dir/mirror/"
expect_code 0
expect_calls 1
finish

begin 'a runner that keeps its tools downloads a release once, and trusts what it kept by its checksum alone'
without_profgate
with_release
act "INPUT_MIRROR=$case_dir/mirror" "RUNNER_TOOL_CACHE=$case_dir/tools"
expect_code 0
act "INPUT_MIRROR=$case_dir/nowhere" "RUNNER_TOOL_CACHE=$case_dir/tools"
expect_code 0
expect_calls 2
echo tampered >>"$case_dir/tools/profgate/${released##*/}"
act "INPUT_MIRROR=$case_dir/nowhere" "RUNNER_TOOL_CACHE=$case_dir/tools"
expect_code 5
expect_printed 'download failed'
act "INPUT_MIRROR=$case_dir/mirror" "RUNNER_TOOL_CACHE=/proc/nowhere"
expect_code 0
finish

begin 'a mirror that is neither address nor absolute path is refused'
without_profgate
with_release
act INPUT_MIRROR=mirror
expect_code 2
expect_printed "'mirror' is neither an address nor the absolute path of a folder"
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

begin 'channels and fail-on have their own spelling on the command line'
act INPUT_ANNOTATIONS=false INPUT_SUMMARY=false INPUT_FAIL_ON=never
expect_code 0
expect_args 'check
--report-dir=profgate-report
--github=outputs
--exit-zero'
finish

for wrong_input in MODE:mode:profile FAIL_ON:fail-on:sometimes COMMENT:comment:yes ANNOTATIONS:annotations:no SUMMARY:summary:1; do
  IFS=: read -r variable name value <<<"$wrong_input"
  begin "an unknown value of $name is named"
  act "INPUT_$variable=$value"
  expect_code 2
  expect_calls 0
  expect_printed "The input '$name' is '$value'; it takes "
  expect_output verdict error
  finish
done

begin 'a pull request gets its comment from the report of the only judgement'
act GITHUB_EVENT_NAME=pull_request FAKE_CODE=1 FAKE_VERDICT=fail INPUT_COMMENT=failures
expect_code 1
expect_calls 2
expect_args "check
--report-dir=profgate-report
--github=outputs,annotations,summary
comment
$case_dir/workspace/profgate-report/report.json
--github
--when=failures"
expect_output verdict fail
expect_output comment-url https://forge.example/1
finish

begin 'whose comments may be written over is passed on in every mode that comments'
for mode in check comment; do
  : >"$case_dir/log"
  act GITHUB_EVENT_NAME=pull_request "INPUT_MODE=$mode" 'INPUT_AUTHOR=my-app[bot]'
  expect_code 0
  grep -qxF 'arg=--author=my-app[bot]' "$case_dir/log" || wrong "$mode did not pass the author on"
done
finish

begin 'the token is seen by the comment and by nothing else'
act GITHUB_EVENT_NAME=pull_request INPUT_TOKEN=secret
expect_code 0
[ "$(sed -n 's/^token=//p' "$case_dir/log")" = $'\nsecret' ] || wrong "tokens seen: $(sed -n 's/^token=//p' "$case_dir/log")"
finish

begin 'a comment that cannot be written is a warning'
act GITHUB_EVENT_NAME=pull_request FAKE_COMMENT_CODE=5
expect_code 0
expect_output exit-code 0
expect_printed '::warning title=profgate (no comment)::'
finish

begin 'no comment where there is no report, no pull request or no wish'
act GITHUB_EVENT_NAME=pull_request FAKE_CODE=2
expect_calls 1
act GITHUB_EVENT_NAME=push
expect_calls 2
act GITHUB_EVENT_NAME=pull_request INPUT_COMMENT=off
expect_calls 3
finish

begin 'reports are copied to where they are wanted too'
act INPUT_REPORT_PATH=out/r.json "INPUT_JUNIT_PATH=$case_dir/j/junit.xml" FAKE_CODE=1
expect_code 1
[ -s "$case_dir/workspace/out/r.json" ] && [ -s "$case_dir/j/junit.xml" ] || wrong 'a copy is missing'
finish

begin 'mode capture profiles the server and judges nothing'
act INPUT_MODE=capture INPUT_URL=http://127.0.0.1:30000 INPUT_FRAMEWORK=sglang INPUT_CAPTURE_ARGS=--server-dir=/traces
expect_code 0
expect_args 'capture
--url=http://127.0.0.1:30000
--output=profgate-capture
--framework=sglang
--server-dir=/traces'
expect_output exit-code 0
expect_output capture "$case_dir/workspace/profgate-capture"
finish

begin 'mode capture without an address says so'
act INPUT_MODE=capture
expect_code 2
expect_calls 0
expect_printed "needs the input 'url'"
finish

begin 'mode check with an address has it profiled and judged at once'
act INPUT_URL=http://127.0.0.1:8000 INPUT_CAPTURE_DIR=cap INPUT_FRAMEWORK=vllm INPUT_CAPTURE_ARGS=--server-dir=/traces INPUT_SCENARIO=decode
expect_code 0
expect_args 'check
--report-dir=profgate-report
--github=outputs,annotations,summary
--url=http://127.0.0.1:8000
--capture-dir=cap
--framework=vllm
--server-dir=/traces
--
decode'
expect_output verdict pass
expect_output capture "$case_dir/workspace/cap"
finish

begin 'a capture that failed has a report and a comment, and is no capture'
act GITHUB_EVENT_NAME=pull_request INPUT_URL=http://127.0.0.1:8000 FAKE_CAPTURE_CODE=5 FAKE_CODE=5 FAKE_VERDICT=inconclusive
expect_code 5
expect_calls 2
expect_output verdict inconclusive
expect_output report-json "$case_dir/workspace/profgate-report/report.json"
expect_output comment-url https://forge.example/1
expect_output capture ''
finish

begin 'a mistake in the call leaves no report of an earlier step'
mkdir "$case_dir/workspace/profgate-report"
echo stale >"$case_dir/workspace/profgate-report/report.json"
act INPUT_URL=http://127.0.0.1:8000 FAKE_CODE=2
expect_code 2
expect_output verdict error
expect_output report-json ''
finish

begin 'mode report judges a stored report again'
echo '{}' >"$case_dir/workspace/stored.json"
act INPUT_MODE=report INPUT_REPORT_PATH=stored.json INPUT_CONFIG=profgate.yaml INPUT_EXTRA_ARGS=--trailers=commits.txt
expect_code 0
expect_args 'report
stored.json
--report-dir=profgate-report
--github=outputs,annotations,summary
--config=profgate.yaml
--trailers=commits.txt'
expect_output verdict pass
grep -qx '{}' "$case_dir/workspace/stored.json" || wrong 'the stored report was written over'
finish

begin 'mode report without a report is an I/O failure'
act INPUT_MODE=report
expect_code 5
expect_calls 0
expect_printed 'There is no report'
finish

begin 'mode refresh rewrites baselines and passes its outputs on'
act INPUT_MODE=refresh INPUT_INPUT=decode=traces INPUT_EXTRA_ARGS=--accept=kernel-new:x INPUT_SCENARIO=decode
expect_code 0
expect_args 'baseline
refresh
--github
--report-dir=profgate-report
--input=decode=traces
--accept=kernel-new:x
--
decode'
expect_output refreshed true
finish

begin 'a refresh that left something out is red, unless nothing is to be red'
act INPUT_MODE=refresh FAKE_CODE=1
expect_code 1
expect_output refreshed true
expect_output exit-code 1
act INPUT_MODE=refresh INPUT_FAIL_ON=never
grep -qx 'arg=--exit-zero' "$case_dir/log" || wrong 'did not pass --exit-zero on'
finish

begin 'mode comment ends as the comment does'
act INPUT_MODE=comment INPUT_REPORT_PATH=stored.json INPUT_COMMENT=always INPUT_EXTRA_ARGS=--strict FAKE_COMMENT_CODE=5
expect_code 5
expect_args 'comment
stored.json
--github
--when=always
--strict'
finish

begin 'the archive that the release packs is the one that the action and cargo-binstall look for'
: >"$case_dir/stdout"
target="$(bash -c "$(sed -n '/^release_target()/,/^}/p' "$root/.github/action/install.sh"); release_target")"
printf '#!/bin/sh\necho "$@"\n' >"$case_dir/binary"
chmod +x "$case_dir/binary"
"$root/.github/release/pack.sh" "$target" 0.1.0 "$case_dir/binary" "$case_dir/dist"
fill() {
  sed -n "s/^$1 = \"\(.*\)\"\$/\1/p" "$root/Cargo.toml" |
    sed "s/{ name }\|{ bin }/profgate/g; s/{ version }/0.1.0/g; s/{ target }/$target/g; s/{ binary-ext }//g"
}
packed="$(fill pkg-url)"
packed="$case_dir/dist/${packed##*/}"
[ -f "$packed" ] || wrong "no $packed in: $(ls "$case_dir/dist")"
tar -tzf "$packed" | grep -qxF "$(fill bin-dir)" || wrong "no $(fill bin-dir) in the archive"
(cd "$case_dir/dist" && { sha256sum -c ./*.sha256 || shasum -a 256 -c ./*.sha256; } >/dev/null 2>&1) || wrong 'the sum does not fit'
mkdir -p "$case_dir/repo/.github/action" && cp "$script" "$root/.github/action/install.sh" "$case_dir/repo/.github/action/"
cp "$case_dir"/dist/*.sha256 "$case_dir/repo/.github/action/checksums.txt"
script="$case_dir/repo/.github/action/run.sh"
without_profgate
act "INPUT_MIRROR=$case_dir/dist" INPUT_EXTRA_ARGS=--found
grep -q 'check .*--found' "$case_dir/stdout" || wrong 'the packed program did not run'
finish

begin 'action.yml passes every input on, run.sh reads no other, and the version is ours'
: >"$case_dir/stdout"
declared="$(sed -n '/^inputs:/,/^outputs:/s/^  \([a-z-]*\):$/\1/p' "$root/action.yml" | LC_ALL=C sort)"
passed="$(sed -n 's/^ *INPUT_[A-Z_]*: \${{ inputs\.\([a-z-]*\) }}$/\1/p' "$root/action.yml" | LC_ALL=C sort)"
read_by_script="$(cat "$script" "$root/.github/action/install.sh" | grep -o 'INPUT_[A-Z_]*[A-Z]' | sed 's/INPUT_//' | tr 'A-Z_' 'a-z-' | LC_ALL=C sort -u)"
[ "$declared" = "$passed" ] || wrong "declared and passed on differ: $(diff <(echo "$declared") <(echo "$passed"))"
[ "$declared" = "$read_by_script" ] || wrong "declared and read differ: $(diff <(echo "$declared") <(echo "$read_by_script"))"
version="$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)"
grep -qxF "    default: \"$version\"" "$root/action.yml" || wrong "action.yml does not default to version $version"
finish

exit "$failed"
