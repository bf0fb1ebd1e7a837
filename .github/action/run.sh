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

# shellcheck source=.github/action/install.sh
source "$action_dir/install.sh"

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

# Profiles the server at `url` into the capture folder, and judges nothing.
run_capture() {
  [ -n "$INPUT_URL" ] || die 2 "input 'url'" "Mode 'capture' needs the input 'url', the address of a running server."
  args=(capture "--url=$INPUT_URL" "--output=$INPUT_CAPTURE_DIR")
  add_option framework "$INPUT_FRAMEWORK"
  add_lines '' "$INPUT_CAPTURE_ARGS"
  "$bin" "${args[@]}" || code=$?
  [ "$code" != 0 ] || output_capture
}

# Says where the capture is. What a profiling that failed has left is none: its list comes last.
output_capture() {
  [ -f "$INPUT_CAPTURE_DIR/capture.json" ] || return 0
  case "$INPUT_CAPTURE_DIR" in
    /*) set_output capture "$INPUT_CAPTURE_DIR" ;;
    *) set_output capture "$PWD/$INPUT_CAPTURE_DIR" ;;
  esac
}

# Has the server at `url` profiled before it is judged. One that cannot be is a verdict too, and in every report.
add_server() {
  [ -n "$INPUT_URL" ] || return 0
  args+=("--url=$INPUT_URL" "--capture-dir=$INPUT_CAPTURE_DIR")
  add_option framework "$INPUT_FRAMEWORK"
  add_lines '' "$INPUT_CAPTURE_ARGS"
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
  add_server
  add_lines '' "$INPUT_EXTRA_ARGS"
  add_scenarios
  "$bin" "${args[@]}" || code=$?
  # A mistake, such as a folder that is not empty, made no capture.
  [ -z "$INPUT_URL" ] || [ "$code" = 2 ] || output_capture
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
  add_option author "$INPUT_AUTHOR"
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
  summary report-dir report-path junit-path author working-directory install version mirror; do
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
    run_check
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
