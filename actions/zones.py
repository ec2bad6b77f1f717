"""Actions on zones: losing one, and where a workload may run and does.

A zone is what nodes say by the label topology.kubernetes.io/zone. Which one is said by name, or by what is there, as for nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gameday.actions.nodes import TAKING, check_choice, check_grace, has_happened, nodes_with, sightings_of, tainting
from gameday.change import MISSING, Change, DeletePod, Evidence, PatchObject, Right, action, get_field
from gameday.cluster import Json, ObjectRef, Selection, View
from gameday.cluster.nodes import TAINT_KEY, ZONE_LABEL, bears, is_ours, is_running, nodes_of, pods_on, takes_pods, zone_of
from gameday.cluster.reading import is_ready, is_rolled_out, pods_of, selector_text
from gameday.errors import BadParameterError, NoTargetError

_PINNED: Final = f"/spec/template/spec/nodeSelector/{ZONE_LABEL.replace('/', '~1')}"
_RENEWED: Final = "/spec/template/metadata/annotations/gameday.dev~1spread"
_KINDS: Final = ("Deployment", "StatefulSet")
_PLACING: Final = (
    *(Right(verb, "deployments", "apps") for verb in ("get", "list", "patch")),
    Right("list", "pods"),
    Right("list", "nodes"),
)
_SEVERAL: Final = 2


@action(landed=has_happened, rights=(*TAKING, Right("delete", "pods")))
def lose(
    view: View, *, zone: str = "", namespace: str = "", holding: str = "", without: str = "", grace_seconds: int | None = None
) -> Sequence[Change]:
    """Lose a zone: close all its nodes by gameday's taint, and take away the pods that run there.

    namespace: whose pods. Empty: the taint is NoExecute, and every pod that does not tolerate `gameday.dev/lost` goes, of
    whatever namespace; the guard refuses that unless all of them are the plan's. With a namespace, as where a cluster is shared:
    the taint is NoSchedule, so that nothing comes back, and the pods of that namespace are deleted, except gameday's own.
    zone: by name; or else the first that has running pods of the selector `holding` and none of `without`, looked for in
    `namespace`. grace_seconds: for the deletions; None leaves each pod's own, 0 kills at once. Undone by removing the taints, and
    when the deleted pods' replacements are Ready; they stay where they are. Landed when no pod of it is left on the nodes, and no
    EndpointSlice lists one. NoTargetError for a zone that no node is in; BadParameterError for one that all nodes are in; a zone
    without such pods needs no change. It needs the rights to patch nodes and to delete pods, and without a namespace to list all.
    """
    check_grace("zones.lose", grace_seconds)
    if not namespace and grace_seconds is not None:
        raise BadParameterError("zones.lose: expected grace_seconds only with a namespace; a taint leaves each pod its own grace")
    nodes = nodes_of(view)
    name = _chosen(view, nodes, "zones.lose", zone=zone, namespace=namespace, holding=holding, without=without)
    lost = [node for node in nodes if zone_of(node) == name]
    if len(lost) == len(nodes):
        raise BadParameterError(f"zones.lose: all {len(nodes)} node(s) are in the zone {name!r}, so that none would be left")
    if not namespace:
        return tainting(view, lost, "NoExecute")
    pods = [pod for node in lost for pod in pods_on(view, node["metadata"]["name"], namespace)]
    taint = {"key": TAINT_KEY, "effect": "NoExecute"}
    leaving = [pod for pod in pods if is_running(pod) and not is_ours(pod) and not bears(pod, taint)]
    if not leaving:
        return []
    return [
        *tainting(view, lost, "NoSchedule"),
        *(DeletePod(ref, grace_seconds, seen) for ref, seen in sightings_of(view, leaving)),
    ]


def runs_there_only(view: View, changes: Sequence[Change]) -> Evidence:
    """Look where the workload's pods are: which nodes their scheduler gave them, and which zones these nodes say they are in."""
    seen = []
    for change in changes:
        zones, ready = _zones_of(view, change)
        wanted = str(change.fields[_PINNED]) if isinstance(change, PatchObject) else ""
        bound = get_field(view.get(change.ref) or {}, _PINNED) == wanted
        told = _told(change.ref, zones, ready=ready) + ("" if bound else f", and is not bound to {wanted}")
        seen.append((bound and ready and zones <= {wanted}, told))
    if not seen:
        return Evidence(None, "no workload was to be bound to a zone")
    return Evidence(all(landed for landed, _ in seen), "; ".join(told for _, told in seen))


