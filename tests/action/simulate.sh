# Sourced by the scripts that run workflows with act: a scratch home, a fake host, and one function to run a workflow.
# Expects `profgate`, an absolute path, and `root`, the repository; sets `tmp`.
# shellcheck shell=bash disable=SC2154
tmp="$(cd "$(mktemp -d)" && pwd -P)"
fake=
failed=0
trap '[ -z "$fake" ] || kill "$fake"; rm -rf -- "$tmp"' EXIT
# act passes on what it is started with: an enclosing job's files and command files must not be written to.
unset "${!GITHUB_@}" "${!ACTIONS_@}" "${!RUNNER_@}"
export HOME="$tmp/home" XDG_CACHE_HOME="$tmp/cache" PROFGATE_BIN="$profgate"
mkdir -p "$HOME" "$tmp/bin" "$tmp/github" "$tmp/artifacts"

# The commit of every action that the workflows name, as they name it.
checkout=actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd
upload=actions/upload-artifact@b7c566a772e6b6bfb58ed0dc250532a479d7789f
download=actions/download-artifact@37930b1c2abaa49bbe596cd826c3c89aef350131
attest=actions/attest-build-provenance@96278af6caaf10aea03fd8d33a09a777ca52d62f
stubs="$root/tests/action/stubs"

# Compares what came with what must come.
check() {
  if [ "$2" = "$3" ]; then
    echo "ok: $1"
  else
    echo "FAILED: $1: '$2', expected '$3'"
    failed=1
  fi
}

# Ends with the last workflow's log when something failed so far.
show() {
  [ "$failed" = 0 ] || { cat "$tmp/log"; exit 1; }
}

# Starts a GitHub that keeps its comments in $tmp/github.
start_github() {
  python3 "$root/tests/action/fake_github.py" "$tmp/github" &
  fake=$!
  while [ ! -f "$tmp/github/port" ]; do sleep 0.1; done
}

# Writes a program of $tmp/bin, which workflows find before any other: name; its text comes from standard input.
program() {
  { printf '#!/usr/bin/env bash\nset -euo pipefail\n'; cat; } >"$tmp/bin/$1"
  chmod +x "$tmp/bin/$1"
}

# Runs a workflow of the repository in the working folder on an event, and prints act's exit code: workflow, event's name, event
# as JSON, further arguments of act.
simulate() {
  local code=0 workflow="$1" event="$2"
  printf '%s' "$3" >"$tmp/event.json"
  shift 3
  git rev-parse HEAD >"$tmp/github/head"
  PATH="$tmp/bin:$PATH" act "$event" --no-cache-server --workflows ".github/workflows/$workflow" --eventpath "$tmp/event.json" \
    --platform ubuntu-24.04=-self-hosted --platform ubuntu-24.04-arm=-self-hosted --platform macos-15=-self-hosted \
    --platform self-hosted=-self-hosted --platform gpu=-self-hosted \
    --local-repository "$checkout=$stubs/checkout" --local-repository "$upload=$stubs/upload-artifact" \
    --local-repository "$download=$stubs/download-artifact" --local-repository "$attest=$stubs/attest-build-provenance" \
    --env ARTIFACTS="$tmp/artifacts" --env CHECKOUT="$PWD" --env PROFGATE_BIN="$profgate" --env GITHUB_REPOSITORY=me/engine \
    --env GITHUB_API_URL="http://127.0.0.1:$(cat "$tmp/github/port" 2>/dev/null || echo 9)" --secret GITHUB_TOKEN=dummy \
    "$@" </dev/null >"$tmp/log" 2>&1 || code=$?
  echo "$code"
}
