#!/umbel/sh
# shellcheck shell=dash disable=SC1091,SC2016,SC2154 # written as the image is made; words for other programs
# Starts what the image of containers says, on the console, and ends the guest with it.
b=/umbel/busybox
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=linux
. /umbel/config
[ $# -gt 0 ] || set -- /bin/sh
# A number, a name, or one of both with a group.
user=${user%%:*}
case $user in
'' | 0 | root) $b cttyhack "$@" ;;
*)
    case $user in *[!0-9]*) ;; *)
        name=$($b awk -F: -v id="$user" '$3 == id { print $1; exit }' /etc/passwd 2>/dev/null)
        [ -n "$name" ] || { name=umbel-$user; echo "$name:x:$user:0::/:/umbel/sh" >>/etc/passwd; }
        user=$name
        ;;
    esac
    $b cttyhack $b su -m -s /umbel/sh -c 'exec "$@"' "$user" sh "$@"
    ;;
esac
$b poweroff