@action(landed=runs_there_only, rights=(*_PLACING, *(Right(verb, "statefulsets", "apps") for verb in ("get", "patch"))))
def confine(
    view: View, *, namespace: str, name: str, zone: str = "", holding: str = "", without: str = "", kind: str = "Deployment"
) -> Sequence[Change]:
    """Let a workload run in one zone only, as one that was never given a second one, or whose volume cannot leave it.

    namespace, name, kind: which workload; kind is Deployment or StatefulSet. zone, holding, without: which zone, as for
    zones.lose. Sets the node selector of its pods, which replaces them in the way that the workload says. Undone by setting the
    selector back. Landed when it runs nothing but pods in that zone, all available. NoTargetError if there is no such workload
    or zone; one that is bound to that zone already needs no change. It needs the right to patch the workload and to list nodes.
    """
    if kind not in _KINDS:
        raise BadParameterError(f"zones.confine: expected kind to be one of {', '.join(_KINDS)}, but got {kind!r}")
    chosen = _chosen(view, nodes_of(view), "zones.confine", zone=zone, namespace=namespace, holding=holding, without=without)
    ref = ObjectRef("apps/v1", kind, namespace, name)
    workload = view.get(ref)
    if workload is None:
        raise NoTargetError(f"there is no {ref} in this cluster. See: kubectl get {kind.lower()}s -n {namespace}")
    if (workload["spec"]["template"]["spec"].get("nodeSelector") or {}).get(ZONE_LABEL) == chosen:
        return []
    return [PatchObject(ObjectRef.of(workload), {_PINNED: chosen})]


def runs_anywhere(view: View, changes: Sequence[Change]) -> Evidence:
    """Look whether the workload's controller has replaced all its pods with such that no zone binds, and that are available."""
    seen = []
    for change in changes:
        zones, ready = _zones_of(view, change)
        free = get_field(view.get(change.ref) or {}, _PINNED) == MISSING
        seen.append((free and ready, _told(change.ref, zones, ready=ready) + ("" if free else ", and is bound to a zone")))
    if not seen:
        return Evidence(None, "no workload was bound to a zone")
    return Evidence(all(landed for landed, _ in seen), "; ".join(told for _, told in seen))


@action(landed=runs_anywhere, rights=_PLACING)
def release(view: View, *, namespace: str, selector: str = "") -> Sequence[Change]:
    """Let Deployments that are bound to one zone run in every zone again: what brings them back while their zone is lost.

    namespace, selector: which Deployments, as kubectl's -n and -l take them (empty: all of the namespace). Removes the zone from
    the node selector of their pods, which replaces these in the way that each says. Undone by setting it back. Landed when each
    runs nothing but pods that no zone binds, all available. NoTargetError if no Deployment matches; one that is not bound needs
    no change. It needs the right to patch Deployments.
    """
    listed = view.list(Selection("apps/v1", "Deployment", namespace, selector))
    if not listed:
        raise NoTargetError(f"no Deployment matches {selector!r}. See: kubectl get deployments -n {namespace} -l {selector!r}")
    bound = [workload for workload in listed if get_field(workload, _PINNED) != MISSING]
    named = sorted(bound, key=lambda workload: str(workload["metadata"]["name"]))
    return [PatchObject(ObjectRef.of(workload), {_PINNED: MISSING}) for workload in named]


def runs_in_several(view: View, changes: Sequence[Change]) -> Evidence:
    """Look where each workload's pods are: Ready, by the nodes that the scheduler gave them, in more zones than one."""
    seen = []
    for change in changes:
        zones, ready = _zones_of(view, change)
        seen.append((ready and len(zones) >= _SEVERAL, _told(change.ref, zones, ready=ready)))
    if not seen:
        return Evidence(None, "no workload was to be spread")
    return Evidence(all(landed for landed, _ in seen), "; ".join(told for _, told in seen))


