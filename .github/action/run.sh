#!/usr/bin/env bash
# The action: finds or installs profgate, runs `profgate check` once, and ends with its exit code.
#
# Every input arrives in an INPUT_* variable. Nothing from an input is ever evaluated: values become elements of an
# argument array. Works with bash 3.2 and needs curl and tar only to download.
set -euo pipefail

action_dir="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
output_file="${GITHUB_OUTPUT:-/dev/null}"

# Writes one output; the caller sees to it that the value has one line.
set_output() {
  printf '%s=%s\n' "$1" "$2" >>"$output_file"
}

# Ends before profgate ran: code, title, message.
die() {
  local text="$3"
  text="${text//'%'/%25}"
  text="${text//$'\r'/%0D}"
  text="${text//$'\n'/%0A}"
  printf '::error title=profgate (%s)::%s\n' "$2" "$text"
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

# Downloads the release `version` into $1 and sets `bin`. Only what checksums.txt lists is ever unpacked.
download() {
  local version="${INPUT_VERSION#v}" archive wanted got url
  require_one_line version "$version"
  archive="profgate-$version-$(release_target).tar.gz"
  wanted="$(awk -v name="$archive" '$1 !~ /^#/ && $2 == name { print $1; exit }' "$action_dir/checksums.txt")"
  [ -n "$wanted" ] || die 2 'no released binary' \
    "This version of the action has no checksum for $archive. Set 'install: build' (needs a Rust toolchain), put a profgate on PATH or in PROFGATE_BIN, or use a version of the action that lists it in .github/action/checksums.txt."

  # A mirror may serve the archive over any protocol: the checksum is what is trusted.
  url="${PROFGATE_DOWNLOAD_URL:-${GITHUB_SERVER_URL:-https://github.com}/${ACTION_REPOSITORY:-${GITHUB_REPOSITORY:-}}/releases/download/v$version}/$archive"
  mkdir -p "$1"
  curl --fail --silent --show-error --location --retry 3 --max-time 300 --output "$1/$archive" -- "$url" ||
    die 5 'download failed' "Could not download $url. PROFGATE_DOWNLOAD_URL names a mirror's folder."
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
      *) die 2 "input 'install'" "The input 'install' is '$INPUT_INSTALL'; it takes true, false or build." ;;
    esac
  fi
  case "$bin" in
    /*) ;;
    *) bin="$PWD/$bin" ;; # The working directory is about to change.
  esac
  echo "profgate: $bin"
}

for name in config baseline report-dir on-inconclusive on-missing-baseline working-directory install version; do
  variable="INPUT_$(printf '%s' "$name" | tr 'a-z-' 'A-Z_')"
  require_one_line "$name" "${!variable}"
done

find_binary

cd -- "$INPUT_WORKING_DIRECTORY" 2>/dev/null ||
  die 5 "input 'working-directory'" "There is no folder '$INPUT_WORKING_DIRECTORY' in $PWD."

args=(check --github "--report-dir=$INPUT_REPORT_DIR")
[ -z "$INPUT_CONFIG" ] || args+=("--config=$INPUT_CONFIG")
[ -z "$INPUT_BASELINE" ] || args+=("--baseline=$INPUT_BASELINE")
[ -z "$INPUT_ON_INCONCLUSIVE" ] || args+=("--on-inconclusive=$INPUT_ON_INCONCLUSIVE")
[ -z "$INPUT_ON_MISSING_BASELINE" ] || args+=("--on-missing-baseline=$INPUT_ON_MISSING_BASELINE")
add_lines --input= "$INPUT_INPUT"
add_lines '' "$INPUT_EXTRA_ARGS"
if [ -n "$INPUT_SCENARIO" ]; then
  args+=(--)
  add_lines '' "$INPUT_SCENARIO"
fi

case "$INPUT_REPORT_DIR" in
  /*) report_dir="$INPUT_REPORT_DIR" ;;
  *) report_dir="$PWD/$INPUT_REPORT_DIR" ;;
esac
# A report of an earlier step must not pass for this one's if profgate ends before it writes its own.
rm -f -- "$report_dir/report.json" "$report_dir/junit.xml" "$report_dir/comment.md"

code=0
"$bin" "${args[@]}" || code=$?

set_output exit-code "$code"
for output in report-json:report.json junit:junit.xml comment:comment.md; do
  path="$report_dir/${output#*:}"
  [ ! -f "$path" ] || set_output "${output%%:*}" "$path"
done
# The verdict is profgate's to write: only it knows what an exit code of 0 under --exit-zero stands for.
grep -Eq '^verdict(=|<<)' "$output_file" || set_output verdict error
exit "$code"
