# shellcheck shell=dash disable=SC2154 # said by what reads this: root, epoch, say
# The root becomes a file system: nothing in it is younger than $epoch, and what programs choose by chance is chosen here.
say 'a file system'
export E2FSPROGS_FAKE_TIME="$epoch"
for name in dev proc sys run tmp; do
    mkdir -p "$root/$name"
    find "$root/$name" -xdev -mindepth 1 -delete
done
rm -f "$root"/var/cache/ldconfig/aux-cache "$root"/etc/.updated "$root"/var/.updated
find "$root" -xdev -newermt "@$epoch" -exec touch -h -d "@$epoch" {} +

# Blocks of files, in KiB, and a fourth more.
need=$(find "$root" -xdev -printf '%s\n' | awk '{ kib += int(($1 + 4095) / 4096) * 4 } END { print int(kib / 1024 * 5 / 4) + 16 }')
size=64
while :; do
    [ "$size" -le 16384 ] || {
        say 'it is larger than the largest disk, 16 GiB'
        exit 1
    }
    rm -f /work/half
    if [ "$size" -ge "$need" ] && mke2fs -q -F -t ext4 -b 4096 -I 256 -m 0 -U 756d6265-6c00-4000-8000-726563697065 \
        -E hash_seed=756d6265-6c00-4000-8000-726563697065,lazy_itable_init=0,lazy_journal_init=1,assume_storage_prezeroed=1,nodiscard,root_owner=0:0 \
        -d "$root" /work/half "${size}M" >/work/said 2>&1; then
        break
    fi
    size=$((size * 2))
done

# Devices can't be made in here but as entries of a file system; and moments that no program sets but by this.
{
    echo 'cd /dev'
    while read -r name mode major minor; do
        echo "mknod $name c $major $minor"
        echo "sif $name mode $mode"
    done <<DEVICES
console 020600 5 1
null 020666 1 3
zero 020666 1 5
full 020666 1 7
random 020666 1 8
urandom 020666 1 9
tty 020666 5 0
DEVICES
} >/work/devices
debugfs -w -f /work/devices /work/half >/work/said 2>&1
count() { dumpe2fs -h /work/half 2>/dev/null | sed -n "s/^$1: *//p"; }
used=$(($(count 'Inode count') - $(count 'Free inodes')))
{
    for inode in 2 7 8 $(seq 11 "$used"); do
        for moment in ctime atime crtime; do echo "sif <$inode> $moment @$epoch"; done
    done
    for inode in 2 7 8 11 $(seq $((used - 6)) "$used"); do echo "sif <$inode> mtime @$epoch"; done
    for moment in mkfs_time wtime lastcheck; do echo "ssv $moment @$epoch"; done
    echo 'ssv kbytes_written 0'
} >/work/moments
debugfs -w -f /work/moments /work/half >/work/said 2>&1
mv /work/half /work/disk
say "done: $size MiB, nothing in it is younger than $(date -u -d "@$epoch" '+%Y-%m-%d %H:%M:%S')"
