# Sourced by up.sh: one authority, a certificate for whoever speaks to the API, and a kubeconfig for each.

PKI=$RUN/pki

# certificate FILE NAME [GROUP] [ADDRESSES]: for client and server alike, which a cluster that lives for a day may be.
certificate() {
    openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/$1.key"
    openssl req -new -key "$PKI/$1.key" -subj "${3:+/O=$3}/CN=$2" |
        openssl x509 -req -days 365 -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -CAcreateserial -out "$PKI/$1.crt" -extfile <(
            echo "keyUsage=digitalSignature,keyEncipherment"
            echo "extendedKeyUsage=clientAuth,serverAuth"
            echo "${4:+subjectAltName=$4}"
        )
}

# kubeconfig FILE CERTIFICATE
kubeconfig() {
    (umask 077 && cat >"$1") <<EOF
apiVersion: v1
kind: Config
clusters: [{name: gameday-test, cluster: {server: "$API", certificate-authority-data: "$(base64 -w0 <"$PKI/ca.crt")"}}]
users: [{name: $2, user: {client-certificate-data: "$(base64 -w0 <"$PKI/$2.crt")", client-key-data: "$(base64 -w0 <"$PKI/$2.key")"}}]
contexts: [{name: gameday-test, context: {cluster: gameday-test, user: $2}}]
current-context: gameday-test
EOF
}

make_pki() {
    local number cluster=kubernetes.default.svc
    openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/ca.key"
    openssl req -x509 -new -key "$PKI/ca.key" -subj /CN=gameday-test -days 365 -out "$PKI/ca.crt" \
        -addext keyUsage=critical,digitalSignature,keyCertSign,cRLSign
    openssl genrsa -out "$PKI/accounts.key" 2048
    openssl rsa -in "$PKI/accounts.key" -pubout -out "$PKI/accounts.pub"
    certificate apiserver kube-apiserver "" \
        "DNS:kubernetes,DNS:kubernetes.default,DNS:$cluster,DNS:$cluster.cluster.local,IP:$API_ADDRESS,IP:10.96.0.1"
    certificate admin admin system:masters
    certificate api-to-kubelet kube-apiserver-kubelet-client system:masters
    certificate controller-manager system:kube-controller-manager
    certificate scheduler system:kube-scheduler
    certificate proxy system:kube-proxy
    certificate kube-router system:kube-router
    certificate aggregator front-proxy-client
    kubeconfig "$RUN/kubeconfig" admin
    kubeconfig "$RUN/controller-manager.kubeconfig" controller-manager
    kubeconfig "$RUN/scheduler.kubeconfig" scheduler
    kubeconfig "$RUN/proxy.kubeconfig" proxy
    kubeconfig "$RUN/kube-router.kubeconfig" kube-router
    for number in $(seq "$NODES"); do
        certificate "node$number" "system:node:gd-n$number" system:nodes "DNS:gd-n$number,IP:$SUBNET.$((10 + number))"
        mkdir -p "$RUN/nodes/gd-n$number"
        kubeconfig "$RUN/nodes/gd-n$number/kubeconfig" "node$number"
    done
}
