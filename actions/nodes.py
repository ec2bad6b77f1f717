"""Actions on nodes: no new pods there, gameday's own taint, and a drain.

Which node is said by its `name`, or by what is on it: one that holds running pods of a selector, and none of another. A node that
such a change would take pods from which are not the plan's is refused by the guard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gameday.actions.pods import ready_uids, sighting
from gameday.change import MISSING, Change, DeletePod, EvictPod, Evidence, PatchObject, Right, action, get_field
from gameday.cluster import Json, ObjectRef, View
from gameday.cluster.nodes import (
    TAINT,
    TAINT_KEY,
    UNSCHEDULABLE,
    is_bound_to_its_node,
    is_ours,
    is_running,
    nodes_of,
    pods_on,
    taken_by,
    takes_pods,
    zone_of,
)
from gameday.cluster.reading import pods_of
from gameday.errors import BadParameterError, NoTargetError

RIGHTS: Final = tuple(Right(verb, "nodes") for verb in ("list", "get", "patch"))
CHOOSING: Final = (*RIGHTS, Right("list", "pods"))
"""A node is chosen by what runs on it, and what NoExecute takes is what is on it."""
TAKING: Final = (
    *CHOOSING,
    Right("get", "pods"),
    Right("list", "endpointslices", "discovery.k8s.io"),
)
_EFFECTS: Final = ("NoSchedule", "NoExecute")
_CORDONED: Final = "node.kubernetes.io/unschedulable"


def has_happened(view: View, changes: Sequence[Change]) -> Evidence:
    """Look at what other processes made of it: the node controller of a cordon, the taint manager, nodes and endpoints of pods.

    A cordoned node carries the node controller's own taint. On one that is tainted with NoExecute there is no pod left that does
    not tolerate it. A pod that was deleted or evicted is not among its node's any more, or ends, and no EndpointSlice lists it.
    """
    nodes = {node["metadata"]["uid"]: node for node in nodes_of(view)}
    seen = [_of_node(view, nodes.get(change.ref.uid), change) for change in changes if isinstance(change, PatchObject)]
    pods = [change for change in changes if isinstance(change, DeletePod | EvictPod)]
    seen += [_of_pods(view, pods)] if pods else []
    if not seen:
        return Evidence(None, "no node was to be changed")
    return Evidence(all(landed for landed, _ in seen), "; ".join(told for _, told in seen))


@action(landed=has_happened, rights=CHOOSING)
def cordon(view: View, *, name: str = "", namespace: str = "", holding: str = "", without: str = "") -> Sequence[Change]:
    """Close a node for new pods, as `kubectl cordon` does; what runs there stays.

    name: which node; or else the first by name that has running pods of the selector `holding` and none of `without`, in
    `namespace` (empty: in any). Undone by opening it again, unless somebody else has. Landed when the node controller has marked
    it. NoTargetError if there is no such node; one that is closed already needs no change. It needs the right to patch nodes.
    """
    return list(_closing(_chosen(view, "nodes.cordon", name=name, namespace=namespace, holding=holding, without=without)))


@action(landed=has_happened, rights=CHOOSING)
def taint(
    view: View, *, name: str = "", effect: str = "NoSchedule", namespace: str = "", holding: str = "", without: str = ""
) -> Sequence[Change]:
    """Set gameday's own taint, `gameday.dev/lost`, on a node.

    effect: NoSchedule keeps new pods away; NoExecute also takes away those that are there and do not tolerate it, of whatever
    namespace, and counts as a change to each of them. name, namespace, holding, without: which node, as for nodes.cordon. Undone
    by removing it; pods do not come back by themselves, their replacements run where they are. Landed when the API lists the node
    with it, and with NoExecute when no pod is left there that does not tolerate it. NoTargetError if there is no such node; with
    NoExecute, one without such pods needs no change. It needs the right to patch nodes and, for NoExecute, to list all pods.
    """
    if effect not in _EFFECTS:
        raise BadParameterError(f"nodes.taint: expected effect to be one of {', '.join(_EFFECTS)}, but got {effect!r}")
    node = _chosen(view, "nodes.taint", name=name, namespace=namespace, holding=holding, without=without)
    return tainting(view, [node], effect)


@action(landed=has_happened, rights=(*TAKING, Right("create", "pods/eviction")))
def drain(
    view: View,
    *,
    name: str = "",
    namespace: str = "",
    holding: str = "",
    without: str = "",
    grace_seconds: int | None = None,
    patience_seconds: float = 60.0,
) -> Sequence[Change]:
    """Drain a node: close it for new pods, then evict those that are there, one after the other.

    namespace: evict only its pods, as where a cluster is shared; empty: every pod of the node. name, holding, without: which
    node, as for nodes.cordon. A DaemonSet's pods and those that the kubelet keeps by itself stay, and so do gameday's own and
    what has ended. grace_seconds: None leaves each pod's own. patience_seconds: for how long an eviction is asked for again
    while a PodDisruptionBudget refuses it; from 0. Undone by opening the node again, and when the replacements are Ready; they
    stay where they are. Landed when the node controller has marked the node, and the pods are gone from it and from the
    EndpointSlices. NoTargetError if there is no such node; one with nothing to evict needs no change. It needs the rights to
    patch nodes and to create evictions.
    """
    check_grace("nodes.drain", grace_seconds)
    if isinstance(patience_seconds, bool) or not isinstance(patience_seconds, int | float) or not 0 <= patience_seconds <= _LONG:
        raise BadParameterError(
            f"nodes.drain: expected patience_seconds to be a number from 0 to {_LONG:g}, but got {patience_seconds!r}"
        )
    node = _chosen(view, "nodes.drain", name=name, namespace=namespace, holding=holding, without=without)
    there = pods_on(view, node["metadata"]["name"], namespace)
    leaving = [pod for pod in there if is_running(pod) and not is_ours(pod) and not is_bound_to_its_node(pod)]
    if not leaving:
        return []
    sightings = sightings_of(view, leaving)
    evictions = [EvictPod(ref, grace_seconds, seen, float(patience_seconds)) for ref, seen in sightings]
    return [*_closing(node), *evictions]


def takes_pods_again(view: View, changes: Sequence[Change]) -> Evidence:
    """Look whether the nodes are Ready, and the node controller has taken its mark of a closed one away."""
    nodes = {node["metadata"]["uid"]: node for node in nodes_of(view)}
    closed = [change.ref.name for change in changes if not takes_pods(nodes.get(change.ref.uid, {"metadata": {}}))]
    if closed or not changes:
        return Evidence(False if closed else None, f"{', '.join(closed) or 'no node'} does not take pods again")
    return Evidence(True, f"{len(changes)} node(s) are Ready and take pods again")


@action(landed=takes_pods_again, rights=RIGHTS)
def reopen(view: View, *, name: str = "", zone: str = "") -> Sequence[Change]:
    """Open nodes again: what a runbook does when a drain is stopped, or a zone is back.

    name, zone: which node, or the nodes of which zone; without either, all that are closed, also by somebody else. A cordon and
    gameday's taint are removed, and taints of others stay. Undone by closing them again, but for what the same run had closed.
    Landed when the nodes are Ready and take pods. NoTargetError if no node matches; an open one needs no change. It needs the
    right to patch nodes.
    """
    if name and zone:
        raise BadParameterError(f"nodes.reopen: expected a name or a zone, but got both, {name!r} and {zone!r}")
    fitting = [node for node in nodes_of(view) if name in {"", node["metadata"]["name"]} and zone in {"", zone_of(node)}]
    if not fitting:
        raise NoTargetError(f"there is no node {name!r} in this cluster, or none in the zone {zone!r}. See: kubectl get nodes")
    return [PatchObject(ObjectRef.of(node), fields) for node in fitting if (fields := _opened(node))]


def _opened(node: Json) -> dict[str, Any]:
    """Return the fields by which gameday, or whoever drains, has closed a node, to be removed."""
    closed = {UNSCHEDULABLE: MISSING} if node["spec"].get("unschedulable") else {}
    return {**closed, **({TAINT: MISSING} if get_field(node, TAINT) != MISSING else {})}


_LONG: Final = 3600.0


def tainting(view: View, nodes: Sequence[Json], effect: str) -> list[Change]:
    """Return the changes that taint these nodes, where they are not; none where a NoExecute would take nothing away."""
    value = {"key": TAINT_KEY, "effect": effect}
    if effect == "NoExecute" and not any(taken_by(value, pods_on(view, node["metadata"]["name"])) for node in nodes):
        return []
    fresh = [node for node in nodes if value not in [_plain(taint) for taint in node["spec"].get("taints") or ()]]
    return [PatchObject(ObjectRef.of(node), {TAINT: value}) for node in fresh]


def sightings_of(view: View, pods: Sequence[Json]) -> list[tuple[ObjectRef, Any]]:
    """Return each pod with where it answers now."""
    ready = {namespace: ready_uids(view, namespace) for namespace in sorted({pod["metadata"]["namespace"] for pod in pods})}
    return [(ObjectRef.of(pod), sighting(pod, ready[pod["metadata"]["namespace"]])) for pod in pods]


def check_grace(who: str, grace_seconds: object) -> None:
    """Refuse a grace period that cannot be meant."""
    is_number = isinstance(grace_seconds, int) and not isinstance(grace_seconds, bool)
    if grace_seconds is not None and not (is_number and isinstance(grace_seconds, int) and grace_seconds >= 0):
        raise BadParameterError(f"{who}: expected grace_seconds to be a whole number from 0, but got {grace_seconds!r}")


def check_choice(who: str, what: str, named: object, holding: object, without: object) -> None:
    """Refuse a target that is named and described at once, or neither."""
    for parameter, value in ((what, named), ("holding", holding), ("without", without)):
        if not isinstance(value, str):
            raise BadParameterError(f"{who}: expected {parameter} to be a text, but got {value!r}")
    if bool(named) == bool(holding or without):
        raise BadParameterError(
            f"{who}: expected either {what}, or what shall be there (`holding`) or shall not (`without`), as label selectors"
        )


def nodes_with(view: View, namespace: str, labels: str) -> frozenset[str]:
    """Name the nodes on which pods of a selector run; NoTargetError if none do, since a misspelt one would choose wrongly."""
    found = pods_of(view, namespace, labels)
    names = {pod["spec"].get("nodeName", "") for pod in found if is_running(pod) and "deletionTimestamp" not in pod["metadata"]}
    if not names - {""}:
        where = f"-n {namespace}" if namespace else "-A"
        raise NoTargetError(f"no running pod matches the selector {labels!r}. See: kubectl get pods {where} -l {labels!r}")
    return frozenset(names - {""})


def _chosen(view: View, who: str, *, name: str, namespace: str, holding: str, without: str) -> Json:
    check_choice(who, "name", name, holding, without)
    nodes = {node["metadata"]["name"]: node for node in nodes_of(view)}
    if name and name not in nodes:
        raise NoTargetError(f"there is no node {name!r}; there are {', '.join(nodes) or 'none'}. See: kubectl get nodes")
    if name:
        return nodes[name]
    fitting = set(nodes) & nodes_with(view, namespace, holding) if holding else set(nodes)
    fitting -= nodes_with(view, namespace, without) if without else frozenset()
    if not fitting:
        where = f"-n {namespace}" if namespace else "-A"
        raise NoTargetError(
            f"no node of {', '.join(nodes)} {_described(holding, without)}. See: kubectl get pods {where} -o wide"
        )
    return nodes[min(fitting)]


def _described(holding: str, without: str) -> str:
    parts = [f"runs pods of {holding!r}"] if holding else []
    return " and ".join([*parts, *([f"runs none of {without!r}"] if without else [])])


def _closing(node: Json) -> Iterator[Change]:
    if not node["spec"].get("unschedulable"):
        yield PatchObject(ObjectRef.of(node), {UNSCHEDULABLE: True})


def _plain(taint: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in taint.items() if key in {"key", "value", "effect"}}


def _of_node(view: View, node: Json | None, change: PatchObject) -> tuple[bool, str]:
    if node is None:
        return False, f"{change.ref} is not there any more"
    taints = {taint["key"]: taint for taint in node["spec"].get("taints") or ()}
    if UNSCHEDULABLE in change.fields:
        marked = bool(node["spec"].get("unschedulable")) and _CORDONED in taints
        return marked, f"the node controller has {'' if marked else 'not '}marked {change.ref} as closed"
    wanted = change.fields.get(TAINT, MISSING)
    if TAINT_KEY not in taints or wanted == MISSING or _plain(taints[TAINT_KEY]) != _plain(wanted):
        return False, f"{change.ref} does not carry {TAINT_KEY}"
    if wanted["effect"] != "NoExecute":
        return True, f"{change.ref} is listed with {TAINT_KEY}"
    left = taken_by(wanted, pods_on(view, change.ref.name))
    if left:
        return False, f"{change.ref} still holds {len(left)} pod(s), one of them {left[0]['metadata']['name']}"
    return True, f"{change.ref} holds no pod any more that does not tolerate {TAINT_KEY}"


def _of_pods(view: View, changes: Sequence[DeletePod | EvictPod]) -> tuple[bool, str]:
    namespaces = {change.ref.namespace for change in changes}
    there = {pod["metadata"]["uid"] for namespace in namespaces for pod in _staying(view, namespace)}
    listed = set[str]().union(*(ready_uids(view, namespace) for namespace in namespaces))
    left = [change.ref for change in changes if change.ref.uid in there | listed]
    if left:
        return False, f"{left[0]} is still there" + (f", and {len(left) - 1} more" if len(left) > 1 else "")
    return True, f"{len(changes)} pod(s) are gone from their nodes, and no EndpointSlice lists them"


def _staying(view: View, namespace: str) -> list[Json]:
    return [pod for pod in pods_of(view, namespace) if "deletionTimestamp" not in pod["metadata"] and is_running(pod)]
