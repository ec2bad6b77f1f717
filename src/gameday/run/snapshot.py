"""What a shell block wrote: the opted-in namespaces and the nodes before and after it, compared field by field.

Only what people configure is compared (specifications, data, labels, annotations), not what controllers report, own or scale.
Entries of lists are told apart by their name where they have one; a list without names is one field. Of pods it is told
which were taken away: those that are gone although what owns them wants as many as before, and their node keeps its pods.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gameday.change import MISSING
from gameday.cluster import Json, ObjectRef, Selection, View
from gameday.cluster.reading import controller_of
from gameday.errors import ClusterError, ForbiddenError, GamedayError, NotFoundError
from gameday.guard.model import REPLICAS_OWNER

KINDS: Final = (
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
)
READ_IF_ALLOWED: Final = (
    ("batch/v1", "CronJob"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "ServiceAccount"),
    ("apps/v1", "ReplicaSet"),
    ("v1", "Pod"),
)
"""Kinds that are compared where the account may list them; one that it may not is no reason to refuse a step."""
_NODE: Final = ("v1", "Node")
_OF_CONTROLLERS: Final = frozenset({"Pod", "ReplicaSet"})
"""Kinds that controllers make and remove all the time: only looked at to tell which pods were taken away."""
_REPLICAS: Final = "/spec/replicas"
_TAINTS_OF_CONTROLLERS: Final = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
_COMPARED: Final = ("spec", "data", "stringData", "binaryData")
_CONTROLLERS_OWN: Final = ("deployment.kubernetes.io/", "gameday.dev/", "kubectl.kubernetes.io/last-applied")

PATIENCE_SECONDS: Final = 20.0
"""How long a server may be away where what stands there must be told."""

Snapshot = Mapping[ObjectRef, Json]


@dataclass(frozen=True, slots=True)
class Writes:
    """What differs between two looks: per object its fields (path → before, after), and what came and what went."""

    fields: Mapping[ObjectRef, Mapping[str, tuple[Any, Any]]] = field(default_factory=dict)
    created: Sequence[ObjectRef] = ()
    deleted: Sequence[ObjectRef] = ()
    pods_taken: Sequence[ObjectRef] = ()
    """Pods that were deleted or evicted, and not scaled away, replaced by a rollout or lost with their node."""


def look(view: View, namespaces: Sequence[str]) -> Snapshot:
    """Read all compared objects of these namespaces, and the nodes; a kind that the cluster does not serve has none."""
    found: dict[ObjectRef, Json] = {}
    for namespace in namespaces:
        for api_version, kind in KINDS:
            found |= _by_ref(_list(view, api_version, kind, namespace))
        for api_version, kind in READ_IF_ALLOWED:
            found |= _by_ref(_list_if_allowed(view, api_version, kind, namespace))
    return found | _by_ref(_list_if_allowed(view, *_NODE, ""))


def look_patiently(view: View, namespaces: Sequence[str], patience_seconds: float) -> Snapshot:
    """Do the same, also past a moment in which the server is away, or busy."""
    give_up = time.monotonic() + patience_seconds
    while True:
        try:
            return look(view, namespaces)
        except GamedayError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.5)


def compare(before: Snapshot, after: Snapshot) -> Writes:
    """Return what was written between two looks; an object that was replaced counts as gone and come."""
    scaled = _scaled_by_others(before) | _scaled_by_others(after)
    fields = {
        ref: dict(_node_differences(before[ref], after[ref]) if ref.kind == "Node" else _differences(before[ref], after[ref]))
        for ref in before.keys() & after.keys()
        if ref.kind not in _OF_CONTROLLERS
    }
    for ref in scaled & fields.keys():
        fields[ref].pop(_REPLICAS, None)
    return Writes(
        {ref: found for ref, found in fields.items() if found},
        sorted(ref for ref in after.keys() - before.keys() if _is_peoples(ref, after[ref]) and ref.kind != "Node"),
        sorted(ref for ref in before.keys() - after.keys() if _is_peoples(ref, before[ref])),
        sorted(ref for ref in before if ref.kind == "Pod" and _was_taken(before, after, ref)),
    )


def _by_ref(objects: Sequence[Json]) -> dict[ObjectRef, Json]:
    return {ObjectRef.of(obj): obj for obj in objects}


def _list(view: View, api_version: str, kind: str, namespace: str) -> Sequence[Json]:
    try:
        return view.list(Selection(api_version, kind, namespace))
    except NotFoundError:
        return ()
    except ClusterError as error:
        if " answered 501 " in str(error):
            return ()
        raise


def _list_if_allowed(view: View, api_version: str, kind: str, namespace: str) -> Sequence[Json]:
    try:
        return _list(view, api_version, kind, namespace)
    except ForbiddenError:
        return ()


def _is_peoples(ref: ObjectRef, obj: Json) -> bool:
    """Say whether people, and no controller, make and remove it; a pod without an owner is somebody's."""
    if ref.kind == "ReplicaSet":
        return False
    return controller_of(obj) is None


