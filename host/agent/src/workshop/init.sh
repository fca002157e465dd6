#!/bin/busybox sh
# shellcheck shell=dash disable=SC1091,SC2153,SC3040 # what it is told stands in the environment; busybox has pipefail
# The first program of a guest that the agent has for one task. It reads /dev/ubda, which is not to be trusted, and writes
# /dev/ubdb. The last line that begins with "workshop:" is its answer.
# Programs of the host are called by their paths: this shell takes its own before those that PATH leads to.
/bin/busybox --install -s /bin
export PATH=/bin
[ -c /dev/null ] || mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
set -o pipefail

# Also from within a command whose output is taken. One line, without what a terminal would take for more: there may be
# somebody's words in it.
answer() {
    echo "workshop: $(printf '%s' "$*" | tr -cd ' -~' | cut -c 1-250)" >/dev/console
    sync
    poweroff -f
    sleep 60
}
# What a program complained about first.
reason() { grep -v "Removing leading" /tmp/said | head -n 1 | sed "s,^/[a-z/]*/,,"; }

# Of the disk that is written, in bytes.
whole() { echo "$(($(cat /sys/block/ubdb/size) * 512))"; }

packed() { dd if=/dev/ubda bs=256k iflag=count_bytes,fullblock count="$BYTES" 2>/dev/null; }
plain() {
    case $PACKING in
    none) packed ;;
    gzip) packed | /usr/bin/gzip -d -c ;;
    bzip2) packed | bzip2 -d -c ;;
    xz) packed | /usr/bin/xz -d -c ;;
    zstd) packed | /usr/bin/zstd -d -c -q ;;
    esac
}
# POSIX.1-2017, pax, "ustar Interchange Format": the magic of a header.
is_archive() { [ "$(plain 2>/dev/null | dd bs=1 skip=257 count=5 2>/dev/null)" = ustar ]; }

# shellcheck source=host/agent/src/workshop/layers.sh
. /layers
# shellcheck source=host/agent/src/workshop/publish.sh
. /publish
# shellcheck source=host/agent/src/workshop/files.sh
. /files

# On /mnt; more words are for mke2fs(8).
new_file_system() {
    # Its inode tables are zero already: a guest that wrote them again would fill its disk.
    /sbin/mke2fs -q -F -t ext4 -b 4096 -I 256 -m 0 "$@" \
        -E lazy_itable_init=0,lazy_journal_init=1,assume_storage_prezeroed=1,nodiscard /dev/ubdb >/tmp/said 2>&1 ||
        answer failed "$(reason)"
    mount -t ext4 -o noatime /dev/ubdb /mnt || answer failed "mounting a new file system"
}

unpack_archive() {
    new_file_system
    # Members named with .. are refused, absolute names lose their root, and links are made last (tar's manual, 9.1 and
    # 10.2).
    if ! plain 2>/tmp/packing | /usr/bin/tar -x -p --numeric-owner --xattrs --xattrs-include=security.capability \
        --xattrs-include='user.*' -C /mnt -f - 2>/tmp/said; then
        grep -q 'No space left' /tmp/said && answer full
        [ -s /tmp/said ] || cat /tmp/packing >/tmp/said
        answer bad "$(reason)"
    fi
    if [ -f /mnt/manifest.json ] || [ -f /mnt/oci-layout ]; then unpack_layers; fi
    for first in sbin/init usr/sbin/init bin/init init bin/sh usr/bin/sh; do
        # A link may be absolute: that leads out of /mnt here.
        if [ -e "/mnt/$first" ] || [ -L "/mnt/$first" ]; then
            umount /mnt || answer failed "writing the new file system"
            answer "done" "$(whole)"
        fi
    done
    answer bad "there is neither /sbin/init nor /bin/sh in it"
}

unpack_disk() {
    bytes=$(plain 2>/tmp/packing | /usr/bin/tee --output-error=exit /dev/ubdb 2>/tmp/said | wc -c) || {
        grep -q 'No space left' /tmp/said && answer full
        cat /tmp/packing >/tmp/said
        answer bad "$(reason)"
    }
    answer "done" "$bytes"
}

case $TASK in
unpack) if is_archive; then unpack_archive; else unpack_disk; fi ;;
convert)
    /usr/bin/qemu-img convert -f qcow2 -O raw -n --target-is-zero -S 4k /dev/ubda /dev/ubdb >/tmp/said 2>&1 || answer bad "$(reason)"
    answer "done" "$(whole)"
    ;;
traces) find_traces ;;
publish) publish_guest ;;
files) read_files ;;
grow)
    # The same file system grows into the same bytes.
    export E2FSPROGS_FAKE_TIME=946684800 E2FSCK_TIME=946684800
    /sbin/e2fsck -f -p /dev/ubdb >/tmp/said 2>&1
    [ $? -le 1 ] || answer bad "$(reason)"
    /sbin/resize2fs -f /dev/ubdb >/tmp/said 2>&1 || answer bad "$(sed 1d /tmp/said >/tmp/rest; mv /tmp/rest /tmp/said; reason)"
    answer "done" "$(whole)"
    ;;
esac
answer failed "there is no task ${TASK:-at all}"
