#!/usr/bin/env bash
# The action: finds or installs profgate, runs what `mode` names, and ends with profgate's exit code.
#
# Every input arrives in an INPUT_* variable. Nothing from an input is ever evaluated: values become elements of an
# argument array. Works with bash 3.2 and needs curl and tar only to download. A capture is judged once; the comment is
# made from the report of that.
set -euo pipefail

action_dir="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
output_file="${GITHUB_OUTPUT:-/dev/null}"

# Writes one output; the caller sees to it that the value has one line.
set_output() {
  printf '%s=%s\n' "$1" "$2" >>"$output_file"
}

# Prints a workflow command: level, title, message.
say() {
  local text="$3"
  text="${text//'%'/%25}"
  text="${text//$'\r'/%0D}"
  text="${text//$'\n'/%0A}"
  printf '::%s title=profgate (%s)::%s\n' "$1" "$2" "$text"
}

# Ends before profgate ran: code, title, message.
die() {
  say error "$2" "$3"
  set_output verdict error
  set_output exit-code "$1"
  exit "$1"
}

# Refuses a value that would end an output's line early and forge the next.
require_one_line() {
  case "$2" in
    *$'\n'* | *$'\r'*) die 2 "input '$1'" "The input '$1' takes one line." ;;
  esac
}

# Refuses a value that is none of those that an input takes: name, value, the values.
require_one_of() {
  local name="$1" value="$2" one
  shift 2
  for one in "$@"; do
    [ "$value" != "$one" ] || return 0
  done
  die 2 "input '$name'" "The input '$name' is '$value'; it takes $(printf '%s, ' "$@" | sed 's/, $//')."
}

# Appends --$1=$2 to `args` unless the value is empty.
add_option() {
  [ -z "$2" ] || args+=("--$1=$2")
}

# Appends each line of $2 that is not blank to `args`, with $1 in front.
add_lines() {
  local line
  while IFS= read -r line || [ -n "$line" ]; do
    line="${line%$'\r'}"
    case "$line" in
      *[![:space:]]*) args+=("$1$line") ;;
    esac
  done <<<"$2"
}

# The name of this machine among the released archives.
release_target() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) echo x86_64-unknown-linux-musl ;;
    Linux-aarch64 | Linux-arm64) echo aarch64-unknown-linux-musl ;;
    Darwin-arm64) echo aarch64-apple-darwin ;;
    *) echo "no-release-for-$(uname -s)-$(uname -m)" ;;
  esac
}

sha256_of() {
  if command -v sha256sum >/dev/null; then
    sha256sum <"$1" | cut -d ' ' -f 1
  else
    shasum -a 256 <"$1" | cut -d ' ' -f 1
  fi
}

# Ends because the table has no sum for the archive $1, and says what to do in its place.
no_release() {
  local why="This version of the action has no checksum for $1."
  grep -Eq '^[0-9a-f]{64} ' "$action_dir/checksums.txt" ||
    why="There is no released profgate yet that this version of the action could download: its table of checksums is empty."
  die 2 'no released binary' "$why
Compile it: 'install: build', with a Rust toolchain on PATH.
Or bring it: a profgate on PATH, or one that the variable PROFGATE_BIN names, is used as it is ('install: false' then says that nothing else will do).
Or use a version of the action whose .github/action/checksums.txt lists the archive."
}

