#!/usr/bin/env bash
# Puts Umbel on a real machine, or takes it away again.
#   deploy/install.sh install|uninstall DESTDIR PREFIX
# BIN     directory of programs that are built already; without it the release is built
# PURGE   with uninstall: 1 removes the data directory, the configuration and the account too
# What is made is noted in PREFIX/lib/umbel/manifest, so that the uninstall removes that and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."

verb=${1:?install or uninstall} dest=${2%/} prefix=${3%/}
case $prefix in /*) ;; *) echo "install: PREFIX must begin with /, not $prefix" >&2; exit 2 ;; esac
case $prefix in
    /usr | /usr/local) lib=$prefix/lib units=$prefix/lib/systemd/system ;;
    # systemd looks in no other prefix.
    *) lib=/etc units=/etc/systemd/system ;;
esac
manifest=$prefix/lib/umbel/manifest
programs=(umbel umbel-agent umbel-shim umbelctl)

# The machine itself, with systemd running, and not a scratch root.
live() { [ -z "$dest" ] && [ -d /run/systemd/system ]; }

put_dir() { # path in the root
    [ -d "$dest$1" ] && return 0
    put_dir "$(dirname "$1")"
    mkdir "$dest$1"
    printf '%s\n' "$1" >>"$made"
}
put() { # mode, source, path in the root
    put_dir "$(dirname "$3")"
    install -m "$1" "$2" "$dest$3"
    printf '%s\n' "$3" >>"$made"
}
put_filled() { # source, path in the root
    sed "s|@PREFIX@|$prefix|g" "$1" >"$scratch/filled"
    put 0644 "$scratch/filled" "$2"
}

do_install() {
    if [ -z "${BIN:-}" ]; then
        deploy/setup.sh run
        deploy/site.sh
        cargo build --release --locked -p umbel-server -p umbel-agent -p umbel-shim -p umbel-cli --bins
        BIN=${CARGO_TARGET_DIR:-$PWD/target}/release
    fi
    local name kernel
    for name in "${programs[@]}"; do
        [ -x "$BIN/$name" ] || { echo "install: $BIN/$name is missing" >&2; exit 1; }
    done

    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    made=$scratch/made
    : >"$made"
    # An earlier install's notes count on: its directories would look as if they had always been there.
    [ ! -f "$dest$manifest" ] || cat "$dest$manifest" >"$made"
    [ -d "$dest/" ] || mkdir -p "$dest"
    put_dir "$(dirname "$manifest")"
    for name in "${programs[@]}"; do put 0755 "$BIN/$name" "$prefix/bin/$name"; done
    if kernel=$(deploy/kernel/build.sh cached); then
        put 0755 "$kernel" "$prefix/lib/umbel/kernels/$(basename "$(dirname "$kernel")")/linux"
    fi
    put_filled deploy/systemd/umbel.service "$units/umbel.service"
    put_filled deploy/systemd/umbel-agent.service "$units/umbel-agent.service"
    put 0644 deploy/systemd/umbel.sysusers "$lib/sysusers.d/umbel.conf"
    put 0644 deploy/systemd/umbel.tmpfiles "$lib/tmpfiles.d/umbel.conf"
    put 0644 README.md "$prefix/share/doc/umbel/README.md"
    printf '%s\n' "$manifest" >>"$made"
    awk '!seen[$0]++' "$made" >"$scratch/unique"
    install -m 0644 "$scratch/unique" "$dest$manifest"

    if live; then
        systemd-sysusers umbel.conf
        systemd-tmpfiles --create umbel.conf
        systemctl daemon-reload
        # An update: both come back with their guests untouched.
        systemctl try-restart umbel-agent.service umbel.service
        echo "Installed. systemctl enable --now umbel-agent umbel starts it; umbel admin first-run-link prints the first sign-in."
    else
        echo "Installed into ${dest:-/}."
    fi
}

do_uninstall() {
    [ -f "$dest$manifest" ] || { echo "uninstall: nothing is installed below $dest$prefix"; return 0; }
    if live; then systemctl disable --now umbel.service umbel-agent.service || true; fi
    if [ -z "$dest" ] && [ -d /var/lib/umbel ]; then
        "$prefix/bin/umbel-agent" stop-guests --data /var/lib/umbel --run /run/umbel || true
        "$prefix/bin/umbel-agent" clean --data /var/lib/umbel --run /run/umbel || true
    fi
    local path
    tac "$dest$manifest" >"${TMPDIR:-/tmp}/umbel-manifest.$$"
    # Files first; a directory that others use by now stays.
    while read -r path; do
        [ -d "$dest$path" ] || rm -f "$dest$path"
    done <"${TMPDIR:-/tmp}/umbel-manifest.$$"
    while read -r path; do
        [ ! -d "$dest$path" ] || rmdir --ignore-fail-on-non-empty "$dest$path"
    done <"${TMPDIR:-/tmp}/umbel-manifest.$$"
    rm -f "${TMPDIR:-/tmp}/umbel-manifest.$$"
    if live; then systemctl daemon-reload; fi

    if [ "${PURGE:-}" = 1 ]; then
        rm -rf "$dest/var/lib/umbel" "$dest/etc/umbel" "$dest/run/umbel"
        if [ -z "$dest" ] && id -u umbel >/dev/null 2>&1; then userdel umbel; fi
    else
        for path in /var/lib/umbel /etc/umbel; do
            [ ! -d "$dest$path" ] || echo "$dest$path is kept; make uninstall PURGE=1 removes it and the account umbel"
        done
    fi
}

case $verb in
    install) do_install ;;
    uninstall) do_uninstall ;;
    *) echo "install.sh: install or uninstall, not $verb" >&2; exit 2 ;;
esac
