#!/usr/bin/env bash
# Packs one released archive: pack.sh TARGET VERSION BINARY FOLDER. The archive's name and inside are what the action
# downloads and what `cargo binstall` reads in Cargo.toml.
set -euo pipefail

target="$1" version="$2" binary="$3" folder="$4"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
name="profgate-$version-$target"
stage="$(mktemp -d)"
trap 'rm -rf -- "$stage"' EXIT

mkdir -p "$stage/$name/completions" "$stage/$name/man" "$folder"
cp "$binary" "$stage/$name/profgate"
cp "$root/README.md" "$root/CHANGELOG.md" "$root/LICENSE-APACHE" "$root/LICENSE-MIT" "$stage/$name/"
for shell in bash fish zsh; do
  "$binary" completions "$shell" >"$stage/$name/completions/profgate.$shell"
done
"$binary" man >"$stage/$name/man/profgate.1"
for command in triage check diff capture baseline comment catalog report explain schema init demo; do
  "$binary" man "$command" >"$stage/$name/man/profgate-$command.1"
done
chmod 755 "$stage/$name/profgate"
find "$stage" -exec touch -t 200001010000 {} +
# Options that both GNU tar and bsdtar know; the list is sorted so that the order is always the same.
(cd "$stage" && find "$name" -type f | LC_ALL=C sort | tar -cf - -T -) | gzip -n -9 >"$folder/$name.tar.gz"
cd "$folder"
if command -v sha256sum >/dev/null; then sha256sum "$name.tar.gz"; else shasum -a 256 "$name.tar.gz"; fi >"$name.tar.gz.sha256"
