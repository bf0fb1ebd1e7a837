# Sourced by run.sh, whose words it uses: finds profgate or installs it, and sets `bin`.
#
# Only an archive whose SHA-256 checksums.txt lists is ever unpacked, wherever it came from.
# shellcheck shell=bash disable=SC2154

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

# Whether the file $2 has the SHA-256 $1.
is_archive() {
  [ -f "$2" ] && [ "$(sha256_of "$2")" = "$1" ]
}

# Downloads into the folder $1 the archive $2 with the SHA-256 $3 of the version $4, and keeps it where this runner keeps tools.
fetch() {
  local url archive="$2" got kept
  # A mirror may serve the archive over any protocol: the checksum is what is trusted.
  url="${INPUT_MIRROR:-${PROFGATE_DOWNLOAD_URL:-}}"
  url="${url:-${GITHUB_SERVER_URL:-https://github.com}/${ACTION_REPOSITORY:-${GITHUB_REPOSITORY:-}}/releases/download/v$4}"
  case "$url" in
    *://*) ;;
    /*) url="file://$url" ;; # A folder of this machine, for runners that reach nothing.
    *) die 2 "input 'mirror'" "'$url' is neither an address nor the absolute path of a folder." ;;
  esac
  url="${url%/}/$archive"
  curl --fail --silent --show-error --location --retry 3 --max-time 300 --output "$1/$archive" -- "$url" ||
    die 5 'download failed' "Could not download $url. The input 'mirror' names a folder that has it."
  got="$(sha256_of "$1/$archive")"
  [ "$got" = "$3" ] ||
    die 5 'checksum mismatch' "$archive has SHA-256 $got, expected $3. It was not unpacked."
  # Whole or not at all, because another runner of this machine may look; a folder that cannot be written is no failure.
  if [ -n "${RUNNER_TOOL_CACHE:-}" ]; then
    kept="$RUNNER_TOOL_CACHE/profgate/$archive"
    { mkdir -p -- "${kept%/*}" && cp -- "$1/$archive" "$kept.$$" && mv -f -- "$kept.$$" "$kept"; } 2>/dev/null || true
  fi
}

# Downloads the release `version` into $1 and sets `bin`. Only what checksums.txt lists is ever unpacked.
download() {
  local version="${INPUT_VERSION#v}" archive wanted
  require_one_line version "$version"
  archive="profgate-$version-$(release_target).tar.gz"
  wanted="$(awk -v name="$archive" '$1 !~ /^#/ && $2 == name { print $1; exit }' "$action_dir/checksums.txt")"
  [ -n "$wanted" ] || no_release "$archive"

  mkdir -p "$1"
  if is_archive "$wanted" "${RUNNER_TOOL_CACHE:-}/profgate/$archive"; then
    cp -- "$RUNNER_TOOL_CACHE/profgate/$archive" "$1/$archive"
  else
    fetch "$1" "$archive" "$wanted" "$version"
  fi
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
