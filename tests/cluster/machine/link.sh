#!/bin/bash
# link.sh off|on host|cp|nN       a partition: the leg of this machine, of the control plane or of a node
# The leg leaves the switch and comes back. Its own end notices nothing, as with a real partition: packets go out, none come back.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
need_root
within gd-sw ip link show "p-${2:-}" >/dev/null 2>&1 || fail "expected host, cp or nN, found '${2:-}'"
case ${1:-} in
    off) within gd-sw ip link set "p-$2" nomaster ;;
    on) # to one that is in it already this would be a moment's absence
        within gd-sw ip -o link show "p-$2" | grep -q ' master br0 ' || within gd-sw ip link set "p-$2" master br0
        ;;
    *) fail "expected off or on, found '${1:-}'" ;;
esac
