#!/bin/sh
# A file comes into this guest, or leaves it, on a disk that the host attaches for as long as that takes. Umbel's
# docs/guest-files.md has the format. What came of it is said over the management console; then the host takes the disk
# away. With `soon` it looks once, a moment later; with `wait` it stays until the disk is gone; an uevent names its device.
disk=/dev/ubdp
said=/proc/mconsole
place=/root/files
case ${1:-} in
soon) sleep 2 ;;
wait) trap 'while is_ours; do sleep 1; done' EXIT ;;
*) [ "${ACTION:-add}" = add ] && [ "${DEVNAME:-ubdp}" = ubdp ] || exit 0 ;;
esac
[ -b "$disk" ] || exit 0
umask 022
# A root that was made of an image of containers may have no tools of its own.
if [ -x /umbel/busybox ]; then
    /umbel/busybox mkdir -p /run/umbel-tools && /umbel/busybox --install -s /run/umbel-tools
    PATH=$PATH:/run/umbel-tools
fi
id=''
say() { echo "umbel-files: $id $*" >"$said"; }
fail() {
    # A line has room for 512 bytes (arch/um/drivers/mconsole_kern.c).
    over "failed: $(printf %.300s "$*")"
    exit 1
}
# What is wanted stands in the disk's last 4 KiB.
wanted() {
    read -r size 2>/dev/null </sys/class/block/ubdp/size || return
    dd if="$disk" bs=4096 skip=$((size / 8 - 1)) count=1 2>/dev/null | tr -d '\000'
}
# Whether there is not another one by now; what it was may be written over.
is_ours() {
    [ -b "$disk" ] && wanted | {
        read -r _
        read -r word rest
        [ "$word" != id ] || [ "$rest" = "$id" ]
    }
}
# Of lines that come too fast the host hears only some, so it is said until this disk is gone.
over() {
    tries=0
    say "$*"
    while sleep 0.5 && [ "$tries" -lt 120 ] && is_ours; do
        tries=$((tries + 1))
        say "$*"
    done
}

verb='' name='' path=''
while read -r word rest; do
    case $word in
    id) id=$rest ;;
    take | give) verb=$word ;;
    name) name=$rest ;;
    path) path=$rest ;;
    esac
done <<WANTED
$(wanted)
WANTED
[ -n "$id" ] && [ -n "$verb" ] || exit 0
# Whoever hears of it twice does it once.
mark=/run/umbel-files-$id
mkdir "$mark" 2>/dev/null || exit 0
say begun
command -v tar >/dev/null 2>&1 || fail "there is no tar in this guest"

case $verb in
take)
    # Under its name only when it is whole.
    coming=$place/.coming-$id
    mkdir -p "$coming" || fail "$place can't be made"
    why=$(tar -xf "$disk" -C "$coming" 2>&1) || {
        rm -rf "$coming"
        fail "$why"
    }
    if [ -d "$place/$name" ]; then
        rm -rf "$coming"
        fail "$place/$name is a directory"
    fi
    why=$(mv -f "$coming/$name" "$place/$name" 2>&1) || fail "$why"
    rm -rf "$coming"
    ;;
give)
    how=-cf
    if [ -d "$path" ]; then
        path=$(readlink -f "$path")
    elif [ -f "$path" ]; then
        # What a link leads to.
        how=-chf
    elif [ -e "$path" ]; then
        fail "$path is neither a file nor a directory"
    else
        fail "there is no $path"
    fi
    # By a pipe: not every tar ends where a disk does.
    { tar "$how" - -C "${path%/*}/" "./${path##*/}" 2>"$mark/why" || : >"$mark/failed"; } |
        dd of="$disk" bs=65536 2>/dev/null || fail "$path is larger than what was asked for"
    if [ -e "$mark/failed" ]; then
        why=$(cat "$mark/why")
        case $why in
        # Which GNU tar tells and leaves it at.
        *"file changed as we read it"*) ;;
        *) fail "$why" ;;
        esac
    fi
    ;;
esac
# The host takes the disk away then.
sync
over "done"
