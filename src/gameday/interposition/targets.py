"""Which Services can be interposed, and why others cannot: refused when it is planned, with the way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from gameday.cluster import Json, ObjectRef, View
from gameday.cluster.reading import pods_of
from gameday.errors import BadParameterError, NoTargetError

MARK: Final = "gameday.dev/interposes"
"""The label of a proxy's pods, and then the only thing that the Service selects by; its value is the Service's name."""
PROTOCOL: Final = "gameday.dev/protocol"
"""The label of the Deployment of proxies that says what they speak."""
Protocol = Literal["http", "tcp"]
PROTOCOLS: Final = ("http", "tcp")
_LONGEST_NAME: Final = 63 - len("-gameday-origin")
_TLS_PORTS: Final = (443, 6443, 8443)
_MESHES: Final = {
    "istio-proxy": "Istio",
    "linkerd-proxy": "Linkerd",
    "kuma-sidecar": "Kuma",
    "consul-dataplane": "Consul",
    "envoy-sidecar": "a mesh",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A Service that can be interposed: its one port, and its selector as it is now."""

    ref: ObjectRef
    port: Mapping[str, Any]
    selector: Mapping[str, str]
    protocol: Protocol
    """What its proxies speak, or shall speak that do not stand there yet."""

    @property
    def is_interposed(self) -> bool:
        """Whether a proxy of ours stands before its pods already."""
        return self.selector == {MARK: self.ref.name}


def service_of(view: View, namespace: str, name: str, *, protocol: str, by: str) -> Target:
    """Return the Service; NoTargetError if there is none, BadParameterError with the reason if no proxy can stand before it."""
    if protocol not in PROTOCOLS:
        raise BadParameterError(f"{by}: expected protocol to be http or tcp, but got {protocol!r}")
    service = _found(view, namespace, name)
    return _target(view, service, "tcp" if protocol == "tcp" else "http", by)


def harmed_service_of(view: View, namespace: str, name: str, *, by: str) -> Target:
    """Return the Service of which a fault is wanted, with what the proxies before it speak; http where none stand yet.

    Errors as with `service_of`: so TLS is a target where it is interposed as tcp, and not before.
    """
    service = _found(view, namespace, name)
    interposed = (service["spec"].get("selector") or {}) == {MARK: name}
    return _target(view, service, _spoken(view, ObjectRef.of(service)) if interposed else "http", by)


def _found(view: View, namespace: str, name: str) -> Json:
    ref = ObjectRef("v1", "Service", namespace, name)
    service = view.get(ref)
    if service is None:
        raise NoTargetError(f"there is no {ref} in this cluster. See: kubectl get services -n {namespace}")
    return service


def _target(view: View, service: Json, protocol: Protocol, by: str) -> Target:
    spec, ref = service["spec"], ObjectRef.of(service)
    problem = next(_unsuitable(spec, ref.name, protocol), None)
    if problem is not None:
        raise BadParameterError(f"{by}: {ref} cannot be interposed: {problem}")
    target = Target(ref, spec["ports"][0], spec["selector"], protocol)
    if not target.is_interposed:
        _check_pods(view, target, by)
    return target


def _spoken(view: View, service: ObjectRef) -> Protocol:
    """Return what the proxies that stand before a Service were made to speak."""
    deployment = view.get(ObjectRef("apps/v1", "Deployment", service.namespace, f"{service.name}-gameday-proxy"))
    labels = (deployment or {}).get("metadata", {}).get("labels") or {}
    return "tcp" if labels.get(PROTOCOL) == "tcp" else "http"


def _unsuitable(spec: Json, name: str, protocol: str) -> Iterator[str]:
    ports = spec.get("ports") or ()
    if spec.get("type") == "ExternalName":
        yield "it is a name of something outside (ExternalName); point the workload's own setting at a Service instead"
    if spec.get("clusterIP") == "None":
        yield "it is headless, so that clients reach its pods by themselves; give them a Service with an address"
    if not spec.get("selector"):
        yield "it selects no pods, since somebody else writes its endpoints"
    if len(ports) != 1:
        yield f"it has {len(ports)} ports, and a proxy stands before one; give the one that is meant a Service of its own"
    if len(name) > _LONGEST_NAME:
        yield f"its name has more than {_LONGEST_NAME} characters, which leaves no room for those of its proxy"
    for port in ports:
        if port.get("protocol", "TCP") != "TCP":
            yield f"it speaks {port['protocol']}, and only TCP passes through a proxy"
        if protocol == "http" and _is_tls(port):
            yield (
                "it speaks TLS, in which no request can be told; interpose it under prepare with protocol: tcp "
                "(services.interpose), upon which faults harm its connections as a whole"
            )


def _is_tls(port: Mapping[str, Any]) -> bool:
    said = (str(port.get("appProtocol", "")), str(port.get("name", "")))
    return any("https" in word or word.endswith("wss") for word in said) or port["port"] in _TLS_PORTS


def _check_pods(view: View, target: Target, by: str) -> None:
    """Refuse a Service without pods, and pods of a mesh, whose sidecars would neither know nor admit the proxy."""
    labels = ",".join(f"{key}={value}" for key, value in target.selector.items())
    pods = pods_of(view, target.ref.namespace, labels)
    if not pods:
        raise NoTargetError(f"{target.ref} has no pods that a proxy could stand before: {labels} matches none")
    sidecars = sorted({container["name"] for pod in pods for container in pod["spec"].get("containers", ())} & _MESHES.keys())
    if sidecars:
        mesh = _MESHES[sidecars[0]]
        raise BadParameterError(f"{by}: the pods of {target.ref} are in a mesh ({mesh}); use the faults of the mesh itself")
