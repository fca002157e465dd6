#!/bin/sh
# What a guest is told once, off its second disk: who signs in, and a script. Umbel's docs/guest-setup.md has the format.
# What came of it is said over the management console; then the host takes the disk away.
disk=/dev/ubdb
said=/proc/mconsole
[ -b "$disk" ] || exit 0
# Where cloud-init can read the same disk, it does.
if command -v cloud-init >/dev/null 2>&1 && grep -q vfat /proc/filesystems; then exit 0; fi
umask 077
say() { echo "umbel-setup: $*" >"$said"; }
fail() {
    say "failed: $*"
    exit 1
}
place=/var/lib/umbel
mkdir -p "$place" /var/log || fail "there is no room in /var"
told=$place/setup script=$place/setup-script
trap 'rm -f "$told" "$script"' EXIT
dd if="$disk" bs=65536 skip=16 2>/dev/null | tr -d '\000' >"$told" || fail "the disk can't be read"
exec 3<"$told"
read -r line <&3
[ "$line" = "umbel-setup 1" ] || exit 0
user='' password='' keys='' kind='' copied=''
while read -r word rest <&3; do
    case $word in
    user) user=$rest ;;
    password) password=$rest ;;
    copied) copied=yes ;;
    key) keys="$keys$rest
" ;;
    script | cloud-config)
        kind=$word
        break
        ;;
    esac
done
[ "$kind" != cloud-config ] || fail "a #cloud-config needs cloud-init, and a kernel that reads vfat"
[ "$kind" != script ] || cat <&3 >"$script" || fail "the script can't be written"
exec 3<&-
say begun

if [ -n "$copied" ]; then
    rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /var/lib/systemd/random-seed
    if command -v systemd-machine-id-setup >/dev/null 2>&1; then
        rm -f /etc/machine-id
        systemd-machine-id-setup >/dev/null 2>&1 || fail "the machine id can't be made anew"
    fi
    if command -v ssh-keygen >/dev/null 2>&1 && [ -d /etc/ssh ]; then
        ssh-keygen -A >/dev/null 2>&1 || fail "host keys can't be made anew"
        ! command -v systemctl >/dev/null 2>&1 || systemctl try-restart ssh.service
    fi
fi

home_of() {
    while IFS=: read -r name _ _ _ _ home _; do
        [ "$name" != "$1" ] || echo "$home"
    done </etc/passwd
}
shell=/bin/sh
[ ! -x /bin/bash ] || shell=/bin/bash
if [ -z "$(home_of "$user")" ]; then
    if command -v useradd >/dev/null 2>&1; then
        useradd -m -s "$shell" "$user" || fail "the user $user can't be made"
    else
        id=1000
        while grep -q ":$id:" /etc/passwd /etc/group; do id=$((id + 1)); done
        umask 022
        {
            echo "$user:x:$id:" >>/etc/group && echo "$user:x:$id:$id::/home/$user:$shell" >>/etc/passwd
            mkdir -p "/home/$user"
        } || fail "the user $user can't be made"
        umask 077
        [ ! -e /etc/shadow ] || echo "$user:*:0::::::" >>/etc/shadow
        chown "$id:$id" "/home/$user"
    fi
fi
if [ -n "$password" ]; then
    if command -v chpasswd >/dev/null 2>&1; then
        echo "$user:$password" | chpasswd -e || fail "the password can't be set"
    else
        while IFS= read -r line; do
            case $line in
            "$user:"*)
                rest=${line#*:}
                line=$user:$password:${rest#*:}
                ;;
            esac
            echo "$line"
        done </etc/shadow >/etc/shadow.new || fail "the password can't be set"
        mv /etc/shadow.new /etc/shadow || fail "the password can't be set"
    fi
fi
if [ "$user" != root ] && [ -d /etc/sudoers.d ]; then
    if [ -z "$password" ]; then
        echo "$user ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/umbel && chmod 440 /etc/sudoers.d/umbel
    else
        for group in sudo wheel; do
            ! grep -q "^$group:" /etc/group || usermod -a -G "$group" "$user"
        done
    fi || fail "$user can't be given the rights of root"
fi
if [ -n "$keys" ]; then
    home=$(home_of "$user")
    {
        mkdir -p "$home/.ssh" && printf %s "$keys" >>"$home/.ssh/authorized_keys" &&
            chown -R "$user:$(id -g "$user")" "$home/.ssh"
    } || fail "the keys can't be written"
fi
if [ -s "$script" ]; then
    chmod 700 "$script"
    umask 022
    cd /
    "$script" >/var/log/umbel-setup 2>&1 </dev/null
    ended=$?
    [ "$ended" = 0 ] || fail "its script ended with $ended; what it said is in /var/log/umbel-setup"
fi
# The host takes the disk away then, and the guest may lose its power the next moment.
sync
say "done"
