"""Actions on workloads: how many replicas a Deployment or StatefulSet may have."""

from __future__ import annotations

from collections.abc import Sequence

from gameday.change import Change, Evidence, PatchObject, Right, action
from gameday.cluster import ObjectRef, View, plural
from gameday.cluster.reading import is_ready, pods_of, selector_text
from gameday.errors import BadParameterError, NoTargetError

_SCALABLE = ("Deployment", "StatefulSet", "ReplicaSet")
_REPLICAS = "/spec/replicas"


def has_as_many_pods(view: View, changes: Sequence[Change]) -> Evidence:
    """Count the workload's pods themselves: other objects than the one that was patched, written by other processes.

    Landed when as many as asked for are there, all of them Ready: with one more that is not, the number was not taken away.
    """
    for change in changes:
        if isinstance(change, PatchObject):
            return _pods_of(view, change)
    return Evidence(None, "no workload was to be scaled")


@action(
    landed=has_as_many_pods,
    rights=(
        *(Right(verb, plural(kind), "apps") for kind in _SCALABLE for verb in ("get", "patch")),
        Right("list", "pods"),
    ),
)
def scale(view: View, *, namespace: str, name: str, replicas: int, kind: str = "Deployment") -> Sequence[Change]:
    """Set the number of replicas of a workload.

    namespace, name, kind: which workload; kind is Deployment, StatefulSet or ReplicaSet. replicas: from 0. Undone by
    setting the former number back, unless somebody else set another one since. Landed when its pods are as many as
    asked for: gone if fewer, Ready if more. NoTargetError if there is no such workload; a workload that has that many
    replicas already needs no change.
    """
    if replicas < 0:
        raise BadParameterError(f"workloads.scale: expected replicas to be a whole number from 0, but got {replicas!r}")
    if kind not in _SCALABLE:
        raise BadParameterError(f"workloads.scale: expected kind to be one of {', '.join(_SCALABLE)}, but got {kind!r}")
    ref = ObjectRef("apps/v1", kind, namespace, name)
    workload = view.get(ref)
    if workload is None:
        raise NoTargetError(f"there is no {ref} in this cluster. See: kubectl get {kind.lower()}s -n {namespace}")
    if workload["spec"].get("replicas", 1) == replicas:
        return []
    return [PatchObject(ObjectRef("apps/v1", kind, namespace, name, workload["metadata"]["uid"]), {_REPLICAS: replicas})]


def _pods_of(view: View, change: PatchObject) -> Evidence:
    workload = view.get(change.ref)
    if workload is None:
        return Evidence(None, f"{change.ref} is not there any more")
    wanted = int(change.fields[_REPLICAS])
    pods = pods_of(view, change.ref.namespace, selector_text(workload["spec"]["selector"]))
    pods = [pod for pod in pods if pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}]
    ready = sum(1 for pod in pods if is_ready(pod))
    landed = len(pods) == ready == wanted
    return Evidence(landed, f"{change.ref} has {len(pods)} pod(s), {ready} of them Ready; {wanted} expected")
