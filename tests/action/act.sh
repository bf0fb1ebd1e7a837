#!/usr/bin/env bash
# Runs action-selftest.yml on this machine with act: the composite action itself, not only its script. Needs act on
# PATH, and no container engine; the checkout is emulated from the working tree.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target="${CARGO_TARGET_DIR:-$PWD/target}"
home="$(mktemp -d)"
trap 'rm -rf -- "$home"' EXIT

# act keeps its state in the home folder; cargo must not lose its own over that.
export CARGO_HOME="${CARGO_HOME:-$HOME/.cargo}" RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}"
export HOME="$home" XDG_CACHE_HOME="$home/cache"
# act passes on what it is started with: an enclosing job's files and command files must not be written to.
unset "${!GITHUB_@}" "${!ACTIONS_@}" "${!RUNNER_@}"

act push --no-cache-server --workflows .github/workflows/action-selftest.yml \
  --platform ubuntu-24.04=-self-hosted \
  --env CARGO_TARGET_DIR="$target" --env CARGO_HOME="$CARGO_HOME" --env RUSTUP_HOME="$RUSTUP_HOME" \
  </dev/null
