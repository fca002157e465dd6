#!/usr/bin/env bash
# Installs what is missing for `make run` (run), for our own kernel (kernel), or, on top of both, for
# `make test` (test), or, on top of that, for `make test-full` (full).
# Quick when nothing is missing: one look at each thing, and no list of packages is fetched.
set -euo pipefail
cd "$(dirname "$0")/.."

want=${1:?usage: deploy/setup.sh run|kernel|test|full}
case $want in run | kernel | test | full) ;; *) echo "deploy/setup.sh: run, kernel, test or full, not $want" >&2; exit 2 ;; esac

# package:file, where the file shows that the package is there (also when it came in another way).
# The distribution's kernel lies at one path, whichever version it is.
debian_run=(
    gcc:/usr/bin/gcc
    libc6-dev:/usr/include/stdio.h
    make:/usr/bin/make
    pkg-config:/usr/bin/pkg-config
    user-mode-linux:/usr/bin/linux.uml
    busybox-static:/usr/share/doc/busybox-static
    e2fsprogs:/sbin/mke2fs
    util-linux:/usr/bin/setsid
    procps:/bin/ps
    iproute2:/bin/ip
    nftables:/usr/sbin/nft
    vde2:/usr/bin/vde_switch
    xz-utils:/usr/bin/xz
    zstd:/usr/bin/zstd
    jq:/usr/bin/jq
    qemu-utils:/usr/bin/qemu-img
)
# What linux-source asks for to become a kernel.
debian_kernel=(
    gcc:/usr/bin/gcc
    libc6-dev:/usr/include/stdio.h
    make:/usr/bin/make
    bc:/usr/bin/bc
    bison:/usr/bin/bison
    flex:/usr/bin/flex
    xz-utils:/usr/bin/xz
    debian-archive-keyring:/usr/share/keyrings/debian-archive-keyring.gpg
)
debian_test=(
    postgresql:/usr/share/doc/postgresql
    chromium:/usr/bin/chromium
    shellcheck:/usr/bin/shellcheck
    xfsprogs:/sbin/mkfs.xfs
    docker-registry:/usr/bin/docker-registry
    fonts-dejavu-core:/usr/share/fonts/truetype/dejavu
    pacman-package-manager:/usr/bin/pacman
)
# Root file systems of the distribution, with other inits than the first image's.
debian_full=(
    mmdebstrap:/usr/bin/mmdebstrap
    archlinux-keyring:/usr/share/keyrings/archlinux.gpg
)

say() { printf 'setup: %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else
        echo "setup: as root, run: $*" >&2
        exit 1
    fi
}

missing=()
look() {
    local entry
    for entry in "$@"; do
        [ -e "${entry#*:}" ] || missing+=("${entry%%:*}")
    done
}
[ "$want" = kernel ] || look "${debian_run[@]}"
[ "$want" = run ] || look "${debian_kernel[@]}"
case $want in
test | full)
    look "${debian_test[@]}"
    # Whichever Python comes first; Debian's has no venv of its own.
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    ;;
esac
[ "$want" != full ] || look "${debian_full[@]}"
if [ ${#missing[@]} -gt 0 ]; then
    if ! command -v apt-get >/dev/null; then
        echo "setup: these are missing and there is no apt-get to install them: ${missing[*]}" >&2
        exit 1
    fi
    say "Debian packages: ${missing[*]}"
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "${missing[@]}"
fi
[ "$want" != kernel ] || exit 0

command -v cargo >/dev/null || { echo "setup: no cargo; install Rust with rustup first" >&2; exit 1; }
command -v npm >/dev/null || { echo "setup: no npm; install Node 20 or newer first" >&2; exit 1; }

sysroot=$(rustc --print sysroot)
if [ ! -d "$sysroot/lib/rustlib/wasm32-unknown-unknown" ]; then
    say "the wasm target"
    rustup target add wasm32-unknown-unknown
fi

# The tools are built once and run a few times: without optimising across crates they are there in
# a third of the time. Their build shares nothing with ours and is thrown away.
install_tool() {
    env -u CARGO_TARGET_DIR -u RUSTFLAGS \
        CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 \
        CARGO_PROFILE_RELEASE_OPT_LEVEL="$1" cargo install "${@:2}"
}

# Its lock names a crate that asks for a newer compiler than it needs.
leptos=0.3.11
if [ "$(cargo leptos --version 2>/dev/null)" != "cargo-leptos $leptos" ]; then
    say "cargo-leptos $leptos, about five minutes on two cores"
    install_tool 0 cargo-leptos --version "$leptos" --locked --ignore-rust-version --features no_downloads
fi

# It must be of the very version of the wasm-bindgen library, which Cargo.lock has. Its own lock is
# tried first; a registry that lags behind may not have everything that it names.
bindgen=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[" ]|version *=/, ""); print; exit }' Cargo.lock)
if [ "$(wasm-bindgen --version 2>/dev/null)" != "wasm-bindgen $bindgen" ]; then
    say "wasm-bindgen $bindgen, about a minute on two cores"
    tool=(1 wasm-bindgen-cli --version "$bindgen" --no-default-features --bin wasm-bindgen --force)
    install_tool "${tool[@]}" --locked || install_tool "${tool[@]}"
fi

# What asks the API out of its document, and a mail server; every package that they stand on is named with its
# version.
asks=end2end/api/requirements.txt
case $want in
test | full)
    if ! cmp -s "$asks" .venv/umbel-requirements; then
        say "schemathesis, aiosmtpd"
        rm -rf .venv
        python3 -m venv .venv
        .venv/bin/pip install --quiet --disable-pip-version-check --requirement "$asks"
        cp "$asks" .venv/umbel-requirements
    fi
    ;;
esac

# npm leaves its own copy of the lock in node_modules; the stamp is ours, so that it is compared whole.
if [ -f package-lock.json ] && ! cmp -s package-lock.json node_modules/.umbel-lock; then
    say "npm packages"
    PUPPETEER_SKIP_DOWNLOAD=1 PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-progress
    cp package-lock.json node_modules/.umbel-lock
fi
