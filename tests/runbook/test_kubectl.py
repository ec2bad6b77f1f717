"""kubectl's command lines taken apart: what they are about is understood, or said not to be."""

from __future__ import annotations

import pytest

from gameday.cluster import Access
from gameday.cluster.discovery import ApiResource, Served
from gameday.runbook.kubectl import KubectlLine, Target, Unclear, kubectl_lines
from gameday.runbook.linting.rules.cluster import place_of
from gameday.runbook.linting.rules.rights import accesses_of
from gameday.runbook.shell import commands


def parsed(text: str) -> KubectlLine | Unclear:
    (line,) = kubectl_lines(commands(text))
    return line


@pytest.mark.parametrize(
    ("text", "verb", "targets"),
    [
        ("kubectl get pods", "get", ["pods"]),
        ("kubectl get deploy,endpointslice -n shop -l app=objects", "get", ["deploy", "endpointslice"]),
        ("kubectl get deploy -n shop sale scaler", "get", ["deploy/sale", "deploy/scaler"]),
        ("kubectl -n shop get deploy/a svc/b -o wide", "get", ["deploy/a", "svc/b"]),
        ("kubectl get pods,deploy web", "get", ["pods/web", "deploy/web"]),
        ("kubectl --context staging -n shop describe pod web-1", "describe", ["pod/web-1"]),
        ("kubectl logs -n shop deploy/checkout -c main --tail=20 -f", "logs", ["deploy/checkout"]),
        ("kubectl logs -p web-1 sidecar", "logs", ["pods/web-1"]),
        ("kubectl logs -n shop -l app=agent --tail=20", "logs", []),
        ("kubectl scale -n shop deployment/payment --replicas 2", "scale", ["deployment/payment"]),
        ('kubectl patch configmap -n shop content --type json -p \'[{"op": "remove"}]\'', "patch", ["configmap/content"]),
        ("kubectl patch deploy web -p={}", "patch", ["deploy/web"]),
        ("kubectl delete pod web-1 web-2 --now --grace-period 5", "delete", ["pod/web-1", "pod/web-2"]),
        ("kubectl delete ns shop", "delete", ["ns/shop"]),
        ("kubectl delete -f rules.yaml -R", "delete", []),
        ("kubectl rollout undo -n shop deploy/checkout --to-revision=3", "rollout undo", ["deploy/checkout"]),
        ("kubectl rollout status deployment checkout --timeout 60s", "rollout status", ["deployment/checkout"]),
        ("kubectl rollout undo", "rollout undo", []),
        ("kubectl set env -n shop deploy/orders RECEIPTS=owed LOG-", "set env", ["deploy/orders"]),
        ("kubectl set image deploy/orders main=orders:2", "set image", ["deploy/orders"]),
        ("kubectl label node n1 zone=a spare-", "label", ["node/n1"]),
        ("kubectl annotate --overwrite deploy/web note='a b'", "annotate", ["deploy/web"]),
        ("kubectl taint nodes n1 n2 lost=true:NoExecute", "taint", ["nodes/n1", "nodes/n2"]),
        ("kubectl taint node n1 lost:NoExecute-", "taint", ["node/n1"]),
        ("kubectl drain n1 --ignore-daemonsets --delete-emptydir-data", "drain", ["nodes/n1"]),
        ("kubectl cordon n1", "cordon", ["nodes/n1"]),
        ("kubectl uncordon NODE", "uncordon", ["nodes/?"]),
        ("kubectl exec -it -n shop deploy/web -c main -- sh -c 'kubectl get x'", "exec", ["deploy/web"]),
        ("kubectl exec web-1 -- ls", "exec", ["pods/web-1"]),
        ("kubectl port-forward svc/web 8080:80", "port-forward", ["svc/web"]),
        ("kubectl top pods -n shop --containers", "top pods", ["pods"]),
        ("kubectl top node n1", "top node", ["node/n1"]),
        ("kubectl wait --for=condition=Ready pod/web-1", "wait", ["pod/web-1"]),
        ("kubectl apply -f - --server-side", "apply", []),
        ("kubectl create deployment web --image=web", "create deployment", []),
        ("kubectl auth can-i delete pods", "auth can-i", []),
        ("kubectl version --client", "version", []),
        ("kubectl get --raw /readyz", "get", []),
        ("sudo /usr/local/bin/kubectl get nodes", "get", ["nodes"]),
        ("sudo -nu admin kubectl get nodes", "get", ["nodes"]),
        ("env -i KUBECONFIG=x kubectl get nodes", "get", ["nodes"]),
        ("command kubectl get nodes", "get", ["nodes"]),
        ("timeout --signal INT 5m kubectl get nodes", "get", ["nodes"]),
        ('kubectl delete pod "$POD"', "delete", ["pod/?"]),
        ("kubectl delete pod $(kubectl-pick) ", "delete", ["pod/?"]),
        ("KUBECONFIG=x kubectl get nodes > nodes.txt 2>&1", "get", ["nodes"]),
        ("kubectl get nodes -o 'custom-columns=NODE:.metadata.name,T:.spec.taints[*].key'", "get", ["nodes"]),
        ("kubectl get pods -oyaml -lapp=web -nshop", "get", ["pods"]),
    ],
)
def test_a_command_is_about_these_objects(text: str, verb: str, targets: list[str]) -> None:
    line = next(line for line in kubectl_lines(commands(text)) if isinstance(line, KubectlLine))
    assert line.verb == verb
    assert [_shown(target) for target in line.targets] == targets


