# Kernels before 5.19 leave this word of their command line to us.
read -r line </proc/cmdline
place=
for word in $line; do
    case $word in
        hostname=*) echo "${word#*=}" >/proc/sys/kernel/hostname ;;
        ip=*) place=${word#*=} ;;
    esac
done
ip link set lo up 2>/dev/null
[ -n "$place" ] || exit 0
# ADDRESS::GATEWAY:MASK:NAME:CARD:off:NAMES, what is not there left out.
IFS=:
set -- $place
unset IFS
# Some kernels have done it by themselves: then they have a route.
done=
while read -r card _; do [ "$card" != "$6" ] || done=yes; done </proc/net/route
if [ -z "$done" ]; then
    ifconfig "$6" "$1" netmask "$4" up
    [ -z "$3" ] || route add default gw "$3"
fi
[ -z "$8" ] || echo "nameserver $8" >/etc/resolv.conf
