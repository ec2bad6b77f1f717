"""The proxy in place: its Deployment, the Service by which it finds the pods behind it, and the switch of the selector.

In this order, so that nothing is cut: first a shadow Service with the selector of the real one, then two proxies that pass
everything through, and only when both are Ready the real Service is repointed. Undone in the opposite order, while the proxies
linger until everybody has heard that they go.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gameday.change import Change, CreateObject, Evidence, PatchObject
from gameday.cluster import HttpAnswer, Json, ObjectRef, Selection, View
from gameday.cluster.nodes import TAINT_KEY
from gameday.cluster.reading import is_ready
from gameday.errors import BadParameterError, ClusterError, NoTargetError
from gameday.interposition.targets import MARK, PROTOCOL, Target

ACCOUNT: Final = "gameday-proxy"
"""The account that a proxy watches its ConfigMap with; `gameday install -n` puts it into a namespace."""
IMAGE: Final = "gameday.dev/image"
"""Its annotation that says which image a proxy runs: what may run in the namespace, its owner says."""
ADMIN_PORT: Final = 9901
MOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
LINGER_SECONDS: Final = 4
DRAIN_SECONDS: Final = 10
_UNPRIVILEGED: Final = 1024
_MOST_REPLICAS: Final = 10
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Proxies:
    """How the proxies of a Service are to be."""

    protocol: str = "http"
    replicas: int = 2


@dataclass(frozen=True, slots=True)
class Outside:
    """Something outside the cluster that a Service of proxies stands for."""

    name: str
    """The Service's."""
    namespace: str
    host: str
    port: int


def config_map_of(service: str) -> str:
    """Return the name of the ConfigMap with a Service's faults."""
    return f"{service}-gameday-faults"


def stands(view: View, target: Target, proxies: Proxies, *, by: str) -> Sequence[Change]:
    """Return the changes that put proxies before a Service's pods; none where they stand already.

    NoTargetError where the namespace has no account for them.
    """
    _check_replicas(proxies, by)
    if target.is_interposed:
        return []
    # The origin is found as Kubernetes tells every container of the Services that are there.
    origin = f"{target.ref.name}-gameday-origin".upper().replace("-", "_")
    place = _Place(target.ref.namespace, target.ref.name, target.port, f"$({origin}_SERVICE_HOST):$({origin}_SERVICE_PORT)")
    deployment = _deployment(place, proxies, _image(view, target.ref.namespace))
    return [
        CreateObject(_origin(target)),
        CreateObject(deployment),
        PatchObject(target.ref, {"/spec/selector": {MARK: target.ref.name}}, once=ObjectRef.of(deployment)),
    ]


def stands_for(view: View, outside: Outside, proxies: Proxies, *, by: str) -> Sequence[Change]:
    """Return the changes that make a Service of proxies which stands for something outside; none where it is there already."""
    _check_replicas(proxies, by)
    ref = ObjectRef("v1", "Service", outside.namespace, outside.name)
    found = view.get(ref)
    if found is not None and found["spec"].get("selector") == {MARK: outside.name}:
        return []
    if found is not None:
        raise BadParameterError(f"{by}: expected no {ref} yet, but it is there; choose another name for what stands outside")
    port = {"name": proxies.protocol, "port": outside.port if outside.port >= _UNPRIVILEGED else 8080, "targetPort": "traffic"}
    host = f"[{outside.host}]" if ":" in outside.host else outside.host
    place = _Place(outside.namespace, outside.name, port, f"{host}:{outside.port}")
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": ref.name, "namespace": ref.namespace, "labels": {"app.kubernetes.io/managed-by": "gameday"}},
        "spec": {"selector": {MARK: ref.name}, "ports": [port]},
    }
    return [CreateObject(_deployment(place, proxies, _image(view, ref.namespace))), CreateObject(service)]


def is_in_place(view: View, changes: Sequence[Change]) -> Evidence:
    """Look whether every endpoint of the Service is a proxy that answers: what the endpoint controller and the pods say."""
    for change in changes:
        if change.ref.kind == "Service" and not change.ref.name.endswith("-gameday-origin"):
            return _seen(view, change.ref)
    return Evidence(None, "no Service was to be interposed")


def proxies_of(view: View, service: ObjectRef) -> list[Json]:
    """Return the pods of a Service's proxies that are Ready."""
    found = view.list(Selection("v1", "Pod", service.namespace, f"{MARK}={service.name}"))
    return [pod for pod in found if is_ready(pod)]


def counts_of(view: View, pod: Json) -> Json:
    """Return what a proxy counts; ClusterError where it does not say."""
    answer: HttpAnswer = view.ask(ObjectRef.of(pod).anonymous, ADMIN_PORT, "/counts")
    if answer.status != _OK:
        raise ClusterError(f"the proxy {ObjectRef.of(pod)} answered {answer.status} to /counts")
    found: Json = json.loads(answer.body)
    return found


