#!/bin/bash
# Takes everything down again, also what a crash or a half-done up.sh left: processes, namespaces, links, cgroups, volumes.
#
# Recorded pids come first. What has none is found by the network namespaces, which have names of their own: whatever lives in
# one of them is this cluster's, since nobody else makes one called gd-….
. "$(dirname "$(readlink -f "$0")")/lib.sh"
need_root

if pid=$(pid_of up); then kill -9 "$pid"; fi # an up.sh that still runs
namespaces() { ip netns list 2>/dev/null | awk '/^gd-/ {print $1}'; }
residents() { for namespace in $(namespaces); do ip netns pids "$namespace" 2>/dev/null; done; }
nobody() { [ -z "$(residents)" ]; }
cgroup_names() { ls -d $CGROUPS/gd-n* $CGROUPS/*/gd-n* 2>/dev/null | sed 's|.*/||' | sort -u; }

for file in "$PIDS"/node-*; do
    [ -e "$file" ] && stop_node "${file##*-}" &
done
for service in scheduler controller-manager apiserver etcd; do
    pid=$(pid_of $service) && kill -9 "$pid" && kill -CONT "$pid" 2>/dev/null # a frozen one too
done
wait
for _ in $(seq 100); do
    nobody && break
    kill -9 $(residents) 2>/dev/null
    sleep 0.05
done
nobody || fail "expected every process of the cluster to end, these live on: $(residents | tr '\n' ' ')"

ip link delete gd0 2>/dev/null
for namespace in $(namespaces); do ip netns delete "$namespace"; done
for _ in $(seq 50); do
    for name in $(cgroup_names); do remove_cgroups "$name"; done
    [ -z "$(cgroup_names)" ] && break
    sleep 0.1 # a killed process leaves its cgroup a moment later
done
[ -z "$(cgroup_names)" ] || fail "expected every cgroup of the cluster to be gone, left are: $(cgroup_names | tr '\n' ' ')"
[ -e "$RUN/owns-volumes" ] && rm -rf /tmp/hostpath_pv
rm -rf "$RUN"