def _scaled_by_others(found: Snapshot) -> set[ObjectRef]:
    """Return the workloads whose replicas a controller of its own sets, so that they change without anybody's doing."""
    targets = {
        (ref.namespace, scaler["spec"]["scaleTargetRef"].get("kind"), scaler["spec"]["scaleTargetRef"].get("name"))
        for ref, scaler in found.items()
        if ref.kind == "HorizontalPodAutoscaler"
    }
    return {
        ref
        for ref, obj in found.items()
        if (ref.namespace, ref.kind, ref.name) in targets or REPLICAS_OWNER in (obj["metadata"].get("annotations") or {})
    }


def _was_taken(before: Snapshot, after: Snapshot, ref: ObjectRef) -> bool:
    """Say whether a pod went, or is going, without what owns it or its node having given cause."""
    pod, owner = before[ref], controller_of(before[ref])
    stays = after.get(ref)
    is_going = stays is None or "deletionTimestamp" in stays["metadata"]
    if not is_going or owner is None or "deletionTimestamp" in pod["metadata"]:
        return False
    if pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
        return False
    same_owner = [found.get(owner) for found in (before, after)]
    if owner.kind not in {"ReplicaSet", "StatefulSet", "DaemonSet"} or any(obj is None for obj in same_owner):
        return False
    specs = [(obj or {}).get("spec") for obj in same_owner]
    return specs[0] == specs[1] and _keeps_pods(after, (pod.get("spec") or {}).get("nodeName", ""))


def _keeps_pods(found: Snapshot, name: str) -> bool:
    """Say whether a node is Ready and its taints drive no pod away; one that cannot be seen counts as such."""
    node = next((obj for ref, obj in found.items() if (ref.kind, ref.name) == ("Node", name)), None)
    if node is None:
        return not any(ref.kind == "Node" for ref in found)
    drives = any(taint.get("effect") == "NoExecute" for taint in (node.get("spec") or {}).get("taints") or ())
    return not drives and all(
        condition.get("status") == "True"
        for condition in (node.get("status") or {}).get("conditions") or ()
        if condition.get("type") == "Ready"
    )


def _node_differences(before: Json, after: Json) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield what people set of a node: whether it is cordoned, its labels, and taints that kubectl was the one to write.

    Controllers write taints all the time, and so does the scheduler's own for a cordon; the manager of the field tells.
    """
    old, new = ((node.get("spec") or {}).get("unschedulable", MISSING) for node in (before, after))
    if (old not in (MISSING, False)) != (new not in (MISSING, False)):
        yield "/spec/unschedulable", (old, new)
    labels = [node["metadata"].get("labels") or {} for node in (before, after)]
    for key in sorted({*labels[0], *labels[1]}):
        if not key.startswith(_CONTROLLERS_OWN) and labels[0].get(key) != labels[1].get(key):
            yield f"/metadata/labels/{_escape(key)}", (labels[0].get(key, MISSING), labels[1].get(key, MISSING))
    if _kubectl_wrote_taints(after):
        yield from _taint_differences(before, after)


def _taint_differences(before: Json, after: Json) -> Iterator[tuple[str, tuple[Any, Any]]]:
    old, new = ({taint["key"]: taint for taint in (node.get("spec") or {}).get("taints") or ()} for node in (before, after))
    for key in sorted({*old, *new}):
        if not key.startswith(_TAINTS_OF_CONTROLLERS) and old.get(key) != new.get(key):
            yield f"/spec/taints[key={_escape(key)}]", (old.get(key, MISSING), new.get(key, MISSING))


def _kubectl_wrote_taints(node: Json) -> bool:
    return any(
        str(entry.get("manager", "")).startswith("kubectl") and "f:taints" in (entry.get("fieldsV1") or {}).get("f:spec", {})
        for entry in node["metadata"].get("managedFields") or ()
    )


def _differences(before: Json, after: Json) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for member in _COMPARED:
        yield from _fields(f"/{member}", before.get(member, MISSING), after.get(member, MISSING))
    for member in ("labels", "annotations"):
        old, new = before["metadata"].get(member) or {}, after["metadata"].get(member) or {}
        for key in sorted({*old, *new}):
            if not key.startswith(_CONTROLLERS_OWN) and old.get(key) != new.get(key):
                yield f"/metadata/{member}/{_escape(key)}", (old.get(key, MISSING), new.get(key, MISSING))


def _fields(path: str, before: Any, after: Any) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            yield from _fields(f"{path}/{_escape(key)}", before.get(key, MISSING), after.get(key, MISSING))
    elif _are_named(before) and _are_named(after):
        old, new = ({entry["name"]: entry for entry in entries} for entries in (before, after))
        for name in sorted({*old, *new}):
            yield from _fields(f"{path}[name={_escape(name)}]", old.get(name, MISSING), new.get(name, MISSING))
    else:
        yield path, (before, after)


def _are_named(entries: Any) -> bool:
    """Say whether each entry of a list has a name of its own; a volume mounted twice is named twice."""
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) and "name" in entry for entry in entries):
        return False
    return len({entry["name"] for entry in entries}) == len(entries)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