@action(landed=runs_in_several, rights=_PLACING)
def spread(view: View, *, namespace: str, selector: str = "") -> Sequence[Change]:
    """Renew the pods of Deployments that have them all in one zone, so that the scheduler spreads them again.

    After a zone was lost and is back, pods stay where they went, and nothing moves them: the next loss would take all or none.
    namespace, selector: which Deployments, as kubectl's -n and -l take them (empty: all of the namespace); those of several
    replicas that run in one zone only are renewed, in the way that each says, by an annotation of their pods. Undone by removing
    it, which renews them once more. Landed when each runs in more zones than one, all pods available. NoTargetError if no
    Deployment of several replicas matches, or fewer than two zones take pods; where all are spread it needs no change. It needs
    the rights to patch Deployments and to list nodes.
    """
    zones = {zone_of(node) for node in nodes_of(view) if takes_pods(node)} - {""}
    if len(zones) < _SEVERAL:
        told = ", ".join(sorted(zones)) or "none"
        raise NoTargetError(f"expected two zones that take pods, but found {told}. See: kubectl get nodes -L {ZONE_LABEL}")
    listed = view.list(Selection("apps/v1", "Deployment", namespace, selector))
    several = [workload for workload in listed if workload["spec"].get("replicas", 1) >= _SEVERAL]
    if not several:
        raise NoTargetError(
            f"no Deployment of several replicas matches {selector!r}. See: kubectl get deployments -n {namespace} -l {selector!r}"
        )
    crowded = [workload for workload in several if len(_placed(view, workload)) < _SEVERAL]
    return [
        PatchObject(ObjectRef.of(workload), {_RENEWED: str(workload["metadata"].get("generation", 0))})
        for workload in sorted(crowded, key=lambda workload: str(workload["metadata"]["name"]))
    ]


def _chosen(view: View, nodes: Sequence[Json], who: str, *, zone: str, namespace: str, holding: str, without: str) -> str:
    check_choice(who, "zone", zone, holding, without)
    zones: Mapping[str, str] = {node["metadata"]["name"]: zone_of(node) for node in nodes}
    known = sorted(set(zones.values()) - {""})
    if not known:
        raise NoTargetError(f"no node says which zone it is in (label {ZONE_LABEL}). See: kubectl get nodes -L {ZONE_LABEL}")
    if zone:
        if zone not in known:
            raise NoTargetError(
                f"no node is in a zone {zone!r}; there are {', '.join(known)}. See: kubectl get nodes -L {ZONE_LABEL}"
            )
        return zone
    fitting = {zones[node] for node in nodes_with(view, namespace, holding) if node in zones} if holding else set(known)
    fitting -= {zones[node] for node in nodes_with(view, namespace, without) if node in zones} if without else set()
    if not fitting - {""}:
        described = " and ".join(
            [*([f"with pods of {holding!r}"] if holding else []), *([f"without any of {without!r}"] if without else [])]
        )
        raise NoTargetError(
            f"there is no zone {described} among {', '.join(known)}. See: kubectl get pods -n {namespace} -o wide"
        )
    return min(fitting - {""})


def _told(ref: ObjectRef, zones: set[str], *, ready: bool) -> str:
    return f"{ref} runs in {', '.join(sorted(zones)) or 'no zone'}" + ("" if ready else ", and is not rolled out")


def _zones_of(view: View, change: Change) -> tuple[set[str], bool]:
    workload = view.get(change.ref)
    if workload is None:
        return set(), False
    return _placed(view, workload), is_rolled_out(workload)


def _placed(view: View, workload: Json) -> set[str]:
    """Return the zones in which a workload has Ready pods."""
    zones = {node["metadata"]["name"]: zone_of(node) for node in nodes_of(view)}
    pods = pods_of(view, workload["metadata"]["namespace"], selector_text(workload["spec"]["selector"]))
    return {zones.get(pod["spec"].get("nodeName", ""), "") for pod in pods if is_ready(pod)} - {""}
