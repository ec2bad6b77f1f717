"""Who owns which object, and what a workload reads off its pods; shared by the workload controllers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from gameday.staging.errors import ApiError
from gameday.staging.events import Recorder
from gameday.staging.history import copy_object
from gameday.staging.resources import PODS, Resource
from gameday.staging.selectors import LabelSelector
from gameday.staging.store import Store, timestamp

Object = dict[str, Any]


def controller_uid(obj: Object) -> str | None:
    """Return the uid of the object that controls this one."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return str(reference["uid"])
    return None


def owner_reference(owner: Object) -> Object:
    """Return the reference by which an owner controls what it creates."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def claimed(
    store: Store, resource: Resource, owner: Object, *, member: Callable[[str], bool] = lambda _: True
) -> Iterator[Object]:
    """Return what `owner` controls, after adopting what fits its selector and releasing what no longer does.

    `member` says by its name whether an object could be one of the owner's at all.
    """
    selector = LabelSelector.of(owner["spec"]["selector"])
    uid = owner["metadata"]["uid"]
    for item in store.listed(resource, owner["metadata"]["namespace"]):
        metadata = item.body["metadata"]
        fits = selector.matches(metadata.get("labels")) and member(metadata["name"])
        controlled_by = controller_uid(item.body)
        if controlled_by == uid:
            if fits or "deletionTimestamp" in metadata:
                yield item.body
            else:
                _release(store, resource, item.copy(), uid)
        elif controlled_by is None and fits and not {"deletionTimestamp"} & (metadata.keys() | owner["metadata"].keys()):
            yield _adopt(store, resource, item.copy(), owner)


def _adopt(store: Store, resource: Resource, obj: Object, owner: Object) -> Object:
    references = obj["metadata"].get("ownerReferences") or []
    obj["metadata"]["ownerReferences"] = [*references, owner_reference(owner)]
    return store.update(resource, obj)


def _release(store: Store, resource: Resource, obj: Object, uid: str) -> None:
    references = [item for item in obj["metadata"]["ownerReferences"] if item["uid"] != uid]
    obj["metadata"]["ownerReferences"] = references
    store.update(resource, obj)


def pod_from(template: Object, owner: Object, *, prefix: str) -> Object:
    """Return a new pod made from an owner's template."""
    made = copy_object(template)
    metadata = made.get("metadata") or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": prefix,
            "namespace": owner["metadata"]["namespace"],
            "labels": metadata.get("labels") or {},
            **({"annotations": metadata["annotations"]} if metadata.get("annotations") else {}),
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": made["spec"],
        "status": {"phase": "Pending"},
    }


def create_pod(store: Store, recorder: Recorder, owner: Object, pod: Object) -> Object:
    """Create a pod for a workload and say so; an ApiError, told as well, if it cannot be."""
    try:
        created = store.create(PODS, pod)
    except ApiError as error:
        recorder.warning(owner, "FailedCreate", f"Error creating: {error}")
        raise
    recorder.normal(owner, "SuccessfulCreate", f"Created pod: {created['metadata']['name']}")
    return created


def delete_pod(store: Store, recorder: Recorder, owner: Object, pod: Object) -> None:
    """Delete a workload's pod and say so."""
    metadata = pod["metadata"]
    store.delete(PODS, metadata["namespace"], metadata["name"], uid=metadata["uid"])
    recorder.normal(owner, "SuccessfulDelete", f"Deleted pod: {metadata['name']}")


def is_active(pod: Object) -> bool:
    """Say whether a pod counts towards its workload's replicas."""
    phase = (pod.get("status") or {}).get("phase")
    return "deletionTimestamp" not in pod["metadata"] and phase not in {"Succeeded", "Failed"}


def ready_since(pod: Object) -> datetime | None:
    """Return since when a pod is Ready; None if it is not."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready" and condition["status"] == "True":
            return parse_time(condition.get("lastTransitionTime"))
    return None


def parse_time(text: str | None) -> datetime:
    """Return a timestamp of the API as a moment; the epoch if there is none."""
    if not text:
        return datetime.fromtimestamp(0, UTC)
    return datetime.fromisoformat(text)


def available_in_seconds(pod: Object, min_ready_seconds: float) -> float | None:
    """Return after how long a Ready pod counts as available: 0 by now, None if it is not Ready."""
    since = ready_since(pod)
    if since is None:
        return None
    if not min_ready_seconds:
        return 0.0
    return max(0.0, min_ready_seconds - (datetime.now(UTC) - since).total_seconds())


def compact(status: Object) -> Object:
    """Leave out counts of zero and empty lists, as Kubernetes does."""
    return {key: value for key, value in status.items() if value not in (0, [], None) or key == "replicas"}


def mark_disrupted(store: Store, pod: Object, reason: str, message: str) -> None:
    """Say on a pod who is about to delete it, as Kubernetes does."""
    metadata = pod["metadata"]
    current = store.get(PODS, metadata["namespace"], metadata["name"])
    status = current.get("status") or {}
    others = [item for item in status.get("conditions") or () if item["type"] != "DisruptionTarget"]
    now = timestamp(datetime.now(UTC))
    mark = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message, "lastTransitionTime": now}
    write_status(store, PODS, current, {**status, "conditions": [*others, mark]})


def write_status(store: Store, resource: Resource, obj: Object, status: Object) -> None:
    """Write an object's status if it differs."""
    if (obj.get("status") or {}) != status:
        store.update(resource, {"metadata": obj["metadata"], "status": status}, subresource="status")
