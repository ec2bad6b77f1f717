"""The defaults that Kubernetes fills in, as far as users and clients notice them.

Runs for every object that is created or replaced, whoever writes it, so that what is read back is complete. It invents
no names and no addresses: those are hooks of the store.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from typing import Any

from gameday.staging import resources as kinds
from gameday.staging.quantities import qos_class
from gameday.staging.resources import Resource
from gameday.staging.role_rules import fill_binding

Object = dict[str, Any]

_POD_SPEC: Object = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
_CONTAINER: Object = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_PROBE: Object = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_TOLERATION_SECONDS = 300
_NODE_TROUBLE = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def fill(resource: Resource, obj: Object) -> Object:
    """Fill in the defaults of a kind, in place, and return the object."""
    filler = _FILLERS.get(resource)
    if filler is not None:
        filler(obj)
    return obj


NOT_READY = "node.kubernetes.io/not-ready"


def prepare_new(resource: Resource, obj: Object) -> Object:
    """Take out of a client's new object what only the cluster may say: mostly its status."""
    if resource is kinds.PODS:
        obj.pop("status", None)
    elif resource is kinds.NAMESPACES:
        obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
        obj["status"] = {"phase": "Active"}
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")
    elif resource is kinds.SERVICES:
        obj["status"] = {"loadBalancer": {}}
    elif resource is kinds.NODES:
        _taint_new_node(obj.setdefault("spec", {}))
    elif resource.status and resource.kind != "Node":
        obj["status"] = {}
    return obj


def _taint_new_node(spec: Object) -> None:
    """Keep pods off a node until it has said that it is Ready."""
    taints = spec.get("taints") or []
    if not any(item.get("key") == NOT_READY for item in taints):
        spec["taints"] = [*taints, {"key": NOT_READY, "effect": "NoSchedule"}]


def _set(target: Object, values: Object) -> None:
    for key, value in values.items():
        if target.get(key) is None:
            target[key] = copy.copy(value)


def _fill_pod_spec(spec: Object) -> None:
    _set(spec, _POD_SPEC)
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        if isinstance(container, dict):
            _fill_container(container)
    for volume in spec.get("volumes") or ():
        for source in ("configMap", "secret", "projected"):
            if isinstance(volume.get(source), dict):
                volume[source].setdefault("defaultMode", 420)


def _fill_container(container: Object) -> None:
    _set(container, _CONTAINER)
    tag = str(container.get("image", "")).rpartition("/")[2]
    latest = "@" not in tag and (":" not in tag or tag.endswith(":latest"))
    _set(container, {"imagePullPolicy": "Always" if latest else "IfNotPresent"})
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(name)
        if isinstance(probe, dict):
            _set(probe, _PROBE)
            if isinstance(probe.get("httpGet"), dict):
                _set(probe["httpGet"], {"path": "/", "scheme": "HTTP"})
    for limit, value in (container["resources"].get("limits") or {}).items():
        container["resources"].setdefault("requests", {}).setdefault(limit, value)


def _fill_pod(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _fill_pod_spec(spec)
    obj.setdefault("status", {"phase": "Pending", "qosClass": qos_class(spec)})
    _set(spec, {"enableServiceLinks": True, "serviceAccountName": "default", "priority": 0})
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    tolerated = {item.get("key") for item in spec.get("tolerations") or () if item.get("effect") != "NoSchedule"}
    if None not in tolerated:
        spec["tolerations"] = [
            *(spec.get("tolerations") or ()),
            *(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": _TOLERATION_SECONDS,
                }
                for key in _NODE_TROUBLE
                if key not in tolerated
            ),
        ]


def _fill_template(spec: Object) -> None:
    template = spec.get("template")
    if isinstance(template, dict):
        template.setdefault("metadata", {})
        _fill_pod_spec(template.setdefault("spec", {}))


