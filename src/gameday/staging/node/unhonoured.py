"""What a manifest may say and this node cannot do: one sentence each, for the `Warning:` header of the answer.

Whatever is not listed here or in docs/staging-nodes.md is meant to work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gameday.staging.resources import DAEMON_SETS, DEPLOYMENTS, PODS, REPLICA_SETS, SERVICES, Resource

Object = dict[str, Any]
_TEMPLATED: Final = (DEPLOYMENTS, REPLICA_SETS, DAEMON_SETS)
_KNOWN_VOLUMES: Final = {"emptyDir", "configMap", "secret", "projected", "hostPath", "persistentVolumeClaim"}
_POD_FIELDS: Final = {
    "hostNetwork": "every pod shares the host's network already, with an address of its own",
    "hostPID": "every pod shares the host's processes already",
    "runtimeClassName": "there is one way to run a container",
    "dnsConfig": "names are resolved by the host; Services are found through environment variables",
    "topologySpreadConstraints": "pods are spread over nodes evenly, and over nothing else",
    "activeDeadlineSeconds": "a pod has no deadline",
    "readinessGates": "readiness is the containers' alone",
}
_IDENTITY_FIELDS: Final = ("runAsUser", "runAsGroup", "capabilities", "privileged", "readOnlyRootFilesystem", "seccompProfile")


def warnings_for(resource: Resource, obj: Object) -> list[str]:
    """Return a sentence for each field of an object that is accepted and not honoured."""
    spec = obj.get("spec") or {}
    if resource is SERVICES:
        return list(_service_warnings(spec))
    if resource is PODS:
        return list(_pod_warnings(spec, "spec"))
    if resource in _TEMPLATED:
        return list(_pod_warnings((spec.get("template") or {}).get("spec") or {}, "spec.template.spec"))
    return []


def _pod_warnings(spec: Object, path: str) -> Iterator[str]:
    for field, why in _POD_FIELDS.items():
        if spec.get(field):
            yield f"{path}.{field}: not honoured by the embedded cluster: {why}"
    for volume in spec.get("volumes") or ():
        kinds = volume.keys() - {"name"} - _KNOWN_VOLUMES
        if kinds:
            text = f"the embedded cluster has no volumes of type {', '.join(sorted(kinds))}"
            yield f'{path}.volumes["{volume.get("name")}"]: {text}'
    for field in ("containers", "initContainers"):
        for container in spec.get(field) or ():
            yield from _container_warnings(container, f'{path}.{field}["{container.get("name")}"]', initial=field != "containers")


def _container_warnings(container: Object, path: str, *, initial: bool) -> Iterator[str]:
    if "cpu" in ((container.get("resources") or {}).get("limits") or {}):
        yield f"{path}.resources.limits.cpu: not enforced by the embedded cluster"
    identity = [field for field in _IDENTITY_FIELDS if field in (container.get("securityContext") or {})]
    if identity:
        yield f"{path}.securityContext: {', '.join(identity)} not honoured: a container runs as the user who started the cluster"
    if initial and container.get("restartPolicy") == "Always":
        yield f"{path}.restartPolicy: the embedded cluster has no sidecars; this runs to its end before the next one starts"
    if (container.get("lifecycle") or {}).get("postStart"):
        yield f"{path}.lifecycle.postStart: not run by the embedded cluster"
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if "grpc" in (container.get(kind) or {}):
            yield f"{path}.{kind}.grpc: the embedded cluster probes by httpGet, tcpSocket and exec only; this one always fails"


def _service_warnings(spec: Object) -> Iterator[str]:
    if spec.get("sessionAffinity") == "ClientIP":
        yield "spec.sessionAffinity: not honoured by the embedded cluster; connections go to the ready pods in turn"
    if spec.get("type") == "NodePort":
        yield "spec.type: the embedded cluster opens no node ports; the Service is reached at its clusterIP"
    if spec.get("externalIPs"):
        yield "spec.externalIPs: not honoured by the embedded cluster"
    for index, port in enumerate(spec.get("ports") or ()):
        if port.get("protocol", "TCP") != "TCP":
            yield f"spec.ports[{index}].protocol: the embedded cluster passes on TCP only"
