# Sourced by up.sh: what a node's programs are told.

make_node_files() {
    local number=$1 name=gd-n$1
    local disk=$RUN/nodes/$name address=$SUBNET.$((10 + $1))
    mkdir -p "$disk"/{cni,log,var,containerd}
    : >"$disk/resolv.conf"

    cat >"$disk/containerd.toml" <<EOF
version = 3
root = "$disk/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs", "io.containerd.nri.v1.nri",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "gameday.local/pause:1"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true # root without CAP_SYS_RESOURCE cannot lower it
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
    BinaryName = "$PROGRAMS/runc"
    SystemdCgroup = false
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["$PROGRAMS/cni"]
  conf_dir = "$disk/cni"
EOF

    cat >"$disk/cni/10-gameday.conflist" <<EOF
{"cniVersion": "1.0.0", "name": "gameday", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "isDefaultGateway": true, "ipMasq": false, "hairpinMode": true, "mtu": 1500,
   "ipam": {"type": "host-local", "dataDir": "/run/cni-addresses", "ranges": [[{"subnet": "10.244.$number.0/24"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}},
  {"type": "bandwidth", "capabilities": {"bandwidth": true}}
]}
EOF

    cat >"$disk/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $address
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupRoot: /$name
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $PKI/node$number.crt
tlsPrivateKeyFile: $PKI/node$number.key
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
resolvConf: $disk/resolv.conf
# All nodes share one disk and one memory, whose fullness says nothing about a node.
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
nodeStatusUpdateFrequency: 4s
nodeLeaseDurationSeconds: 20
syncFrequency: 10s
enforceNodeAllocatable: [pods]
oomScoreAdj: 0
volumePluginDir: /var/lib/kubelet/volumeplugins
EOF

    cat >"$disk/proxy.yaml" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
bindAddress: $address
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
clientConnection: {kubeconfig: $RUN/proxy.kubeconfig}
clusterCIDR: $POD_RANGE
mode: $PROXY_MODE
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
EOF
}
