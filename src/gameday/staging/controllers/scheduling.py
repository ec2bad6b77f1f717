"""The scheduler: gives each pod without a node the fittest one.

Filters are Kubernetes' (unready or cordoned nodes, taints, selectors, required affinity and anti-affinity, requested resources);
of the nodes that are left it takes the one with the fewest pods of the same kind, then with the fewest pods.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from gameday.staging.controllers.conditions import holds, with_condition
from gameday.staging.controllers.ownership import controller_uid, write_status
from gameday.staging.controllers.queue import Controller
from gameday.staging.errors import NotFound
from gameday.staging.events import Recorder
from gameday.staging.history import Entry
from gameday.staging.quantities import parse_quantity
from gameday.staging.resources import NODES, PERSISTENT_VOLUME_CLAIMS, PODS
from gameday.staging.selectors import LabelSelector, Requirement
from gameday.staging.store import Store

Object = dict[str, Any]
NodeLabels = Mapping[str, Object]
ZONE_LABEL = "topology.kubernetes.io/zone"


class Scheduler:
    """Assigns pods to nodes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recorder = Recorder(store, "default-scheduler")

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        return Controller(
            "scheduler",
            {PODS: self._keys_of_pod, NODES: self._all_waiting, PERSISTENT_VOLUME_CLAIMS: self._all_waiting},
            self.reconcile,
        )

    def reconcile(self, key: tuple[str, str]) -> float | None:
        """Assign one pod, or say why it fits nowhere."""
        try:
            pod = self._store.get(PODS, *key)
        except NotFound:
            return None
        if not _is_waiting(pod):
            return None
        if missing := self._missing_claim(pod):
            self._refuse(pod, f'persistentvolumeclaim "{missing}" not found')
            return None
        reasons: Counter[str] = Counter()
        fitting = []
        nodes = [item.body for item in self._store.listed(NODES)]
        labels = {node["metadata"]["name"]: node["metadata"].get("labels") or {} for node in nodes}
        placed = [item.body for item in self._store.listed(PODS) if item.body["spec"].get("nodeName") and _is_alive(item.body)]
        for node in nodes:
            if reason := unfit_because(pod, node, placed, labels):
                reasons[reason] += 1
            else:
                fitting.append(node)
        if fitting:
            self._bind(pod, min(fitting, key=lambda node: _crowding(pod, node, placed, labels)))
        else:
            self._refuse(pod, _why_nowhere(len(nodes), reasons))
        return None

    def _missing_claim(self, pod: Object) -> str:
        """Return the name of a claim that the pod mounts and that is not there."""
        for volume in pod["spec"].get("volumes") or ():
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if name and not self._store.listed(
                PERSISTENT_VOLUME_CLAIMS, pod["metadata"]["namespace"], fields=f"metadata.name={name}"
            ):
                return str(name)
        return ""

    def _bind(self, pod: Object, node: Object) -> None:
        metadata, name = pod["metadata"], node["metadata"]["name"]
        pod["spec"]["nodeName"] = name
        bound = self._store.update(PODS, pod)
        self._set_condition(bound, {"status": "True"})
        self._recorder.normal(bound, "Scheduled", f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {name}")

    def _refuse(self, pod: Object, message: str) -> None:
        if self._set_condition(pod, {"status": "False", "reason": "Unschedulable", "message": message}):
            self._recorder.warning(pod, "FailedScheduling", message)

    def _set_condition(self, pod: Object, values: Object) -> bool:
        """Set PodScheduled; return whether that is news."""
        status = pod.get("status") or {}
        conditions = status.get("conditions") or []
        before: Object = next((item for item in conditions if item["type"] == "PodScheduled"), {})
        if all(before.get(key) == value for key, value in values.items()):
            return False
        conditions = with_condition(conditions, datetime.now(UTC), type="PodScheduled", lastProbeTime=None, **values)
        write_status(self._store, PODS, pod, {"phase": "Pending", **status, "conditions": conditions})
        return True

    def _keys_of_pod(self, entry: Entry) -> Iterable[Hashable]:
        """Return the pod; when one goes away, all that wait for room."""
        if entry.type == "DELETED":
            yield from self._waiting()
        elif _is_waiting(entry.stored.body):
            metadata = entry.stored.body["metadata"]
            yield metadata["namespace"], metadata["name"]

    def _all_waiting(self, entry: Entry) -> Iterable[Hashable]:  # noqa: ARG002 - any change of any of them counts
        yield from self._waiting()

    def _waiting(self) -> Iterable[Hashable]:
        for item in self._store.listed(PODS):
            if _is_waiting(item.body):
                yield item.body["metadata"]["namespace"], item.body["metadata"]["name"]


def _why_nowhere(nodes: int, reasons: Counter[str]) -> str:
    details = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f"0/{nodes} nodes are available: {details}." if nodes else "no nodes available to schedule pods"


def _is_waiting(pod: Object) -> bool:
    return not pod["spec"].get("nodeName") and "deletionTimestamp" not in pod["metadata"]


def unfit_because(pod: Object, node: Object, placed: list[Object], labels_of: NodeLabels) -> str:
    """Return why a pod cannot go to a node, in the scheduler's words; empty if it can.

    `placed` are the pods that have a node and have not ended, `labels_of` the labels of all nodes by name.
    """
    spec, labels = pod["spec"], node["metadata"].get("labels") or {}
    if node["spec"].get("unschedulable") and not _tolerates_cordon(spec):
        return "node(s) were unschedulable"
    for taint in node["spec"].get("taints") or ():
        if taint["effect"] in {"NoSchedule", "NoExecute"} and not tolerates(spec, taint):
            return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    if not is_ready(node):
        return "node(s) were not ready"
    selector = spec.get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in selector.items()) or not _affine(spec, node):
        return "node(s) didn't match Pod's node affinity/selector"
    here = [item for item in placed if item["spec"]["nodeName"] == node["metadata"]["name"]]
    if _is_repelled(pod, node, placed, labels_of):
        return "node(s) didn't match pod anti-affinity rules"
    return _lacking(pod, node, here)


