#!/bin/busybox sh
# shellcheck shell=dash disable=SC3040,SC2185 # a part of init.sh: its functions and settings are there; find's places stand in a file
# Files are read off a guest's disk. What is asked for stands in files, each path ended by a zero: /above has the
# directories on the way to it, /last has it itself. This shell never has a path in a word of its own.

# /dev/ubda is a layer over the disk: its journal may be played back.
open_disk() {
    [ "$(dd if=/dev/ubda bs=4 count=1 2>/dev/null | tr -d '\0')" = LUKS ] && answer bad encrypted
    mkdir -p /old
    for type in ext4 xfs btrfs squashfs; do
        grep -q "[[:space:]]$type\$" /proc/filesystems || continue
        case $type in
        # Whatever the disk says of it, an error is not the end of this kernel.
        ext4) options=ro,nosuid,nodev,noexec,errors=continue ;;
        xfs) options=ro,nosuid,nodev,noexec,nouuid ;;
        *) options=ro,nosuid,nodev,noexec ;;
        esac
        mount -t "$type" -o "$options" /dev/ubda /old 2>/tmp/said && return
    done
    # kernel: fs/ext4/ext4.h, EXT4_SUPER_MAGIC
    [ "$(dd if=/dev/ubda bs=2 skip=540 count=1 2>/dev/null | od -An -tx1 | tr -d ' \n')" = 53ef ] &&
        answer bad "it can't be mounted"
    answer bad unknown
}
# Of what find(1) said: that it could not read on, where it was not the reader who had enough (SIGPIPE).
is_whole() { case $(cat /tmp/status) in 0 | 141) ;; *) return 1 ;; esac; }

read_files() {
    export LC_ALL=C
    open_disk
    cd /old || answer failed "entering the disk"
    if [ -s /above ]; then
        # All of them directories: a link would lead elsewhere.
        kinds=$(/usr/bin/find -files0-from /above -maxdepth 0 -printf %y 2>/tmp/said) || answer bad missing
        case $kinds in *[!d]*) answer bad missing ;; esac
    fi
    kind=$(/usr/bin/find -files0-from /last -maxdepth 0 -printf '%y %s' 2>/tmp/said) || {
        grep -q "No such file" /tmp/said && answer bad missing
        answer bad "$(reason)"
    }
    size=${kind#* }
    kind=${kind%% *}
    case $ASK in
    list)
        [ "$kind" = d ] || answer bad no-directory
        bytes=$({
            # One more than is listed, in whatever order they lie.
            {
                /usr/bin/find -files0-from /last -mindepth 1 -maxdepth 1 -printf '%f/%y/%s/%m/%U/%G/%T@/%l\0' 2>/tmp/said
                echo $? >/tmp/status
            } | /usr/bin/head -z -n "$MOST" | /usr/bin/sort -z
            is_whole || printf '/damaged\0'
        } | /usr/bin/tee --output-error=exit /dev/ubdb | wc -c) || answer failed "writing the list"
        answer "done" "$bytes"
        ;;
    content)
        case $kind in
        f) ;;
        d) answer bad directory ;;
        *) answer bad special ;;
        esac
        # Where it has holes, nothing is written: the other disk is zero already.
        if [ "${#size}" -gt 15 ] || [ "$size" -gt "$(whole)" ]; then answer bad large; fi
        if [ "$size" -gt 0 ]; then
            /usr/bin/xargs -0 -a /last -I '{}' /usr/bin/dd 'if={}' of=/dev/ubdb bs=256k conv=sparse,notrunc,fsync status=none 2>/tmp/said ||
                answer bad "$(reason)"
        fi
        answer "done" "$size"
        ;;
    archive)
        case $kind in f | d) ;; *) answer bad special ;; esac
        bytes=$({
            /usr/bin/find -files0-from /last -xdev \( -type f -o -type d -o -type l \) -print0 2>/tmp/said
            echo $? >/tmp/status
        } | {
            /usr/bin/tar -c -S --null --no-recursion -T - --numeric-owner -f - 2>>/tmp/said
            echo $? >/tmp/packed
        } | /usr/bin/tee --output-error=exit /dev/ubdb 2>/tmp/full | wc -c) || {
            grep -q 'No space left' /tmp/full && answer bad large
            answer bad "$(reason)"
        }
        { is_whole && [ "$(cat /tmp/packed)" = 0 ]; } || answer bad "$(reason)"
        answer "done" "$bytes"
        ;;
    esac
}
