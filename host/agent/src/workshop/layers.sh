#!/bin/busybox sh
# shellcheck shell=dash disable=SC3040,SC2154 # a part of init.sh: its functions and settings are there
# An image of containers in /mnt becomes a root: layers one over the other, and what its configuration starts. Two formats:
# the OCI image layout (github.com/opencontainers/image-spec, image-layout.md, layer.md) and that of `docker save`, which
# names its files in manifest.json.

# A name of the archive, which leads nowhere else.
inside() {
    case $1 in '' | /* | *..*) answer bad "it names a file outside of itself" ;; esac
    [ -f "/mnt/$1" ] || answer bad "a file of it is missing: $1"
    printf '%s\n' "/mnt/$1"
}
# What a digest stands for, if its sum is that.
blob() {
    case $1 in
    sha256:*[!0-9a-f]*) answer bad "a digest of it is none" ;;
    sha256:*) ;;
    *) answer bad "its digests are not of the kind sha256" ;;
    esac
    file=$(inside "blobs/sha256/${1#sha256:}")
    [ "$(sha256sum <"$file" | cut -c -64)" = "${1#sha256:}" ] || answer bad "the sum of a blob is another: $1"
    printf '%s\n' "$file"
}
json() { /usr/bin/jq -r "$@" 2>/tmp/said; }

# Whiteouts say what of the layers below is gone.
layer() {
    PATH=/usr/bin:/bin /usr/bin/tar -t --quoting-style=literal -f "$1" 2>/tmp/said >/tmp/names || answer bad "$(reason)"
    grep -E '(^|/)\.wh\.' /tmp/names | while IFS= read -r name; do
        below=$root/$(dirname "$name")
        case $(basename "$name") in
        .wh..wh..opq) [ ! -d "$below" ] || find "$below" -mindepth 1 -maxdepth 1 -exec rm -rf {} + ;;
        .wh.. | .wh... | .wh.) answer bad "a whiteout of it names no file" ;;
        .wh.*) rm -rf "${below:?}/${name##*.wh.}" ;;
        esac
    done
    PATH=/usr/bin:/bin /usr/bin/tar -x -p --numeric-owner --xattrs --xattrs-include=security.capability \
        --xattrs-include='user.*' --exclude='.wh.*' -C "$root" -f "$1" 2>/tmp/said || {
        grep -q 'No space left' /tmp/said && answer full
        answer bad "$(reason)"
    }
}

# What the configuration starts, for /umbel/start: words of a shell, quoted by jq.
starts() {
    json '.config // {} | ((.Env // [])[] | "export " + (. | @sh)),
        "cd " + ((.WorkingDir // "" | if . == "" then "/" else . end) | @sh),
        "user=" + ((.User // "") | @sh),
        "set -- " + ((.Entrypoint // []) + (.Cmd // []) | map(@sh) | join(" "))' "$1"
}

unpack_layers() {
    root=/mnt/.umbel-root
    mkdir "$root" || answer full
    if [ -f /mnt/manifest.json ]; then
        json '.[0].Layers[]' /mnt/manifest.json >/tmp/layers || answer bad "$(reason)"
        config=$(json '.[0].Config' /mnt/manifest.json) || answer bad "$(reason)"
        config=$(inside "$config")
        while IFS= read -r name; do
            file=$(inside "$name")
            layer "$file"
        done </tmp/layers
    else
        digest=$(json '.manifests[0].digest' /mnt/index.json) || answer bad "$(reason)"
        manifest=$(blob "$digest")
        # One for each processor.
        if [ "$(json 'has("manifests")' "$manifest")" = true ]; then
            digest=$(json '[.manifests[] | select(.platform.architecture == "amd64" and .platform.os == "linux")][0].digest' "$manifest")
            [ "$digest" != null ] || answer bad "there is none for amd64 and linux in it"
            manifest=$(blob "$digest")
        fi
        json '.layers[].digest' "$manifest" >/tmp/layers || answer bad "$(reason)"
        config=$(blob "$(json '.config.digest' "$manifest")")
        while IFS= read -r digest; do
            file=$(blob "$digest")
            layer "$file"
        done </tmp/layers
    fi
    first_program "$config"
    find /mnt -mindepth 1 -maxdepth 1 ! -name .umbel-root ! -name lost+found -exec rm -rf {} +
    find "$root" -mindepth 1 -maxdepth 1 -exec mv {} /mnt/ \;
    rmdir "$root" || answer failed "emptying the place of layers"
    # What the archive was is not in the image.
    fstrim /mnt 2>/tmp/said || answer failed "$(reason)"
}

# Where what it starts is an init, that; otherwise ours, also where there is another: many bring one that nothing starts.
first_program() {
    # A link may be absolute, which leads out of the root here.
    if [ -L "$root/sbin" ]; then programs=$root/usr/sbin; else programs=$root/sbin; fi
    mkdir -p "$root/umbel" "$root/etc" "$programs" || answer full
    command=$(json '.config // {} | ((.Entrypoint // []) + (.Cmd // []))[0] // ""' "$1") || answer bad "$(reason)"
    case $command in
    /sbin/init | /usr/sbin/init) return ;;
    */systemd)
        [ -e "$programs/init" ] || [ -L "$programs/init" ] || ln -s "$command" "$programs/init"
        return
        ;;
    esac
    for theirs in "$programs/init" "$root/etc/inittab"; do
        if [ -e "$theirs" ] || [ -L "$theirs" ]; then mv "$theirs" "$root/umbel/their-${theirs##*/}"; fi
    done
    cp /bin/busybox /container/rc /container/start /container/setup /container/files "$root/umbel/" || answer full
    ln -s busybox "$root/umbel/sh"
    ln -s /umbel/busybox "$programs/init"
    starts "$1" >"$root/umbel/config" || answer bad "$(reason)"
    cat >"$root/etc/inittab" <<'INITTAB'
::sysinit:/umbel/sh /umbel/rc
::once:/umbel/sh /umbel/start
::once:/umbel/sh /umbel/files soon
::respawn:/umbel/busybox uevent /umbel/sh /umbel/files
::ctrlaltdel:/umbel/busybox poweroff
INITTAB
}