def _fill_deployment(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600})
    strategy = spec.setdefault("strategy", {})
    _set(strategy, {"type": "RollingUpdate"})
    if strategy["type"] == "RollingUpdate":
        if strategy.get("rollingUpdate") is None:
            strategy["rollingUpdate"] = {}
        _set(strategy["rollingUpdate"], {"maxUnavailable": "25%", "maxSurge": "25%"})
    _fill_template(spec)


def _fill_replica_set(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, {"replicas": 1})
    _fill_template(spec)


def _fill_stateful_set(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, {"replicas": 1, "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10})
    _set(spec, {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"}})
    strategy = spec.setdefault("updateStrategy", {})
    _set(strategy, {"type": "RollingUpdate"})
    if strategy["type"] == "RollingUpdate":
        _set(strategy, {"rollingUpdate": {}})
        _set(strategy["rollingUpdate"], {"partition": 0})
    for template in spec.get("volumeClaimTemplates") or ():
        _set(template, {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}})
        _set(template.setdefault("spec", {}), {"volumeMode": "Filesystem"})
    _fill_template(spec)


def _fill_daemon_set(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, {"revisionHistoryLimit": 10})
    rolling = {"maxUnavailable": 1, "maxSurge": 0}
    _set(spec, {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}})
    _fill_template(spec)


def _fill_job(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _fill_job_spec(spec)
    labels = (spec["template"].get("metadata") or {}).get("labels") if spec.get("template") else None
    if labels and not obj["metadata"].get("labels"):
        obj["metadata"]["labels"] = dict(labels)


def _fill_job_spec(spec: Object) -> None:
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    _set(spec, {"parallelism": 1, "backoffLimit": 6, "completionMode": "NonIndexed", "suspend": False})
    _set(spec, {"podReplacementPolicy": "TerminatingOrFailed", "manualSelector": False})
    _fill_template(spec)


def _fill_cron_job(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, {"concurrencyPolicy": "Allow", "suspend": False})
    _set(spec, {"successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1})
    template = spec.setdefault("jobTemplate", {}).setdefault("spec", {})
    _fill_template(template)


def _fill_service(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, {"type": "ClusterIP", "sessionAffinity": "None"})
    if spec["type"] != "ExternalName":
        _set(spec, {"internalTrafficPolicy": "Cluster", "ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"]})
    if spec["type"] in {"NodePort", "LoadBalancer"}:
        _set(spec, {"externalTrafficPolicy": "Cluster"})
    for port in spec.get("ports") or ():
        if isinstance(port, dict):
            port.setdefault("protocol", "TCP")
            if "port" in port:
                port.setdefault("targetPort", port["port"])


def _fill_secret(obj: Object) -> None:
    _set(obj, {"type": "Opaque"})
    plain = obj.pop("stringData", None)
    if plain:
        data = obj.get("data") or {}
        obj["data"] = data | {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}


def _fill_endpoint_slice(obj: Object) -> None:
    for port in obj.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("name", "")


def _fill_autoscaler(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, {"minReplicas": 1})
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _fill_node(obj: Object) -> None:
    obj.setdefault("spec", {})


_FILLERS: dict[Resource, Callable[[Object], None]] = {
    kinds.NODES: _fill_node,
    kinds.PODS: _fill_pod,
    kinds.DEPLOYMENTS: _fill_deployment,
    kinds.REPLICA_SETS: _fill_replica_set,
    kinds.STATEFUL_SETS: _fill_stateful_set,
    kinds.DAEMON_SETS: _fill_daemon_set,
    kinds.JOBS: _fill_job,
    kinds.CRON_JOBS: _fill_cron_job,
    kinds.SERVICES: _fill_service,
    kinds.SECRETS: _fill_secret,
    kinds.ENDPOINT_SLICES: _fill_endpoint_slice,
    kinds.HORIZONTAL_POD_AUTOSCALERS: _fill_autoscaler,
    kinds.ROLE_BINDINGS: fill_binding,
    kinds.CLUSTER_ROLE_BINDINGS: fill_binding,
}
