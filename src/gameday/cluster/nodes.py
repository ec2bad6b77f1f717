"""Reading what several rooms need to know of nodes: which take pods, what is on them, and what a taint of gameday's takes away.

Pure functions over a `View`; they write nothing and judge nothing. A taint or a cordon is a field of the node, and what it does
to pods is Kubernetes' doing: the taint manager deletes whatever does not tolerate NoExecute, and a cordon takes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gameday.cluster import Json, Selection, View
from gameday.cluster.reading import controller_of

ZONE_LABEL: Final = "topology.kubernetes.io/zone"
TAINT_KEY: Final = "gameday.dev/lost"
"""gameday's own taint. Whatever must survive one of these tolerates it: `{key: gameday.dev/lost, operator: Exists}`."""
UNSCHEDULABLE: Final = "/spec/unschedulable"
TAINT: Final = f"/spec/taints[key={TAINT_KEY.replace('/', '~1')}]"
"""That taint's path: a node's taints are told apart by key and effect, and no other has this key."""
OURS: Final = ("app.kubernetes.io/part-of", "app.kubernetes.io/managed-by")
"""Labels with the value gameday on gameday's own pods: reaper and runner, fault proxies."""

_KEEPS_AWAY: Final = ("NoSchedule", "NoExecute")
_MIRROR: Final = "kubernetes.io/config.mirror"


def nodes_of(view: View, labels: str = "") -> Sequence[Json]:
    """Return the nodes that a label selector matches, by name."""
    return sorted(view.list(Selection("v1", "Node", labels=labels)), key=lambda node: str(node["metadata"]["name"]))


def pods_on(view: View, node: str, namespace: str = "", labels: str = "") -> Sequence[Json]:
    """Return a node's pods by name, those that are about to go left out; of every namespace unless one is named."""
    listed = view.list(Selection("v1", "Pod", namespace, labels, f"spec.nodeName={node}"))
    staying = [pod for pod in listed if "deletionTimestamp" not in pod["metadata"]]
    return sorted(staying, key=lambda pod: (pod["metadata"].get("namespace", ""), pod["metadata"]["name"]))


def zone_of(node: Mapping[str, Any]) -> str:
    """Return the zone that a node is in; empty where it does not say."""
    return str((node["metadata"].get("labels") or {}).get(ZONE_LABEL, ""))


def takes_pods(node: Mapping[str, Any]) -> bool:
    """Say whether a node is Ready and neither cordoned nor tainted so that pods stay away."""
    spec, conditions = node.get("spec") or {}, (node.get("status") or {}).get("conditions") or ()
    ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
    return ready and not spec.get("unschedulable") and not any(keeps_away(taint) for taint in spec.get("taints") or ())


def keeps_away(taint: Mapping[str, Any]) -> bool:
    """Say whether a taint keeps pods that do not tolerate it from being scheduled there."""
    return taint.get("effect") in _KEEPS_AWAY


def bears(pod: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """Say whether a pod tolerates a taint for good; one that does so for some seconds does not."""
    return any(_covers(item, taint) and item.get("tolerationSeconds") is None for item in pod["spec"].get("tolerations") or ())


def _covers(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    exists = toleration.get("operator") == "Exists"
    if not toleration.get("key"):
        return exists
    return bool(toleration["key"] == taint["key"] and (exists or toleration.get("value", "") == taint.get("value", "")))


def taken_by(taint: Mapping[str, Any], pods: Sequence[Json]) -> list[Json]:
    """Return those of a node's pods that a taint takes away."""
    return [pod for pod in pods if taint.get("effect") == "NoExecute" and not bears(pod, taint)]


def is_running(pod: Mapping[str, Any]) -> bool:
    """Say whether a pod has not ended."""
    return (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}


def is_bound_to_its_node(pod: Mapping[str, Any]) -> bool:
    """Say whether a pod belongs to its node, so that a drain leaves it: a DaemonSet's, or one that the kubelet itself keeps."""
    owner = controller_of(pod)
    return (owner is not None and owner.kind == "DaemonSet") or _MIRROR in (pod["metadata"].get("annotations") or {})


def is_ours(pod: Mapping[str, Any]) -> bool:
    """Say whether a pod is gameday's own, which is never in its own blast radius."""
    labels = pod["metadata"].get("labels") or {}
    return any(labels.get(key) == "gameday" for key in OURS)
