#!/usr/bin/env bash
# Builds what the browser gets into $CARGO_TARGET_DIR/site: style, scripts and fonts through npm, the
# wasm through cargo-leptos, then their compressed twins. The server embeds that directory, so it is
# touched only when something really changed; otherwise every call would build the server anew.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${CARGO_TARGET_DIR:=$PWD/target}"
export CARGO_TARGET_DIR
site=$CARGO_TARGET_DIR/site
mkdir -p "$site"
if [ ! -f package.json ]; then
    echo "site: no package.json, so there are no browser parts to build" >&2
    exit 0
fi
export PATH="$PWD/node_modules/.bin:$PATH"

# A digest of the names and contents of all files below the given paths, of the tools and of this script.
digest() {
    { rustc --version; cat deploy/site.sh; find "$@" -type f -print0 | sort -z | xargs -0 sha256sum; } |
        sha256sum | cut -d' ' -f1
}

assets=$(digest style public package.json package-lock.json frontend/build.mjs frontend/scripts)
wasm=$(digest app/src app/Cargo.toml frontend/src frontend/Cargo.toml frontend/optimise.mjs host/guest Cargo.toml Cargo.lock)
stamp=$CARGO_TARGET_DIR/.site-stamp
[ "${1:-}" != --force ] || rm -f "$stamp"
[ "$assets $wasm" != "$(cat "$stamp" 2>/dev/null)" ] || exit 0
old_wasm=$(cut -d' ' -f2 "$stamp" 2>/dev/null || true)
rm -f "$stamp"

npm run --silent assets

# cargo-leptos empties its site directory first, so it gets one of its own. It uses the profile that
# the workspace's metadata names, wasm-release.
if [ "$wasm" != "$old_wasm" ] || [ ! -d "$CARGO_TARGET_DIR/wasm-site/pkg" ]; then
    # It starts wasm-opt once for each of hundreds of parts, which are all made smaller by one process afterwards. It
    # looks for it here before anywhere else, and here it does nothing.
    rm -f node_modules/.bin/wasm-opt
    install -m 755 /dev/stdin node_modules/.bin/wasm-opt <<<'#!/bin/sh'
    LEPTOS_SITE_ROOT=$CARGO_TARGET_DIR/wasm-site cargo leptos build --release --frontend-only --split
    node frontend/optimise.mjs "$CARGO_TARGET_DIR/wasm-site/pkg"
fi
rm -rf "$site/pkg"
mkdir "$site/pkg"
find "$CARGO_TARGET_DIR/wasm-site/pkg" -maxdepth 1 \( -name '*.js' -o -name '*.wasm' \) -exec cp -t "$site/pkg" {} +
# Pages of a server that cargo-leptos did not build ask for it under wasm-bindgen's own name.
mv "$site/pkg/umbel.wasm" "$site/pkg/umbel_bg.wasm"

node frontend/build.mjs compress
printf '%s %s\n' "$assets" "$wasm" >"$stamp"
