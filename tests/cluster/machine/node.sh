#!/bin/bash
# node.sh kill N | start N          a node's power off and on; its disk stays
# node.sh enter N [COMMAND…]        run something inside a node
. "$(dirname "$(readlink -f "$0")")/lib.sh"
need_root
[ -e "$RUN/nodes/gd-n${2:-}" ] || fail "expected the number of a node that the cluster has, found '${2:-}'"
case ${1:-} in
    kill) stop_node "$2" ;;
    start)
        gone "node-$2" || fail "node $2 is on"
        start_node "$2"
        ;;
    enter) exec nsenter -t "$(first_process_of "$2")" -m -u -i -n -p "${@:3}" ;;
    *) fail "expected kill, start or enter, found '${1:-}'" ;;
esac
