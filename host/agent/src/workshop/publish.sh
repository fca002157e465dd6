#!/bin/busybox sh
# shellcheck shell=dash disable=SC3040,SC2154 # a part of init.sh: its functions and settings are there
# What a guest has written becomes a root for others. Only files are carried over, into a new file system: what was deleted
# is in none of its blocks. /traces says what is one guest's own: a kind, whether directories go too, and a pattern
# of find(1) to a line; no file fits two kinds.

# /dev/ubda is a copy: its journal may be played back.
open_guest() {
    /sbin/dumpe2fs -h /dev/ubda >/tmp/facts 2>/dev/null ||
        answer bad "its file system is none of those that images are made of: ext2, ext3 and ext4"
    /sbin/e2fsck -f -p /dev/ubda >/tmp/said 2>&1
    [ $? -le 2 ] || answer bad "its file system is damaged, which a start of the guest mends: $(reason)"
    mkdir -p /old
    mount -t ext4 -o ro /dev/ubda /old || answer bad "its file system can't be mounted"
    cd /old || answer failed "entering the old root"
}
# In KiB.
used() { df -k /old | awk 'END { print $3 }'; }

kinds() { cut -f 1 /traces | sort -u; }
# Words of find(1) for the files of a kind, or of those of several with | between them.
fits() {
    awk -F '\t' -v kinds="^($1)$" '
        $1 ~ kinds { printf "%s%s -path \047%s\047", (more++ ? " -o " : ""), ($2 == "files" ? "! -type d" : ""), $3 }' /traces
}
has_passwords() { [ -f etc/shadow ] && [ ! -L etc/shadow ]; }

find_traces() {
    open_guest
    for kind in $(kinds); do
        eval "find . -xdev \\( $(fits "$kind") \\) ! -type d -print" >/tmp/names
        bytes=$(eval "find . -xdev \\( $(fits "$kind") \\) -type f -exec stat -c %s {} +" | awk '{ sum += $1 } END { printf "%.0f", sum }')
        if [ "$kind" = logins ] && has_passwords; then
            awk -F: '$2 ~ /^[$]/ { print "the password of " $1 }' etc/shadow >>/tmp/names
        fi
        [ -s /tmp/names ] || continue
        echo "workshop: trace $kind $(wc -l </tmp/names) $bytes"
        head -n 5 /tmp/names | tr -cd ' -~\n' | cut -c 1-120 | sed "s,^\./,/,; s,^,workshop: name $kind ,"
    done
    answer "done" "$(($(used) * 1024))"
}

publish_guest() {
    open_guest
    # Its journal and its tables take some.
    [ $(($(used) * 1024 + (16 << 20))) -lt "$(whole)" ] || answer full
    label=$(sed -n 's/^Filesystem volume name: *\([A-Za-z0-9._-]*\)$/\1/p' /tmp/facts)
    uuid=$(sed -n 's/^Filesystem UUID: *\([0-9a-f-]*\)$/\1/p' /tmp/facts)
    new_file_system -L "$label" ${uuid:+-U "$uuid"}
    go=$(fits "$(kinds | tr '\n' '|')-")
    case $LOGINS in
    keep) go=$(fits "$(kinds | grep -v logins | tr '\n' '|')-") ;;
    # The passwords are written below; what is kept of them beside is of before.
    remove) go="$go -o -path ./etc/shadow -o -path ./etc/shadow-" ;;
    esac
    if ! eval "find . -xdev ! \\( $go \\) -print0" |
        /usr/bin/tar -c -S --null --no-recursion -T - --numeric-owner --xattrs --xattrs-include=security.capability \
            --xattrs-include='user.*' -f - 2>/tmp/packing |
        /usr/bin/tar -x -p --numeric-owner --xattrs --xattrs-include=security.capability --xattrs-include='user.*' \
            -C /mnt -f - 2>/tmp/said; then
        grep -q 'No space left' /tmp/said && answer full
        [ -s /tmp/said ] || cat /tmp/packing >/tmp/said
        answer bad "$(reason)"
    fi
    # Empty, it is filled at a first boot (machine-id(5)).
    if [ -f etc/machine-id ] && [ ! -L etc/machine-id ]; then
        { : >/mnt/etc/machine-id && chmod 444 /mnt/etc/machine-id; } || answer full
    fi
    if [ "$LOGINS" = remove ] && has_passwords; then
        # In memory first: what was once in a block of the new disk might stay there.
        { cp -p etc/shadow /tmp/shadow && awk -F: -v OFS=: '$2 ~ /^[$]/ { $2 = "*" } { print }' etc/shadow >/tmp/shadow &&
            cp -p /tmp/shadow /mnt/etc/shadow; } || answer full
    fi
    cd /
    umount /old
    umount /mnt || answer failed "writing the new file system"
    answer "done" "$(whole)"
}
