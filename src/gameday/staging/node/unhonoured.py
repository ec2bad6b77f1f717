"""What only the node knows it cannot do: volumes, sidecars, hooks and protocols that a manifest may ask for.

One sentence each, for the `Warning:` header of the answer. Single fields that nobody honours are listed in `caveats`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gameday.staging.resources import (
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    REPLICA_SETS,
    SERVICES,
    STATEFUL_SETS,
    Resource,
)

Object = dict[str, Any]
_TEMPLATED: Final = (DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, DAEMON_SETS, JOBS)
_KNOWN_VOLUMES: Final = {"emptyDir", "configMap", "secret", "projected", "hostPath", "persistentVolumeClaim"}


def warnings_for(resource: Resource, obj: Object) -> list[str]:
    """Return a sentence for each part of an object that was accepted and will not be done."""
    spec = obj.get("spec") or {}
    if resource is SERVICES:
        return list(_of_service(spec))
    if resource is PODS:
        return list(_of_pod(spec, "spec"))
    if resource in _TEMPLATED:
        return list(_of_pod((spec.get("template") or {}).get("spec") or {}, "spec.template.spec"))
    if resource is CRON_JOBS:
        job = spec["jobTemplate"]["spec"]
        return list(_of_pod((job.get("template") or {}).get("spec") or {}, "spec.jobTemplate.spec.template.spec"))
    return []


def _of_pod(spec: Object, where: str) -> Iterator[str]:
    for index, volume in enumerate(spec.get("volumes") or ()):
        for kind in sorted(volume.keys() - {"name"} - _KNOWN_VOLUMES):
            at = f"{where}.volumes[{index}].{kind}"
            yield f"{at} is not honoured: the embedded cluster has no such volumes, and the pod will not start"
    for index, container in enumerate(spec.get("initContainers") or ()):
        if container.get("restartPolicy") == "Always":
            at = f"{where}.initContainers[{index}].restartPolicy"
            yield f"{at} is not honoured: the embedded cluster has no sidecars; this runs to its end before the next one starts"
    for index, container in enumerate(spec.get("containers") or ()):
        lifecycle = container.get("lifecycle") or {}
        at = f"{where}.containers[{index}].lifecycle"
        if "postStart" in lifecycle:
            yield f"{at}.postStart is not honoured: the embedded cluster runs no such hook"
        if "httpGet" in (lifecycle.get("preStop") or {}):
            yield f"{at}.preStop.httpGet is not honoured: the embedded cluster runs preStop hooks by exec and sleep"


def _of_service(spec: Object) -> Iterator[str]:
    if spec.get("externalIPs"):
        yield "spec.externalIPs is not honoured: a Service is reached at its clusterIP"
    for index, port in enumerate(spec.get("ports") or ()):
        if port.get("protocol", "TCP") != "TCP":
            yield f"spec.ports[{index}].protocol is not honoured: the embedded cluster passes on TCP only"
