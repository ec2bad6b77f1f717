#!/bin/bash
# Brings up a real Kubernetes on this machine: etcd and the control plane in a network namespace, and nodes with kubelet,
# containerd and runc, each in namespaces of its own. Prints KUBECONFIG=… as its last line.
#
#   NODES=2   PROXY_MODE=iptables|nftables   ADDONS="coredns metrics-server network-policy"   NODE_GRACE=40s
#   PROGRAMS=… and IMAGES=…   the folders that build.py and images.py print
set -euo pipefail
NODES=${NODES:-2}
PROXY_MODE=${PROXY_MODE:-iptables}
ADDONS=${ADDONS-coredns metrics-server network-policy}
settings=$(printf '%s=%q\n' NODES "$NODES" PROGRAMS "$PROGRAMS" IMAGES "$IMAGES")
. "$(dirname "$(readlink -f "$0")")/lib.sh"
STARTED=$EPOCHREALTIME

need_root
case $HOME_FOLDER in # a node has a /run and a /var of its own
    /run/* | /var/*) fail "expected GAMEDAY_CLUSTER_HOME outside /run and /var, found $HOME_FOLDER; choose another folder" ;;
esac
missing=()
for pair in ip:iproute2 iptables:iptables conntrack:conntrack ipset:ipset openssl:openssl nsenter:util-linux sysctl:procps; do
    command -v "${pair%:*}" >/dev/null || missing+=("${pair#*:}")
done
[ $PROXY_MODE = iptables ] || command -v nft >/dev/null || missing+=(nftables)
[ ${#missing[@]} -eq 0 ] || fail "expected ${missing[*]} to be installed; Debian, Ubuntu: apt install ${missing[*]}"
if pid_of apiserver >/dev/null; then
    fail "a cluster is up already: KUBECONFIG=$KUBECONFIG" "take it down first: make cluster-down"
fi
ip -o route show "$SUBNET.0/24" | grep -vq ' gd0 ' && fail "expected $SUBNET.0/24 to be free, but this machine has a route there"

"$HERE/down.sh" # what a crash has left
mkdir -p "$RUN"/{pki,log,pids,nodes,etcd}
echo "$settings" >"$RUN/settings"
. "$HERE/lib.sh"
. "$HERE/pki.sh"
. "$HERE/node-files.sh"
record up $$
[ -e /tmp/hostpath_pv ] || touch "$RUN/owns-volumes" # where Kubernetes' own provisioner for tests puts volumes
make_pki >"$RUN/log/pki.log" 2>&1
say "certificates"

# ---- the network: the switch, a leg into each namespace, and routes to the pods of each node
leg() { # leg NAMESPACE SHORT ADDRESS
    ip netns add "$1"
    within "$1" ip link set lo up
    ip link add eth0 netns "$1" type veth peer name "p-$2" netns gd-sw
    within gd-sw ip link set "p-$2" master br0 up
    within "$1" ip address add "$3/24" dev eth0
    within "$1" ip link set eth0 up
}
ip netns add gd-sw
within gd-sw ip link add br0 type bridge
within gd-sw ip link set br0 up
within gd-sw ip link set lo up
leg gd-cp cp $API_ADDRESS
for number in $(seq "$NODES"); do leg "gd-n$number" "n$number" "$SUBNET.$((10 + number))"; done
ip link add gd0 type veth peer name p-host netns gd-sw
within gd-sw ip link set p-host master br0 up
ip address add $SUBNET.1/24 dev gd0
ip link set gd0 up
routes() { # routes OWN-NUMBER PREFIX…: a node needs none to itself; whoever is no node reaches Services through the first
    local self=$1 number
    shift
    for number in $(seq "$NODES"); do
        [ "$number" = "$self" ] || "$@" ip route add "10.244.$number.0/24" via "$SUBNET.$((10 + number))"
    done
    [ "$self" != 0 ] || "$@" ip route add $SERVICE_RANGE via $SUBNET.11
}
routes 0 env
routes 0 within gd-cp
for number in $(seq "$NODES"); do
    routes "$number" within "gd-n$number"
    within "gd-n$number" ip route add default via $SUBNET.1
    make_node_files "$number"
done
say "network"

# ---- the control plane. Its history is forgotten ten times as often as usual, so that tests meet clients of the past
start_service etcd etcd --name=gameday --data-dir="$RUN/etcd" --log-level=warn \
    --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 \
    --listen-peer-urls=http://127.0.0.1:2380 --initial-advertise-peer-urls=http://127.0.0.1:2380 \
    --initial-cluster=gameday=http://127.0.0.1:2380
start_service apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 \
    --etcd-compaction-interval=30s --bind-address=$API_ADDRESS --advertise-address=$API_ADDRESS --secure-port=6443 \
    --service-cluster-ip-range=$SERVICE_RANGE --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
    --client-ca-file="$PKI/ca.crt" --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" \
    --kubelet-certificate-authority="$PKI/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --kubelet-client-certificate="$PKI/api-to-kubelet.crt" --kubelet-client-key="$PKI/api-to-kubelet.key" \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --service-account-key-file="$PKI/accounts.pub" --service-account-signing-key-file="$PKI/accounts.key" \
    --requestheader-client-ca-file="$PKI/ca.crt" --requestheader-allowed-names=front-proxy-client \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
    --requestheader-extra-headers-prefix=X-Remote-Extra- --enable-aggregator-routing=true \
    --proxy-client-cert-file="$PKI/aggregator.crt" --proxy-client-key-file="$PKI/aggregator.key"
until_true 120 kubectl get --raw=/readyz || fail "expected the API server to be ready within 120 s; see $RUN/log/apiserver.log"
say "API server ready"
as() { echo "--kubeconfig=$RUN/$1.kubeconfig --authentication-kubeconfig=$RUN/$1.kubeconfig --authorization-kubeconfig=$RUN/$1.kubeconfig"; }
start_service controller-manager kube-controller-manager $(as controller-manager) --bind-address=127.0.0.1 --leader-elect=false \
    --cluster-cidr=$POD_RANGE --allocate-node-cidrs=false --service-cluster-ip-range=$SERVICE_RANGE \
    --use-service-account-credentials=true --service-account-private-key-file="$PKI/accounts.key" --root-ca-file="$PKI/ca.crt" \
    --cluster-signing-cert-file="$PKI/ca.crt" --cluster-signing-key-file="$PKI/ca.key" --enable-hostpath-provisioner=true \
    --node-monitor-period=2s --node-monitor-grace-period="${NODE_GRACE:-40s}"
start_service scheduler kube-scheduler $(as scheduler) --bind-address=127.0.0.1 --leader-elect=false

# ---- nodes, and what belongs to every cluster
[[ " $ADDONS " != *" network-policy "* ]] || touch "$RUN/network-policy"
for number in $(seq "$NODES"); do start_node "$number"; done
kubectl apply -f "$HERE/addons/cluster.yaml" >/dev/null
for addon in $ADDONS; do kubectl apply -f "$HERE/addons/$addon.yaml" >/dev/null; done
if ((NODES < 2)) && [[ " $ADDONS " == *" coredns "* ]]; then kubectl -n kube-system scale deployment/coredns --replicas=1 >/dev/null; fi
for number in $(seq "$NODES"); do
    until_true 120 kubectl get node "gd-n$number" ||
        fail "expected node gd-n$number to register within 120 s; see $RUN/nodes/gd-n$number/log"
    kubectl patch node "gd-n$number" --type=merge \
        -p "{\"spec\": {\"podCIDR\": \"10.244.$number.0/24\", \"podCIDRs\": [\"10.244.$number.0/24\"]}}" >/dev/null
done
kubectl wait --for=condition=Ready node --all --timeout=120s >/dev/null
say "$NODES nodes Ready"
for addon in coredns metrics-server; do
    [[ " $ADDONS " != *" $addon "* ]] || kubectl -n kube-system rollout status "deployment/$addon" --timeout=120s >/dev/null
done
rm -f "$PIDS/up"
say "up, with ${ADDONS:-no add-ons}"
echo "KUBECONFIG=$KUBECONFIG"