def tolerates(spec: Object, taint: Object) -> bool:
    """Say whether a pod's tolerations cover a taint."""
    for toleration in spec.get("tolerations") or ():
        if toleration.get("effect") and toleration["effect"] != taint["effect"]:
            continue
        if not toleration.get("key"):
            if toleration.get("operator") == "Exists":
                return True
            continue
        same_value = toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", "")
        if toleration["key"] == taint["key"] and same_value:
            return True
    return False


def is_ready(node: Object) -> bool:
    """Say whether a node's Ready condition is True."""
    return holds(node, "Ready")


def _tolerates_cordon(spec: Object) -> bool:
    return tolerates(spec, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})


def _affine(spec: Object, node: Object) -> bool:
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    labels, fields = node["metadata"].get("labels") or {}, {"metadata.name": node["metadata"]["name"]}
    return any(
        _all_match(term.get("matchExpressions"), labels) and _all_match(term.get("matchFields"), fields)
        for term in required["nodeSelectorTerms"]
    )


def _all_match(expressions: list[Object] | None, labels: dict[str, str]) -> bool:
    return all(
        Requirement(item["key"], item["operator"], frozenset(item.get("values") or ())).matches(labels)
        for item in expressions or ()
    )


def _is_repelled(pod: Object, node: Object, placed: list[Object], labels_of: NodeLabels) -> bool:
    """Say whether required anti-affinity keeps a pod off a node because of what runs in the same zone, or on the same host."""
    affinity = (pod["spec"].get("affinity") or {}).get("podAntiAffinity") or {}
    here, namespace = node["metadata"].get("labels") or {}, pod["metadata"]["namespace"]
    for rule in affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ():
        key, selector = rule["topologyKey"], LabelSelector.of(rule.get("labelSelector"))
        others = (other for other in placed if key in here and other["metadata"]["namespace"] == namespace)
        near = (other for other in others if (labels_of.get(other["spec"]["nodeName"]) or {}).get(key) == here[key])
        if any(selector.matches(other["metadata"].get("labels")) for other in near):
            return True
    return False


def _is_alive(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}


def _lacking(pod: Object, node: Object, here: list[Object]) -> str:
    allocatable = node["status"]["allocatable"]
    if len(here) >= int(allocatable["pods"]):
        return "Too many pods"
    for resource in ("cpu", "memory"):
        wanted = _requested(pod, resource)
        taken = sum(_requested(other, resource) for other in here)
        if wanted and taken + wanted > parse_quantity(allocatable[resource]):
            return f"Insufficient {resource}"
    return ""


def _requested(pod: Object, resource: str) -> float:
    total = 0.0
    for container in pod["spec"]["containers"]:
        resources = container.get("resources") or {}
        request = (resources.get("requests") or {}).get(resource, (resources.get("limits") or {}).get(resource, 0))
        total += parse_quantity(request)
    return total


def _crowding(pod: Object, node: Object, placed: list[Object], labels_of: NodeLabels) -> tuple[int, int, int, str]:
    """Return what the best node has least of: pods of the same kind in its zone, and on it, then pods."""
    name, owner = node["metadata"]["name"], controller_uid(pod)
    siblings = [item["spec"]["nodeName"] for item in placed if owner and controller_uid(item) == owner]
    zone = labels_of[name].get(ZONE_LABEL)
    in_zone = sum((labels_of.get(where) or {}).get(ZONE_LABEL) == zone for where in siblings)
    return in_zone, siblings.count(name), sum(item["spec"]["nodeName"] == name for item in placed), name
