#!/bin/bash
# PID 1 of a node's pid, mount, uts and ipc namespaces: gives it a /run and a /var of its own, and keeps containerd, the kubelet
# and kube-proxy running, as systemd would. Started by lib.sh, never by hand. $1 is the node's number.
set -u
number=$1
name=gd-n$number
disk=$RUN/nodes/$name
address=10.231.0.$((10 + number))
socket=/run/containerd/containerd.sock
export PATH=$PROGRAMS:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mount --make-rprivate / && mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run # sockets, containerd's state, the pods' network namespaces: gone with the node
mkdir -p /run/{containerd,netns,lock} "$disk"/var/{lib/kubelet,log/pods,log/containers,tmp,cache}
ln -sfn /run "$disk/var/run"
mount --bind "$disk/var" /var # the node's disk: what is left after a power-off
mount --make-rshared /
hostname "$name"

# These belong to the network namespace.
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null

# keep NAME COMMAND…: start it again a second after it ends. /run/hold-NAME, made inside the node, keeps it dead.
keep() {
    local service=$1
    shift
    (while :; do
        [ -e "/run/hold-$service" ] || "$@" >>"$disk/log/$service.log" 2>&1
        sleep 1
    done) &
}

# A kubelet sets some sysctls that belong to the whole machine. It is shown files that hold what it wants instead, in a mount
# namespace whose /proc is private; every other mount goes both ways, as volumes need. The node's own /proc is left whole.
show_sysctls() {
    local setting file
    for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
        kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
        file=/proc/sys/${setting%=*}
        [ -e "$file" ] || continue
        mkdir -p /run/sysctls
        echo "${setting#*=}" >"/run/sysctls/${setting//[\/=]/_}"
        mount --bind "/run/sysctls/${setting//[\/=]/_}" "$file"
    done
}
export -f show_sysctls

keep containerd containerd --config "$disk/containerd.toml"
for _ in $(seq 600); do
    ctr -a $socket version >/dev/null 2>&1 && break
    sleep 0.05
done
for image in "$IMAGES"/*.tar; do
    ctr -a $socket -n k8s.io images import "$image" >>"$disk/log/import.log" 2>&1
done
keep kubelet unshare --mount --propagation unchanged bash -c 'mount --make-rprivate /proc; show_sysctls; exec "$@"' - \
    kubelet --config="$disk/kubelet.yaml" --kubeconfig="$disk/kubeconfig" --hostname-override="$name" --node-ip="$address" \
    --root-dir=/var/lib/kubelet --node-labels="topology.kubernetes.io/zone=zone-$number"
keep kube-proxy kube-proxy --config="$disk/proxy.yaml" --hostname-override="$name"
if [ -e "$RUN/network-policy" ]; then
    keep kube-router kube-router --kubeconfig="$RUN/kube-router.kubeconfig" --run-router=false --run-service-proxy=false \
        --run-firewall=true --hostname-override="$name" --service-cluster-ip-range=10.96.0.0/16 \
        --service-node-port-range=30000-32767 --iptables-sync-period=30s --health-port=0 --metrics-port=0
fi
while :; do wait -n || { [ $? -eq 127 ] && break; }; done # and reaps orphans
exec sleep infinity
