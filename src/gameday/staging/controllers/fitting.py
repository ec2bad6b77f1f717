"""Which nodes a pod fits on, and how well: the scheduler's judgement, and a DaemonSet's; pure.

Filters are Kubernetes' (unready or cordoned nodes, taints, selectors, required node affinity and pod anti-affinity, required
spreading, requested resources); of the nodes that are left the best is one of the zone with the fewest pods of the same kind, of
these the one with the fewest of that kind, then with the fewest pods.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from gameday.staging.controllers.conditions import holds
from gameday.staging.controllers.ownership import controller_uid
from gameday.staging.quantities import parse_quantity
from gameday.staging.selectors import LabelSelector, Requirement

Object = dict[str, Any]
NodeLabels = Mapping[str, Object]
ZONE_LABEL = "topology.kubernetes.io/zone"


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
    if not _selects(spec, node["metadata"]["name"], labels):
        return "node(s) didn't match Pod's node affinity/selector"
    here = [item for item in placed if item["spec"]["nodeName"] == node["metadata"]["name"]]
    if _is_repelled(pod, node, placed, labels_of):
        return "node(s) didn't match pod anti-affinity rules"
    uneven = _is_uneven(pod, node, placed, labels_of)
    return "node(s) didn't match pod topology spread constraints" if uneven else _lacking(pod, node, here)


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


def _selects(spec: Object, node: str, labels: Object) -> bool:
    """Say whether a pod's node selector and required node affinity take a node, by its name and labels."""
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    return any(
        _all_match(term.get("matchExpressions"), labels) and _all_match(term.get("matchFields"), {"metadata.name": node})
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


def _is_uneven(pod: Object, node: Object, placed: list[Object], labels_of: NodeLabels) -> bool:
    """Say whether a pod on this node would make a zone, or what else a constraint names, too full against the emptiest."""
    for rule in pod["spec"].get("topologySpreadConstraints") or ():
        if rule.get("whenUnsatisfiable") != "DoNotSchedule":
            continue
        key, selector = rule["topologyKey"], LabelSelector.of(rule.get("labelSelector"))
        own = pod["metadata"].get("labels") or {}
        release = {name: own[name] for name in rule.get("matchLabelKeys") or () if name in own}
        eligible = (labels for name, labels in labels_of.items() if key in labels and _selects(pod["spec"], name, labels))
        counts = Counter({labels[key]: 0 for labels in eligible})
        for other in placed:
            metadata, there = other["metadata"], labels_of.get(other["spec"]["nodeName"]) or {}
            theirs = metadata.get("labels") or {}
            same = metadata["namespace"] == pod["metadata"]["namespace"] and selector.matches(theirs)
            if same and release.items() <= theirs.items() and there.get(key) in counts and "deletionTimestamp" not in metadata:
                counts[there[key]] += 1
        here = (node["metadata"].get("labels") or {}).get(key)
        if here not in counts or counts[here] + 1 - min(counts.values()) > rule["maxSkew"]:
            return True
    return False


def is_alive(pod: Object) -> bool:
    """Say whether a pod takes up room on its node."""
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


def crowding(pod: Object, node: Object, placed: list[Object], labels_of: NodeLabels) -> tuple[int, int, int, str]:
    """Return what the best node has least of: pods of the same kind in its zone, and on it, then pods."""
    name, owner = node["metadata"]["name"], controller_uid(pod)
    siblings = [item["spec"]["nodeName"] for item in placed if owner and controller_uid(item) == owner]
    zone = labels_of[name].get(ZONE_LABEL)
    in_zone = sum((labels_of.get(where) or {}).get(ZONE_LABEL) == zone for where in siblings)
    return in_zone, siblings.count(name), sum(item["spec"]["nodeName"] == name for item in placed), name
