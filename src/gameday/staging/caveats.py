"""Fields that the cluster accepts and does not honour, and what a client is told about them, as warnings.

One line a field; whoever makes a field work removes its line. What a kind as a whole does not do stands in its row in
`resources`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gameday.staging.resources import PODS, SERVICES, Resource

Object = dict[str, Any]

_SHARED_HOST = "pods are processes of this machine's one user, and share its network and processes"
_POD: dict[str, str] = {
    "activeDeadlineSeconds": "the embedded cluster ends no pod for its age",
    "dnsConfig": "the embedded cluster has no DNS: services are found through environment variables",
    "hostAliases": "the embedded cluster does not write a pod's hosts file",
    "hostIPC": _SHARED_HOST,
    "hostNetwork": _SHARED_HOST,
    "hostPID": _SHARED_HOST,
    "readinessGates": "the embedded cluster does not wait for readiness gates",
    "runtimeClassName": "the embedded cluster has no runtimes to choose from",
    "securityContext": _SHARED_HOST,
    "topologySpreadConstraints": "the embedded cluster's scheduler spreads pods by a rule of its own",
}
_CONTAINER: dict[str, str] = {
    "securityContext": _SHARED_HOST,
    "stdin": "the embedded cluster gives a container no standard input",
    "tty": "the embedded cluster gives a container no terminal",
}
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_SERVICE_TYPES = {
    "NodePort": "the embedded cluster opens no node ports: the service is reachable at its clusterIP",
}


def caveats(resource: Resource, obj: Object) -> list[str]:
    """Return what a client should know about an object that was accepted: what of it will not be done."""
    found = [resource.caveat] if resource.caveat else []
    spec = obj.get("spec") or {}
    if resource is PODS:
        found += _of_pod(spec, "spec")
    elif isinstance(spec.get("template"), dict):
        found += _of_pod(spec["template"].get("spec") or {}, "spec.template.spec")
    elif resource is SERVICES:
        found += _of_service(spec)
    return found


def _of_pod(spec: Object, where: str) -> Iterator[str]:
    yield from _of_fields(spec, _POD, where)
    for group in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(group) or ()):
            at = f"{where}.{group}[{index}]"
            yield from _of_fields(container, _CONTAINER, at)
            if ((container.get("resources") or {}).get("limits") or {}).get("cpu"):
                yield f"{at}.resources.limits.cpu is not honoured: the embedded cluster limits memory only"
            for probe in _PROBES:
                if (container.get(probe) or {}).get("grpc"):
                    yield f"{at}.{probe}.grpc is not honoured: the embedded cluster probes over HTTP, TCP and exec"


def _of_fields(holder: Object, table: dict[str, str], where: str) -> Iterator[str]:
    for field, reason in table.items():
        if holder.get(field):
            yield f"{where}.{field} is not honoured: {reason}"


def _of_service(spec: Object) -> Iterator[str]:
    reason = _SERVICE_TYPES.get(spec.get("type", ""))
    if reason:
        yield f"spec.type {spec['type']} is not honoured: {reason}"
    if spec.get("sessionAffinity") == "ClientIP":
        yield "spec.sessionAffinity is not honoured: the embedded cluster chooses an endpoint for each connection"