def strangers_to(view: View, service: ObjectRef) -> list[str]:
    """Return the addresses to which a Service sends new connections past its proxies."""
    ours = {pod["metadata"]["uid"] for pod in proxies_of(view, service)}
    labels = f"kubernetes.io/service-name={service.name}"
    slices = view.list(Selection("discovery.k8s.io/v1", "EndpointSlice", service.namespace, labels))
    return [
        ", ".join(endpoint["addresses"])
        for found in slices
        for endpoint in found.get("endpoints") or ()
        if endpoint.get("conditions", {}).get("ready", True) and endpoint.get("targetRef", {}).get("uid") not in ours
    ]


def _seen(view: View, service: ObjectRef) -> Evidence:
    pods, strangers = proxies_of(view, service), strangers_to(view, service)
    if not pods or strangers:
        told = f"{service} still sends connections to {strangers[0]}" if strangers else f"no proxy of {service} is Ready"
        return Evidence(False, told)
    passing = [counts_of(view, pod)["settings"]["state"] for pod in pods]
    return Evidence(True, f"{service} sends connections to {len(pods)} proxies and nowhere else; they say: {', '.join(passing)}")


def _image(view: View, namespace: str) -> str:
    account = view.get(ObjectRef("v1", "ServiceAccount", namespace, ACCOUNT))
    image = ((account or {}).get("metadata", {}).get("annotations") or {}).get(IMAGE)
    if not image:
        found = f"without the annotation {IMAGE}" if account else "not there"
        raise NoTargetError(
            f"expected the ServiceAccount {ACCOUNT} in namespace {namespace}, which says what a proxy runs, but it is {found}. "
            f"Its owner puts it there with: gameday install -n {namespace} --image IMAGE"
        )
    return str(image)


def _origin(target: Target) -> Json:
    port = {key: value for key, value in target.port.items() if key != "nodePort"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": f"{target.ref.name}-gameday-origin",
            "namespace": target.ref.namespace,
            "labels": {"app.kubernetes.io/managed-by": "gameday"},
        },
        "spec": {"selector": dict(target.selector), "ports": [port]},
    }


@dataclass(frozen=True, slots=True)
class _Place:
    """Where proxies stand: behind which Service and port of it, and before what."""

    namespace: str
    service: str
    port: Mapping[str, Any]
    upstream: str

    @property
    def listening(self) -> int:
        """The port that a proxy listens on: the one that the Service sends to, by its number or by a name."""
        port: int = self.port["port"]
        wanted = self.port.get("targetPort", port)
        if isinstance(wanted, int):
            return wanted
        return port if port >= _UNPRIVILEGED else 8080


def _check_replicas(proxies: Proxies, by: str) -> None:
    replicas = proxies.replicas
    if isinstance(replicas, bool) or not isinstance(replicas, int) or not 1 <= replicas <= _MOST_REPLICAS:
        raise BadParameterError(f"{by}: expected replicas to be a whole number from 1 to {_MOST_REPLICAS}, but got {replicas!r}")


def _deployment(place: _Place, proxies: Proxies, image: str) -> Json:
    name, labels = f"{place.service}-gameday-proxy", {MARK: place.service, "app.kubernetes.io/managed-by": "gameday"}
    wanted = place.port.get("targetPort", place.port["port"])
    port: dict[str, Any] = {"containerPort": place.listening}
    if isinstance(wanted, str):
        port["name"] = wanted
    pod = {
        "serviceAccountName": ACCOUNT,
        "automountServiceAccountToken": True,
        "terminationGracePeriodSeconds": LINGER_SECONDS + DRAIN_SECONDS + 5,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        # What takes nodes away, by this taint, leaves the proxies of the same run.
        "tolerations": [{"key": TAINT_KEY, "operator": "Exists"}],
        "containers": [
            {
                "name": "proxy",
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["python", "-m", "gameday.interpose"],
                "args": list(_arguments(place, proxies)),
                "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                "ports": [port, {"name": "admin", "containerPort": ADMIN_PORT}],
                "readinessProbe": {"httpGet": {"path": "/readyz", "port": "admin"}, "periodSeconds": 1},
                "livenessProbe": {"httpGet": {"path": "/livez", "port": "admin"}, "periodSeconds": 5, "timeoutSeconds": 2},
                "resources": {"requests": {"cpu": "20m", "memory": "48Mi"}, "limits": {"memory": "192Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    }
    metadata = {"name": name, "namespace": place.namespace, "labels": {**labels, PROTOCOL: proxies.protocol}}
    spec = {
        "replicas": proxies.replicas,
        "selector": {"matchLabels": {MARK: place.service}},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def _arguments(place: _Place, proxies: Proxies) -> Iterator[str]:
    yield from ("--listen", f"$(POD_IP):{place.listening}")
    yield from ("--upstream", place.upstream)
    yield from ("--admin", f"$(POD_IP):{ADMIN_PORT}")
    yield from ("--config-map", config_map_of(place.service))
    yield from ("--account", MOUNT)
    yield from ("--protocol", proxies.protocol)
    yield from ("--linger", f"{LINGER_SECONDS}s", "--drain", f"{DRAIN_SECONDS}s")
