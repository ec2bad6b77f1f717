"""This project's own actions on rollouts. How to write one: docs/writing-an-action.md of gameday."""

from __future__ import annotations

from collections.abc import Sequence

from gameday.change import Change, Evidence, PatchObject, Right, action, get_field
from gameday.cluster import ObjectRef, Selection, View
from gameday.cluster.reading import is_ready, selector_text
from gameday.errors import NoTargetError

_ANNOTATION = "/metadata/annotations/example.com~1restarted-for"


def every_pod_is_new(view: View, changes: Sequence[Change]) -> Evidence:
    """Look at the pods themselves: they are written by others than the Deployment that was patched."""
    for change in changes:
        deployment = view.get(change.ref)
        if not isinstance(change, PatchObject) or deployment is None:
            continue
        labels = selector_text(deployment["spec"]["selector"])
        pods = view.list(Selection("v1", "Pod", change.ref.namespace, labels))
        there = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        wanted = change.fields[f"/spec/template{_ANNOTATION}"]
        new = [pod for pod in there if get_field(pod, _ANNOTATION) == wanted and is_ready(pod)]
        return Evidence(len(new) == len(there) > 0, f"{len(new)} of {len(there)} pods of {change.ref} are new and Ready")
    return Evidence(None, "there was nothing to look at")


@action(
    landed=every_pod_is_new,
    rights=(Right("get", "deployments", "apps"), Right("patch", "deployments", "apps"), Right("list", "pods")),
)
def restart(view: View, *, namespace: str, name: str, reason: str = "a game day") -> Sequence[Change]:
    """Replace all pods of a Deployment, as `kubectl rollout restart` does.

    namespace, name: which Deployment. reason: what its pods are annotated with. Undone by removing the annotation, which
    replaces them once more. Landed when every pod carries it and is Ready. NoTargetError if there is no such Deployment.
    """
    ref = ObjectRef("apps/v1", "Deployment", namespace, name)
    deployment = view.get(ref)
    if deployment is None:
        raise NoTargetError(f"there is no {ref} in this cluster. See: kubectl get deployments -n {namespace}")
    return [PatchObject(ObjectRef.of(deployment), {f"/spec/template{_ANNOTATION}": reason})]
