# What up.sh, down.sh, node.sh, service.sh and link.sh share: where things are, and starting and ending a node or a service.
#
# The cluster is one "switch" (a bridge in the network namespace gd-sw) with a leg into each network namespace: gd-cp has the
# control plane, gd-nN is node N's, and gd0 is the leg into the machine's own. Nothing listens outside these namespaces.

HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
HOME_FOLDER=${GAMEDAY_CLUSTER_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/gameday-cluster}
RUN=$HOME_FOLDER/run # the state of the cluster that is up
PIDS=$RUN/pids
export KUBECONFIG=$RUN/kubeconfig
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
if [ -e "$RUN/settings" ]; then # written by up.sh: NODES, PROGRAMS, IMAGES
    . "$RUN/settings"
    export PATH=$PROGRAMS:$PATH
fi

SUBNET=10.231.0 # .1 this machine, .10 the control plane, .11 and up the nodes
API_ADDRESS=$SUBNET.10
API=https://$API_ADDRESS:6443
POD_RANGE=10.244.0.0/16 # node N has 10.244.N.0/24
SERVICE_RANGE=10.96.0.0/16
SERVICES="etcd apiserver controller-manager scheduler"

say() { printf '%6.1f s  %s\n' "$(awk "BEGIN {print $EPOCHREALTIME - ${STARTED:-$EPOCHREALTIME}}")" "$*"; }
fail() {
    printf '%s\n' "$@" >&2
    exit 1
}
need_root() { [ "$(id -u)" -eq 0 ] || fail "expected root, which namespaces, bridges and containers need, found $(id -un); run it as root"; }

# Run in a network namespace, without the new mount of /sys that `ip netns exec` makes.
within() { nsenter --net="/run/netns/$1" "${@:2}"; }

# until_true SECONDS COMMAND…: look every 0.1 s until the command succeeds.
until_true() {
    local end=$((SECONDS + $1))
    until "${@:2}" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

# ---- processes, known by their pid and their start time, since a pid alone may be somebody else's by now

# The start time of a process that lives; nothing for one that is only not yet waited for.
started_at() { awk '{sub(/^.*\) /, ""); if ($1 != "Z") print $20}' "/proc/$1/stat" 2>/dev/null; }
record() { echo "$2 $(started_at "$2")" >"$PIDS/$1"; }
# pid_of NAME: the pid of a recorded process that is still that process.
pid_of() {
    local pid at
    read -r pid at 2>/dev/null <"$PIDS/$1" || return 1
    [ -n "$at" ] && [ "$(started_at "$pid")" = "$at" ] && echo "$pid"
}
gone() { ! pid_of "$1" >/dev/null; }

# start_service NAME COMMAND…: one of the control plane's, in gd-cp. nsenter replaces itself, so $! is the program.
start_service() {
    local name=$1
    shift
    printf '%q ' "$@" >"$RUN/command.$name"
    setsid nsenter --net=/run/netns/gd-cp "$@" >>"$RUN/log/$name.log" 2>&1 </dev/null &
    record "$name" $!
}
start_service_again() { eval "start_service $1 $(cat "$RUN/command.$1")"; }

# ---- cgroups: v1 as one folder a controller, v2 as one folder

CGROUPS=/sys/fs/cgroup
# What a node's pods weigh beside the rest: at the root, where this machine's processes and the cluster's own are, each *thread* weighs
# as much as a new cgroup, so that ten busy ones would leave all pods of a node a tenth of a core. On a node of its own, systemd would
# hold the rest of the machine to a third. Ten threads' worth it is.
TIMES_A_THREAD=10
is_v2() { [ -e $CGROUPS/cgroup.controllers ]; }
cgroups_of() { # the cgroup folders of a node
    if is_v2; then
        echo "$CGROUPS/$1"
    else
        local controller
        for controller in cpu cpuacct cpuset memory devices freezer blkio pids systemd unified; do
            [ -d "$CGROUPS/$controller" ] && echo "$CGROUPS/$controller/$1"
        done
    fi
}
make_cgroups() {
    local folder
    for folder in $(cgroups_of "$1"); do mkdir -p "$folder"; done
    if is_v2; then
        echo "+cpu +cpuset +memory +pids +io" | tee $CGROUPS/cgroup.subtree_control >"$CGROUPS/$1/cgroup.subtree_control"
        echo $((100 * TIMES_A_THREAD)) >"$CGROUPS/$1/cpu.weight"
    else
        cat $CGROUPS/cpuset/cpuset.cpus >"$CGROUPS/cpuset/$1/cpuset.cpus"
        cat $CGROUPS/cpuset/cpuset.mems >"$CGROUPS/cpuset/$1/cpuset.mems"
        echo $((1024 * TIMES_A_THREAD)) >"$CGROUPS/cpu/$1/cpu.shares"
    fi
}
remove_cgroups() {
    local folder
    for folder in $(cgroups_of "$1"); do
        [ -d "$folder" ] && find "$folder" -depth -type d -exec rmdir {} \; 2>/dev/null
    done
    return 0
}

# ---- nodes

start_node() {
    local number=$1 name=gd-n$1
    make_cgroups "$name"
    mkdir -p "$RUN/nodes/$name"/{log,var,containerd,cni}
    setsid nsenter --net="/run/netns/$name" unshare --mount --uts --ipc --pid --fork --kill-child --propagation private \
        env RUN="$RUN" PROGRAMS="$PROGRAMS" IMAGES="$IMAGES" "$HERE/node-init.sh" "$number" \
        >>"$RUN/nodes/$name/log/init.log" 2>&1 </dev/null &
    record "node-$number" $!
}

# PID 1 of a node's namespaces, as this machine sees it: the one child of `unshare`.
first_process_of() {
    local parent
    parent=$(pid_of "node-$1") && awk '{print $1}' "/proc/$parent/task/$parent/children"
}

# A power-off: with PID 1 of its namespaces go every process, container and mount of the node, at one stroke.
stop_node() {
    local number=$1 name=gd-n$1 first
    if first=$(first_process_of "$number") && [ -n "$first" ]; then
        kill -9 "$first"
        until_true 10 gone "node-$number" || kill -9 "$(pid_of "node-$number")"
    fi
    rm -f "$PIDS/node-$number"
    within "$name" ip link delete cni0 2>/dev/null # the disk stays, the network of its pods does not
    remove_cgroups "$name"
}