# Downloads the release `version` into $1 and sets `bin`. Only what checksums.txt lists is ever unpacked.
download() {
  local version="${INPUT_VERSION#v}" archive wanted got url
  require_one_line version "$version"
  archive="profgate-$version-$(release_target).tar.gz"
  wanted="$(awk -v name="$archive" '$1 !~ /^#/ && $2 == name { print $1; exit }' "$action_dir/checksums.txt")"
  [ -n "$wanted" ] || no_release "$archive"

  # A mirror may serve the archive over any protocol: the checksum is what is trusted.
  url="${INPUT_MIRROR:-${PROFGATE_DOWNLOAD_URL:-}}"
  url="${url:-${GITHUB_SERVER_URL:-https://github.com}/${ACTION_REPOSITORY:-${GITHUB_REPOSITORY:-}}/releases/download/v$version}"
  case "$url" in
    *://*) ;;
    /*) url="file://$url" ;; # A folder of this machine, for runners that reach nothing.
    *) die 2 "input 'mirror'" "'$url' is neither an address nor the absolute path of a folder." ;;
  esac
  url="${url%/}/$archive"
  mkdir -p "$1"
  curl --fail --silent --show-error --location --retry 3 --max-time 300 --output "$1/$archive" -- "$url" ||
    die 5 'download failed' "Could not download $url. The input 'mirror' names a folder that has it."
  got="$(sha256_of "$1/$archive")"
  [ "$got" = "$wanted" ] ||
    die 5 'checksum mismatch' "$archive has SHA-256 $got, expected $wanted. It was not unpacked."
  tar -xzf "$1/$archive" -C "$1"
  bin="$(find "$1" -type f -name profgate -print | head -n 1)"
  [ -n "$bin" ] || die 5 'bad archive' "$archive holds no file named profgate."
}

# Sets `bin`, installing profgate if it must.
find_binary() {
  local root
  root="${RUNNER_TEMP:-${TMPDIR:-/tmp}}/profgate-action"
  if [ -n "${PROFGATE_BIN:-}" ]; then
    bin="$PROFGATE_BIN"
    [ -x "$bin" ] || die 2 PROFGATE_BIN "PROFGATE_BIN is '$bin', which is no program."
  elif bin="$(command -v profgate)"; then
    :
  else
    case "$INPUT_INSTALL" in
      true) download "$root/$INPUT_VERSION" ;;
      build)
        command -v cargo >/dev/null ||
          die 2 'no cargo' "'install: build' needs a Rust toolchain on PATH before this step."
        cargo install --locked --quiet --force --root "$root/build" --path "$action_dir/../.." ||
          die 5 'build failed' "profgate did not build; the log above says why."
        bin="$root/build/bin/profgate"
        ;;
      false) die 2 'no profgate' "'install: false', but there is no profgate on PATH and no PROFGATE_BIN." ;;
    esac
  fi
  case "$bin" in
    /*) ;;
    *) bin="$PWD/$bin" ;; # The working directory is about to change.
  esac
  echo "profgate: $bin"
}

# A report of an earlier step must not pass for this one's if profgate ends before it writes its own.
clear_reports() {
  rm -f -- "$report_dir/report.json" "$report_dir/junit.xml" "$report_dir/comment.md"
}

# What of GitHub's channels `check` and `report` write to, besides the outputs.
add_channels() {
  local channels=outputs
  [ "$INPUT_ANNOTATIONS" = false ] || channels="$channels,annotations"
  [ "$INPUT_SUMMARY" = false ] || channels="$channels,summary"
  args+=("--github=$channels")
}

# How `fail-on` is spelled on the command line.
add_fail_on() {
  case "$INPUT_FAIL_ON" in
    failure) args+=(--on-inconclusive=warn) ;;
    never) args+=(--exit-zero) ;;
  esac
}

# Profiles the server at `url` into the capture folder.
run_capture() {
  [ -n "$INPUT_URL" ] || die 2 "input 'url'" "Mode 'capture' needs the input 'url', the address of a running server."
  args=(capture "--url=$INPUT_URL" "--output=$INPUT_CAPTURE_DIR")
  add_option framework "$INPUT_FRAMEWORK"
  add_lines '' "$INPUT_CAPTURE_ARGS"
  "$bin" "${args[@]}" || code=$?
  [ "$code" = 0 ] || return 0 # What there is of it is no capture.
  case "$INPUT_CAPTURE_DIR" in
    /*) set_output capture "$INPUT_CAPTURE_DIR" ;;
    *) set_output capture "$PWD/$INPUT_CAPTURE_DIR" ;;
  esac
}

# Judges captures against their baselines.
run_check() {
  clear_reports
  args=(check "--report-dir=$INPUT_REPORT_DIR")
  add_channels
  add_fail_on
  add_option config "$INPUT_CONFIG"
  add_option baseline "$INPUT_BASELINE"
  add_option baseline-dir "$INPUT_BASELINE_DIR"
  add_option catalog "$INPUT_CATALOG"
  add_option on-missing-baseline "$INPUT_ON_MISSING_BASELINE"
  add_lines --input= "$INPUT_INPUT"
  [ -z "$INPUT_URL" ] || args+=("--input=$INPUT_CAPTURE_DIR")
  add_lines '' "$INPUT_EXTRA_ARGS"
  add_scenarios
  "$bin" "${args[@]}" || code=$?
}

# Judges a stored report again, without trace or GPU.
run_report() {
  local stored="${INPUT_REPORT_PATH:-$report_dir/report.json}"
  [ -f "$stored" ] || die 5 "input 'report-path'" "There is no report '$stored' to judge again."
  args=(report "$stored" "--report-dir=$INPUT_REPORT_DIR")
  add_channels
  add_fail_on
  add_option config "$INPUT_CONFIG"
  add_option catalog "$INPUT_CATALOG"
  [ -z "$INPUT_BASELINE" ] || args+=("--baseline=$INPUT_BASELINE")
  add_lines '' "$INPUT_EXTRA_ARGS"
  "$bin" "${args[@]}" || code=$?
}

# Rewrites baselines where they moved beyond noise.
run_refresh() {
  args=(baseline refresh --github "--report-dir=$INPUT_REPORT_DIR")
  [ "$INPUT_FAIL_ON" != never ] || args+=(--exit-zero)
  add_option config "$INPUT_CONFIG"
  add_option baseline-dir "$INPUT_BASELINE_DIR"
  add_option catalog "$INPUT_CATALOG"
  add_lines --input= "$INPUT_INPUT"
  add_lines '' "$INPUT_EXTRA_ARGS"
  add_scenarios
  "$bin" "${args[@]}" || code=$?
}

# Creates or updates the comment of the pull request from the report $1. It never changes the exit code of a judgement.
run_comment() {
  local failed=0
  args=(comment "$1" --github "--when=$INPUT_COMMENT")
  [ "$INPUT_MODE" != comment ] || add_lines '' "$INPUT_EXTRA_ARGS"
  PROFGATE_TOKEN="$token" "$bin" "${args[@]}" || failed=$?
  if [ "$INPUT_MODE" = comment ]; then
    code="$failed"
  elif [ "$failed" != 0 ]; then
    say warning 'no comment' "profgate comment ended with exit code $failed; the verdict stands. The report is in $report_dir."
  fi
}

add_scenarios() {
  if [ -n "$INPUT_SCENARIO" ]; then
    args+=(--)
    add_lines '' "$INPUT_SCENARIO"
  fi
}

# Copies a report to where an input wants it too: name of the input, wanted path, report.
copy_report() {
  [ -n "$2" ] && [ -f "$3" ] || return 0
  [ ! "$2" -ef "$3" ] || return 0
  if ! { mkdir -p -- "$(dirname -- "$2")" && cp -- "$3" "$2"; }; then
    die 5 "input '$1'" "'$2' could not be written."
  fi
}

# Tells the steps after this one how the judgement ended and where its files are.
report_outputs() {
  local output path
  set_output exit-code "$code"
  # In mode report that input names the stored report, which stays as it is.
  [ "$INPUT_MODE" = report ] || copy_report report-path "$INPUT_REPORT_PATH" "$report_dir/report.json"
  copy_report junit-path "$INPUT_JUNIT_PATH" "$report_dir/junit.xml"
  for output in report-json:report.json junit:junit.xml comment:comment.md; do
    path="$report_dir/${output#*:}"
    [ ! -f "$path" ] || set_output "${output%%:*}" "$path"
  done
  # The verdict is profgate's to write: only it knows what an exit code of 0 under --exit-zero stands for.
  grep -Eq '^verdict(=|<<)' "$output_file" || set_output verdict error
}

# Whether this run belongs to a pull request, which alone has a place for the comment.
has_pull_request() {
  case "${GITHUB_EVENT_NAME:-}" in
    pull_request | pull_request_target | workflow_run) return 0 ;;
    *) return 1 ;;
  esac
}

# The page on which the reports explain findings: the one of this very version of the action.
if [ -z "${PROFGATE_DOCS_URL:-}" ] && [ -n "${ACTION_REPOSITORY:-}" ] && [ -n "${ACTION_REF:-}" ]; then
  export PROFGATE_DOCS_URL="${GITHUB_SERVER_URL:-https://github.com}/$ACTION_REPOSITORY/blob/$ACTION_REF/docs/findings.md"
fi

for name in mode config baseline baseline-dir catalog url framework capture-dir fail-on on-missing-baseline comment annotations \
  summary report-dir report-path junit-path working-directory install version mirror; do
  variable="INPUT_$(printf '%s' "$name" | tr 'a-z-' 'A-Z_')"
  require_one_line "$name" "${!variable}"
done
require_one_of mode "$INPUT_MODE" check capture report refresh comment
require_one_of fail-on "$INPUT_FAIL_ON" inconclusive failure never
require_one_of comment "$INPUT_COMMENT" always changes failures off
require_one_of annotations "$INPUT_ANNOTATIONS" true false
require_one_of summary "$INPUT_SUMMARY" true false
require_one_of install "$INPUT_INSTALL" true false build
# Only the comment needs the token: what profgate and a load generator run otherwise does not see it.
token="$INPUT_TOKEN"
unset INPUT_TOKEN

find_binary

cd -- "$INPUT_WORKING_DIRECTORY" 2>/dev/null ||
  die 5 "input 'working-directory'" "There is no folder '$INPUT_WORKING_DIRECTORY' in $PWD."
case "$INPUT_REPORT_DIR" in
  /*) report_dir="$INPUT_REPORT_DIR" ;;
  *) report_dir="$PWD/$INPUT_REPORT_DIR" ;;
esac

code=0
case "$INPUT_MODE" in
  capture)
    run_capture
    set_output exit-code "$code"
    ;;
  check)
    [ -z "$INPUT_URL" ] || run_capture
    if [ "$code" = 0 ]; then
      run_check
    else
      clear_reports
    fi
    report_outputs
    ;;
  report)
    run_report
    report_outputs
    ;;
  refresh)
    run_refresh
    set_output exit-code "$code"
    ;;
  comment)
    run_comment "${INPUT_REPORT_PATH:-$report_dir/report.json}"
    set_output exit-code "$code"
    ;;
esac

case "$INPUT_MODE" in
  check | report)
    if has_pull_request && [ "$INPUT_COMMENT" != off ] && [ -f "$report_dir/report.json" ]; then
      run_comment "$report_dir/report.json"
    fi
    ;;
esac
exit "$code"
