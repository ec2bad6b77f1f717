"""Fields that the cluster accepts and does not honour, and what a client is told about them, as warnings.

One line a field; whoever makes a field work removes its line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gameday.staging.resources import CLUSTER_ROLES, CRON_JOBS, HORIZONTAL_POD_AUTOSCALERS, PODS, SECRETS, SERVICES, Resource

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
}
_CONTAINER: dict[str, str] = {
    "securityContext": _SHARED_HOST,
    "restartPolicy": "the embedded cluster has no sidecars; this runs to its end before the next one starts",
    "stdin": "the embedded cluster gives a container no standard input",
    "tty": "the embedded cluster gives a container no terminal",
}
_JOB: dict[str, str] = {
    "backoffLimitPerIndex": "the embedded cluster's Jobs have no indexes",
    "managedBy": "the embedded cluster has one Job controller, which acts on all Jobs",
    "podFailurePolicy": "the embedded cluster counts every failed pod against backoffLimit",
    "successPolicy": "the embedded cluster's Jobs have no indexes",
}
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_KNOWN_VOLUMES = {"emptyDir", "configMap", "secret", "projected", "downwardAPI", "hostPath", "persistentVolumeClaim"}
_TOKEN_SECRET = "kubernetes.io/service-account-token"  # noqa: S105 - the name of a type
_SERVICE_TYPES = {
    "NodePort": "the embedded cluster opens no node ports: the service is reachable at its clusterIP",
}


def unhonoured_fields() -> Iterator[tuple[str, str]]:
    """Return the single fields that are accepted and not honoured, by where they stand, each with the reason."""
    for where, table in (("a pod's", _POD), ("a container's", _CONTAINER), ("a Job's", _JOB)):
        yield from ((f"{where} `{field}`", why) for field, why in sorted(table.items()))
    yield from ((f"a Service's `type: {name}`", why) for name, why in sorted(_SERVICE_TYPES.items()))


def caveats(resource: Resource, obj: Object) -> list[str]:
    """Return what a client should know about an object that was accepted: what of it will not be done."""
    found: list[str] = []
    spec = obj.get("spec") or {}
    if resource is PODS:
        found += _of_pod(spec, "spec")
    elif isinstance(spec.get("template"), dict):
        found += _of_pod(spec["template"].get("spec") or {}, "spec.template.spec")
        found += _of_job(spec, "spec")
        if set((spec.get("persistentVolumeClaimRetentionPolicy") or {}).values()) - {"Retain"}:
            found.append("spec.persistentVolumeClaimRetentionPolicy is not honoured: claims stay until they are deleted by hand")
    elif resource is CRON_JOBS:
        job = spec["jobTemplate"].get("spec") or {}
        found += _of_job(job, "spec.jobTemplate.spec")
        found += _of_pod((job.get("template") or {}).get("spec") or {}, "spec.jobTemplate.spec.template.spec")
    elif resource is SERVICES:
        found += _of_service(spec)
    elif resource is HORIZONTAL_POD_AUTOSCALERS:
        found += _of_autoscaler(spec)
    elif resource is CLUSTER_ROLES and obj.get("aggregationRule"):
        found.append("aggregationRule is not honoured: the embedded cluster puts no roles together from others")
    elif resource is SECRETS and obj.get("type") == _TOKEN_SECRET:
        found.append(f"type {_TOKEN_SECRET} is not honoured: the embedded cluster gives tokens by TokenRequest and to pods only")
    return found


def _of_pod(spec: Object, where: str) -> Iterator[str]:
    yield from _of_fields(spec, _POD, where)
    yield from _of_affinity(spec.get("affinity") or {}, f"{where}.affinity")
    for index, volume in enumerate(spec.get("volumes") or ()):
        for kind in sorted(volume.keys() - {"name"} - _KNOWN_VOLUMES):
            at = f"{where}.volumes[{index}].{kind}"
            yield f"{at} is not honoured: the embedded cluster has no such volumes, and the pod will not start"
    for group in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(group) or ()):
            yield from _of_container(container, f"{where}.{group}[{index}]")


def _of_affinity(affinity: Object, where: str) -> Iterator[str]:
    for field, terms in affinity.items():
        for term in sorted(terms.keys() if field == "podAffinity" else terms.keys() & {_PREFERRED}):
            why = "the embedded cluster's scheduler heeds what is required of nodes, and what keeps pods apart"
            yield f"{where}.{field}.{term} is not honoured: {why}"


def _of_container(container: Object, at: str) -> Iterator[str]:
    yield from _of_fields(container, _CONTAINER, at)
    lifecycle = container.get("lifecycle") or {}
    if "postStart" in lifecycle:
        yield f"{at}.lifecycle.postStart is not honoured: the embedded cluster runs no such hook"
    if "httpGet" in (lifecycle.get("preStop") or {}):
        yield f"{at}.lifecycle.preStop.httpGet is not honoured: the embedded cluster runs preStop hooks by exec and sleep"
    if ((container.get("resources") or {}).get("limits") or {}).get("cpu"):
        yield f"{at}.resources.limits.cpu is not honoured: the embedded cluster limits memory only"
    for probe in _PROBES:
        if (container.get(probe) or {}).get("grpc"):
            yield f"{at}.{probe}.grpc is not honoured: the embedded cluster probes over HTTP, TCP and exec"


def _of_job(spec: Object, where: str) -> Iterator[str]:
    yield from _of_fields(spec, _JOB, where)
    if spec.get("completionMode") == "Indexed":
        yield f"{where}.completionMode Indexed is not honoured: the embedded cluster's Jobs have no indexes"


def _of_fields(holder: Object, table: dict[str, str], where: str) -> Iterator[str]:
    for field, reason in table.items():
        if holder.get(field):
            yield f"{where}.{field} is not honoured: {reason}"


def _of_autoscaler(spec: Object) -> Iterator[str]:
    for index, metric in enumerate(spec.get("metrics") or ()):
        if metric.get("type") != "Resource" or (metric.get("resource") or {}).get("name") != "cpu":
            yield f"spec.metrics[{index}] is not honoured: the embedded cluster measures the resource cpu of whole pods only"
    for direction in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(direction) or {}
        if rules.get("policies"):
            at = f"spec.behavior.{direction}.policies"
            yield f"{at} is not honoured: the embedded cluster at most doubles at a time, or goes to four, and goes down at once"
    up = (spec.get("behavior") or {}).get("scaleUp") or {}
    if up.get("stabilizationWindowSeconds"):
        yield "spec.behavior.scaleUp.stabilizationWindowSeconds is not honoured: the embedded cluster scales up at once"


def _of_service(spec: Object) -> Iterator[str]:
    reason = _SERVICE_TYPES.get(spec.get("type", ""))
    if reason:
        yield f"spec.type {spec['type']} is not honoured: {reason}"
    if spec.get("externalIPs"):
        yield "spec.externalIPs is not honoured: a Service is reached at its clusterIP"
    for index, port in enumerate(spec.get("ports") or ()):
        if port.get("protocol", "TCP") != "TCP":
            yield f"spec.ports[{index}].protocol is not honoured: the embedded cluster passes on TCP only"
    if spec.get("sessionAffinity") == "ClientIP":
        yield "spec.sessionAffinity is not honoured: the embedded cluster chooses an endpoint for each connection"
