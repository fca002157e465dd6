#!/umbel/sh
# The first moments of a guest that was made of an image of containers.
b=/umbel/busybox
ip() { $b ip "$@"; }
ifconfig() { $b ifconfig "$@"; }
route() { $b route "$@"; }
$b mkdir -p /dev /proc /sys /run /tmp
[ -c /dev/null ] || $b mount -t devtmpfs devtmpfs /dev
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mkdir -p /dev/pts /dev/shm
$b mount -t devpts -o gid=0,mode=620 devpts /dev/pts
$b mount -t tmpfs tmpfs /dev/shm
$b mount -t tmpfs -o mode=755 tmpfs /run
