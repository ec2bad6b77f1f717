#!/bin/bash
# service.sh kill|start|stop|cont NAME    a fault of the control plane, and its end; stop freezes, cont thaws
# NAME is etcd, apiserver, controller-manager or scheduler.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
need_root
[[ " $SERVICES " == *" ${2:-} "* ]] || fail "expected one of: $SERVICES; found '${2:-}'"
case ${1:-} in
    start)
        gone "$2" || fail "$2 runs"
        start_service_again "$2"
        exit
        ;;
    kill) signal=KILL ;;
    stop) signal=STOP ;;
    cont) signal=CONT ;;
    *) fail "expected kill, start, stop or cont, found '${1:-}'" ;;
esac
pid=$(pid_of "$2") || fail "$2 does not run"
kill -$signal "$pid"
[ $signal != KILL ] || until_true 10 gone "$2"