def _shown(target: Target) -> str:
    return target.kind + ("" if target.is_known and not target.name else f"/{target.name or '?'}")


@pytest.mark.parametrize(
    ("text", "namespace", "selector", "everywhere"),
    [
        ("kubectl get pods -n shop -l app=web", "shop", "app=web", False),
        ("kubectl get pods --namespace=shop --selector 'app in (a, b)'", "shop", "app in (a, b)", False),
        ("kubectl get pods -nshop -lapp=web", "shop", "app=web", False),
        ("kubectl get pods -A", "", "", True),
        ("kubectl get pods --all-namespaces", "", "", True),
        ("kubectl get pods", "", "", False),
    ],
)
def test_a_command_goes_to_a_namespace_and_selects(text: str, namespace: str, selector: str, *, everywhere: bool) -> None:
    line = parsed(text)
    assert isinstance(line, KubectlLine)
    assert (line.namespace, line.selector, line.all_namespaces) == (namespace, selector, everywhere)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kubectl stern web", "may be a plugin's"),
        ("kubectl get pods --frobnicate yes", "--frobnicate"),
        ("kubectl get pods -Z", "-Z"),
        ("kubectl get pods -n", "has no value"),
        ("kubectl", "no subcommand"),
        ('kubectl get "$KIND" -n shop', "the kind"),
        ("kubectl get pods -n $NAMESPACE", "the namespace"),
        ("kubectl get pods -l app=$APP", "the selector"),
        ("kubectl cp shop/web-1:/tmp/x .", "copy"),
        ("kubectl get pods a/b/c", ""),
        ("kubectl get pods -o name | xargs kubectl delete", "xargs"),
        ("watch kubectl get pods", "watch"),
        ('kubectl "$VERB" pods', "…"),
    ],
)
def test_what_is_not_understood_says_so(text: str, why: str) -> None:
    unclear = [line.why for line in kubectl_lines(commands(text)) if isinstance(line, Unclear)]
    assert why == "" or any(why in one for one in unclear), unclear


@pytest.mark.parametrize("text", ["command -v kubectl", "echo kubectl get pods", "grep kubectl ~/.history", "which kubectl"])
def test_the_name_of_kubectl_alone_is_no_command_of_it(text: str) -> None:
    assert list(kubectl_lines(commands(text))) == []


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/api/v1/namespaces/shop/services/orders:http/proxy/failures", ("v1", "services", "shop", "orders", "proxy")),
        ("/api/v1/namespaces/shop/services/https:orders:443/proxy/x?of=orders", ("v1", "services", "shop", "orders", "proxy")),
        ("/api/v1/namespaces/shop", ("v1", "namespaces", "", "shop", "")),
        ("/api/v1/nodes/n1", ("v1", "nodes", "", "n1", "")),
        ("/apis/apps/v1/namespaces/shop/deployments", ("apps/v1", "deployments", "shop", "", "")),
        ("/readyz", None),
        ("/api/v1", None),
        ("/apis/apps/v1", None),
    ],
)
def test_a_path_of_the_api_names_an_object(path: str, place: tuple[str, ...] | None) -> None:
    assert place_of(path) == place


SERVED = Served(
    (
        ApiResource("pods", "pod", "Pod", "", "v1", is_namespaced=True, short_names=("po",)),
        ApiResource("nodes", "node", "Node", "", "v1", is_namespaced=False),
        ApiResource("deployments", "deployment", "Deployment", "apps", "v1", is_namespaced=True, short_names=("deploy",)),
    )
)


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("kubectl get pods -n shop", ["list pods in shop"]),
        ("kubectl get pods -A", ["list pods"]),
        ("kubectl get po web-1 -n shop", ["get pods web-1 in shop"]),
        ("kubectl get pods", []),
        ("kubectl get widgets -n shop", []),
        ("kubectl logs -n shop deploy/web", ["get deployments.apps web in shop", "list pods in shop", "get pods/log in shop"]),
        ("kubectl logs -n shop -l app=web", ["list pods in shop", "get pods/log in shop"]),
        ("kubectl exec -n shop web-1 -- ls", ["get pods web-1 in shop", "create pods/exec web-1 in shop"]),
        ("kubectl delete pod -n shop web-1", ["get pods web-1 in shop", "delete pods web-1 in shop"]),
        (
            "kubectl scale -n shop deploy/web --replicas=2",
            ["get deployments.apps web in shop", "patch deployments.apps/scale web in shop"],
        ),
        ("kubectl set env -n shop deploy/web A=b", ["get deployments.apps web in shop", "patch deployments.apps web in shop"]),
        (
            "kubectl rollout undo -n shop deploy/web",
            ["get deployments.apps web in shop", "patch deployments.apps web in shop", "list replicasets.apps in shop"],
        ),
        ("kubectl drain n1", ["get nodes n1", "patch nodes n1", "list pods", "create pods/eviction"]),
        ("kubectl get --raw /api/v1/namespaces/shop/services/orders:http/proxy/x", ["get services/proxy orders:http in shop"]),
    ],
)
def test_a_command_needs_these_rights(text: str, needed: list[str]) -> None:
    line = parsed(text)
    assert isinstance(line, KubectlLine)
    found: list[Access] = list(accesses_of(line, SERVED))
    assert [str(access) for access in found] == needed
