"""What a write makes of an object, for every kind alike: which fields a client cannot set, and when deleting is done.

Pure functions over object trees, used by the store; who may write, and what is valid, is decided elsewhere.
"""

from __future__ import annotations

from typing import Any, Literal

from gameday.staging.errors import Cause, Conflict, invalid
from gameday.staging.history import Stored, copy_object
from gameday.staging.resources import NAMESPACES, PODS, Resource

Object = dict[str, Any]
Propagation = Literal["Background", "Foreground", "Orphan"]

_DEFAULT_POD_GRACE_SECONDS = 30
_SERVER_OWNED = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


def merged(resource: Resource, old: Stored, obj: Object, subresource: str | None) -> Object:
    """Return what an update stores: `obj`, with what the server owns and the other half of the object kept."""
    if subresource == "status" and resource.status:
        new = old.copy()
        new.pop("status", None)
        if "status" in obj:
            new["status"] = copy_object({"status": obj["status"]})["status"]
        return new
    new = copy_object(obj)
    new["apiVersion"], new["kind"] = resource.api_version, resource.kind
    if resource.status:
        new.pop("status", None)
        if "status" in old.body:
            new["status"] = old.copy()["status"]
    metadata, before = new["metadata"], old.body["metadata"]
    for key in _SERVER_OWNED:
        metadata.pop(key, None)
        if key in before:
            metadata[key] = before[key]
    if resource.namespaced:
        metadata["namespace"] = before["namespace"]
    metadata["resourceVersion"] = before["resourceVersion"]
    _drop_empty_lists(metadata)
    if "deletionTimestamp" in before:
        _check_no_new_finalizer(resource, before, metadata)
    return new


def _drop_empty_lists(metadata: Object) -> None:
    for key in ("ownerReferences", "finalizers"):
        if metadata.get(key) == []:
            del metadata[key]


def _check_no_new_finalizer(resource: Resource, before: Object, after: Object) -> None:
    added = set(after.get("finalizers") or ()) - set(before.get("finalizers") or ())
    if added:
        found = ", ".join(f'"{item}"' for item in sorted(added))
        why = f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{found}}}"
        raise invalid(resource, before["name"], [Cause("metadata.finalizers", f"Forbidden: {why}", "FieldValueForbidden")])


def check_deletion(resource: Resource, body: Object, uid: str | None, resource_version: str | None) -> None:
    """Raise Conflict, in Kubernetes' words, if the object is not the one, or not as it was, that is to be deleted."""
    metadata = body["metadata"]
    for what, asked, found, otherwise in (
        ("UID", uid, metadata["uid"], "deleted and then recreated"),
        ("ResourceVersion", resource_version, metadata["resourceVersion"], "modified"),
    ):
        if asked and asked != found:
            why = f"the {what} in the precondition ({asked}) does not match the {what} in record ({found})"
            text = f"{why}. The object might have been {otherwise}"
            # Kubernetes names the kind here, and everywhere else the plural.
            raise Conflict(f'Operation cannot be fulfilled on {resource.qualified_kind} "{metadata["name"]}": {text}')


def same(old: Object, new: Object) -> bool:
    """Compare two versions, leaving out the times in managedFields, which alone are no change."""
    if old.keys() != new.keys() or any(old[key] != new[key] for key in old if key != "metadata"):
        return False
    return _without_times(old["metadata"]) == _without_times(new["metadata"])


def _without_times(metadata: Object) -> Object:
    managed = [{**entry, "time": None} for entry in metadata.get("managedFields", ())]
    return {**metadata, "managedFields": managed}


def finished(resource: Resource, obj: Object) -> bool:
    """Say whether nothing holds an object any more that is being deleted."""
    metadata = obj["metadata"]
    if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
        return False
    if resource is NAMESPACES and (obj.get("spec") or {}).get("finalizers"):
        return False
    return bool(metadata.get("deletionGracePeriodSeconds", 0) == 0)


def granted_grace_seconds(resource: Resource, obj: Object, asked: float | None) -> float:
    """Return the grace of a deletion: only pods have one, and only those that a node may be running."""
    if resource is not PODS:
        return 0
    spec, phase = obj.get("spec") or {}, (obj.get("status") or {}).get("phase")
    if not spec.get("nodeName") or phase in {"Succeeded", "Failed"}:
        return 0
    if asked is not None:
        return max(asked, 0)
    return float(spec.get("terminationGracePeriodSeconds", _DEFAULT_POD_GRACE_SECONDS))


def add_propagation_finalizer(metadata: Object, propagation: Propagation | None) -> None:
    """Add the finalizer by which Foreground and Orphan deletion wait for the garbage collector."""
    finalizer = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}.get(propagation or "")
    if finalizer and finalizer not in metadata.get("finalizers", ()):
        metadata["finalizers"] = [*metadata.get("finalizers", ()), finalizer]
