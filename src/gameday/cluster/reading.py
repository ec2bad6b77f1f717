"""Reading what several rooms need to know of workloads and their pods: who owns a pod, which pods are Ready.

Pure functions over a `View`; they write nothing and judge nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gameday.cluster import Json, ObjectRef, Selection, View

POD_FIELDS: Final = (
    *(f"metadata.{key}" for key in ("name", "namespace", "uid", "resourceVersion", "labels", "deletionTimestamp")),
    *(f"metadata.ownerReferences[].{key}" for key in ("apiVersion", "kind", "name", "uid", "controller")),
    "spec.nodeName",
    *(f"spec.containers[].{key}" for key in ("name", "ports")),
    *(f"status.{key}" for key in ("phase", "podIP")),
    *(f"status.conditions[].{key}" for key in ("type", "status")),
)
"""What choosing pods and judging their state needs; clusters have many, and most of one is of no interest here."""


def pods_of(view: View, namespace: str, labels: str = "") -> Sequence[Json]:
    """Return the pods that a label selector matches, each with POD_FIELDS only."""
    return view.list(Selection("v1", "Pod", namespace, labels, only=POD_FIELDS))


def running_pods(view: View, namespace: str, labels: str = "") -> Iterator[Json]:
    """Yield the running pods that a label selector matches, in the order of their names, each looked up when it is asked for.

    Of all of them only the names are listed: whoever wants a few of ten thousand pays for a few.
    """
    only = ("metadata.name", "metadata.deletionTimestamp")
    listed = view.list(Selection("v1", "Pod", namespace, labels, "status.phase=Running", only))
    for name in sorted(pod["metadata"]["name"] for pod in listed if not pod["metadata"].get("deletionTimestamp")):
        pod = view.get(ObjectRef("v1", "Pod", namespace, name))
        if pod is not None and _is_running(pod):
            yield pod


def _is_running(pod: Mapping[str, Any]) -> bool:
    """Say whether a pod runs and is not being deleted."""
    return pod.get("status", {}).get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]


def controller_of(obj: Mapping[str, Any]) -> ObjectRef | None:
    """Return the controller that owns the object, if any."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            namespace = obj["metadata"].get("namespace", "")
            return ObjectRef(owner["apiVersion"], owner["kind"], namespace, owner["name"], owner["uid"])
    return None


def workload_of(view: View, pod: Mapping[str, Any]) -> Json | None:
    """Return the workload at the top of a pod's owners (the Deployment, not its ReplicaSet); None for a pod of its own."""
    found = None
    owner = controller_of(pod)
    while owner is not None:
        obj = view.get(owner)
        if obj is None:
            return found
        found = obj
        owner = controller_of(obj)
    return found


def ready_pods(view: View, workload: Mapping[str, Any]) -> Sequence[Json]:
    """Return the workload's pods that are Ready and not about to go."""
    labels = selector_text(workload["spec"].get("selector", {}))
    namespace = workload["metadata"].get("namespace", "")
    return [pod for pod in pods_of(view, namespace, labels) if is_ready(pod)]


def is_rolled_out(workload: Mapping[str, Any] | None) -> bool:
    """Say whether a workload runs nothing but its newest specification, all of it available; so does what has no replicas.

    As `kubectl rollout status` decides it, and one that is gone has nothing to roll out.
    """
    if workload is None or workload["kind"] not in {"Deployment", "StatefulSet", "DaemonSet"}:
        return True
    status = workload.get("status", {})
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return False
    if workload["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        return bool(status.get("updatedNumberScheduled", 0) == wanted == status.get("numberAvailable", 0))
    wanted = workload["spec"].get("replicas", 1)
    current = status.get("replicas", 0) == wanted and status.get("updatedReplicas", 0) == wanted
    return bool(current and status.get("availableReplicas", 0) == wanted)


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Say whether a pod is Ready and is not being deleted."""
    conditions = pod.get("status", {}).get("conditions") or ()
    ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def selector_text(selector: Mapping[str, Any]) -> str:
    """Return a LabelSelector (matchLabels and matchExpressions) as the API's query parameter takes it."""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        key, values = expression["key"], ",".join(expression.get("values") or ())
        operators = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key, "DoesNotExist": f"!{key}"}
        parts.append(operators[expression["operator"]])
    return ",".join(parts)
