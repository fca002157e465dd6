#!/usr/bin/env bash
# What tests could leave on the host, one thing a line.
#   deploy/leftovers.sh list                what is there now
#   deploy/leftovers.sh compare FILE        fails and names what is there now and was not in FILE
set -uo pipefail

list() {
    local at
    ip -o link show 2>/dev/null | awk -F': ' '{ sub(/@.*/, "", $2); print "link " $2 }'
    if command -v nft >/dev/null; then nft list tables 2>/dev/null | sed 's/^/nft /'; fi
    find /sys/fs/cgroup -type d -iname '*umbel*' 2>/dev/null | sed 's/^/cgroup /'
    awk '$2 ~ /umbel/ || $1 ~ /umbel/ { print "mount " $2 }' /proc/self/mounts
    # Guests, programs, databases and browsers; not the shell, editor or compiler that names one of them.
    for at in /proc/[0-9]*; do
        # Kernel threads and zombies have no program; a zombie waits for somebody else's wait.
        case $(readlink "$at/exe" 2>/dev/null) in
            */linux.uml* | */umbel | */umbel-agent | */umbel-shim | */vde_switch | */postgres | */chromium | */kernels/*)
                printf 'process %s %s\n' "${at#/proc/}" "$(tr '\0' ' ' <"$at/cmdline" 2>/dev/null | cut -c1-120)"
                ;;
        esac
    done
    for at in /run/umbel/* /run/umbel-uids/* /run/umbel-subnets/* /run/umbel-ports/* /run/user/*/umbel/* /run/uml/* "$HOME"/.uml/* \
        "${TMPDIR:-/tmp}"/umbel* "${TMPDIR:-/tmp}"/uml* /dev/shm/*umbel* /dev/shm/*uml*; do
        [ ! -e "$at" ] || printf 'path %s\n' "$at"
    done
}

case ${1:-} in
    list) list | sort ;;
    compare)
        # What was just killed may take a moment.
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            left=$(comm -13 "${2:?a file}" <(list | sort))
            [ -n "$left" ] || break
            sleep 0.5
        done
        if [ -n "$left" ]; then
            printf 'left behind on the host:\n%s\n' "$left" >&2
            exit 1
        fi
        ;;
    *) echo "usage: deploy/leftovers.sh list | compare FILE" >&2; exit 2 ;;
esac
