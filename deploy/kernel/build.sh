#!/usr/bin/env bash
# Builds our kernel from the newest linux-source that Debian's unstable suite offers, and prints the
# path of the result. What was built is kept, by the checksum of all that it is made from.
#   deploy/kernel/build.sh           builds it where it is not there yet
#   deploy/kernel/build.sh cached    prints the newest that is there; status 1 where none is
#
# The machine's own package lists stay as they are: unstable is read through a private apt
# configuration with the machine's own mirror and Debian's keyring, so signatures are checked as always.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/umbel/kernel
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf 'kernel: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

recipe=$(cat "$here/umbel.config" "$here/build.sh" | sha256sum | cut -c 1-16)
# The newest that this recipe has made, else the newest of any.
newest() {
    local found
    found=$(find "$cache" -mindepth 2 -maxdepth 2 -path "*/*-$1/linux" -type f -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -n 1)
    [ -n "$found" ] && printf '%s\n' "${found#* }"
}
case ${1:-build} in
    build) ;;
    cached) newest "$recipe" || newest '*'; exit ;;
    *) fail "usage: deploy/kernel/build.sh [cached]" ;;
esac

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9

# The mirror that this machine uses already: deb822 files and one-line files, the main archive only.
mirror=$(
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
        awk '$1 == "URIs:" { print $2 }
             $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^[a-z+]+:\//) { print $i; break } }' |
        grep -m 1 '/debian/*$'
) || fail "no mirror of Debian in /etc/apt; the kernel is built from a Debian package"
[ -r "$keyring" ] || fail "$keyring is missing; install debian-archive-keyring"

apt_dir=$cache/apt
mkdir -p "$apt_dir/lists/partial" "$apt_dir/archives/partial"
printf 'deb [signed-by=%s] %s unstable main\n' "$keyring" "$mirror" >"$apt_dir/sources.list"
cat >"$apt_dir/apt.conf" <<CONF
Dir::Etc::SourceList "$apt_dir/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$apt_dir/lists";
Dir::Cache "$apt_dir";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
CONF
export APT_CONFIG=$apt_dir/apt.conf

# A list of today is new enough.
if [ -z "$(find "$apt_dir/updated" -mtime -1 2>/dev/null)" ]; then
    if apt-get update -q >"$apt_dir/update.log" 2>&1; then
        touch "$apt_dir/updated"
    elif newest "$recipe"; then
        say "unstable can't be read; the kernel built before is taken"
        exit
    else
        cat "$apt_dir/update.log" >&2
        fail "unstable can't be read"
    fi
fi
package=$(apt-cache search --names-only '^linux-source-[0-9.]+$' | cut -d ' ' -f 1 | sort -V | tail -n 1)
[ -n "$package" ] || fail "unstable has no linux-source-*"
version=$(apt-cache show "$package" | awk '$1 == "Version:" { print $2; exit }')
[ -n "$version" ] || fail "$package has no version"

home=$cache/${version//[^A-Za-z0-9.+]/_}-$recipe
if [ -f "$home/linux" ]; then
    touch "$home/linux"
    printf '%s\n' "$home/linux"
    exit
fi

log=$cache/build.log
work=$(mktemp -d "$cache/build.XXXXXX")
leave() {
    local status=$?
    rm -rf "$work"
    [ "$status" = 0 ] || { tail -n 30 "$log" >&4; printf 'kernel: it was not built; the log is %s\n' "$log" >&4; }
}
say "building $package $version, about eight minutes on two cores; the log is $log"
exec 3>&1 4>&2 >"$log" 2>&1
trap leave EXIT

build() {
    cd "$work"
    apt-get download -q "$package"
    dpkg-deb --fsys-tarfile ./*.deb | tar -x --wildcards './usr/src/linux-source-*.tar.xz'
    rm ./*.deb
    # Half of the source is never looked at: only its Kconfig files are read.
    tar -xJf usr/src/linux-source-*.tar.xz --strip-components=1 \
        --exclude='*/Documentation/*/*' --exclude='*/tools/testing/*' --exclude='*/arch/*/boot/dts/*' \
        --exclude='*/drivers/gpu/drm/*.[ch]' --exclude='*/drivers/media/*.[ch]' \
        --exclude='*/drivers/staging/*.[ch]' --exclude='*/drivers/infiniband/*.[ch]' --exclude='*/sound/*.[ch]'
    rm -r usr/src
    make -s ARCH=um defconfig
    ARCH=um scripts/kconfig/merge_config.sh -m .config "$here/umbel.config"
    make -s ARCH=um olddefconfig
    wanted
    nice -n 5 make -s ARCH=um linux -j"$(nproc)" KBUILD_BUILD_USER=umbel KBUILD_BUILD_HOST=umbel
    strip linux
    ./linux --version
}
# An option that the new version has dropped or moved says so by its name.
wanted() {
    local line name missing=0
    while IFS= read -r line; do
        name=${line%%=*}
        case $line in
            CONFIG_*=n) ! grep -q "^$name=" .config || { echo "$name is set, and is not to be"; missing=1; } ;;
            CONFIG_*) grep -qxF "$line" .config || { echo "$line is not to be had"; missing=1; } ;;
        esac
    done <"$here/umbel.config"
    return $missing
}
build

mkdir -p "$work/done"
mv "$work/linux" "$work/.config" "$work/done"
mv "$work/done/.config" "$work/done/config"
rm -rf "$home"
mv "$work/done" "$home"
printf '%s\n' "$home/linux" >&3
