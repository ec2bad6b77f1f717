"""Garbage collection: what loses its last owner goes too, by the rules of background, foreground and orphan deletion."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from gameday.staging.controllers.queue import Controller
from gameday.staging.errors import NotFound
from gameday.staging.history import Entry, Stored
from gameday.staging.resources import EVENTS, LEASES, RESOURCES, Resource, resource_of
from gameday.staging.store import Store

Object = dict[str, Any]
_FOREGROUND, _ORPHAN = "foregroundDeletion", "orphan"
_COLLECTED = tuple(resource for resource in RESOURCES if resource not in (EVENTS, LEASES))


class GarbageCollector:
    """Deletes dependents; its keys are uids of owners and places of objects."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        return Controller("garbage-collector", dict.fromkeys(_COLLECTED, self._keys), self.reconcile)

    def reconcile(self, key: tuple[Any, ...]) -> None:
        """Look after the dependents of an owner that is gone, or at one object's owners and finalizers."""
        if len(key) == 1:
            for resource, item in self._dependents(key[0]):
                self._review(resource, item.copy())
            return
        resource, namespace, name = key
        try:
            obj = self._store.get(resource, namespace, name)
        except NotFound:
            return
        finalizers = obj["metadata"].get("finalizers") or ()
        if "deletionTimestamp" in obj["metadata"] and _ORPHAN in finalizers:
            self._orphan_dependents(obj)
            self._drop_finalizer(resource, obj, _ORPHAN)
        elif "deletionTimestamp" in obj["metadata"] and _FOREGROUND in finalizers:
            if self._delete_dependents(obj):
                self._drop_finalizer(resource, obj, _FOREGROUND)
        elif obj["metadata"].get("ownerReferences"):
            self._review(resource, obj)

    def _keys(self, entry: Entry) -> Iterable[Hashable]:
        body = entry.stored.body
        metadata = body["metadata"]
        if entry.type == "DELETED":
            yield (metadata["uid"],)
            for reference in metadata.get("ownerReferences") or ():  # a foreground deletion may wait for this
                owner = self._owner_resource(reference)
                if owner is not None:
                    yield owner, metadata.get("namespace", ""), reference["name"]
        elif (entry.type == "ADDED" and metadata.get("ownerReferences")) or (
            "deletionTimestamp" in metadata and {_FOREGROUND, _ORPHAN} & set(metadata.get("finalizers") or ())
        ):
            yield entry.resource, metadata.get("namespace", ""), metadata["name"]

    def _dependents(self, uid: str) -> Iterator[tuple[Resource, Stored]]:
        return ((resource, item) for resource, item in self._store.owned_by(uid) if resource in _COLLECTED)

    def _review(self, resource: Resource, obj: Object) -> None:
        """Delete an object without a living owner; take references to dead ones off an object that has others."""
        metadata = obj["metadata"]
        references = metadata.get("ownerReferences") or []
        alive = [item for item in references if self._is_alive(item, metadata.get("namespace"))]
        if not references or len(alive) == len(references):
            return
        if alive:
            metadata["ownerReferences"] = alive
            self._store.update(resource, obj)
        elif "deletionTimestamp" not in metadata:
            self._store.delete(
                resource, metadata.get("namespace"), metadata["name"], uid=metadata["uid"], propagation="Background"
            )

    def _is_alive(self, reference: Object, namespace: str | None) -> bool:
        resource = self._owner_resource(reference)
        if resource is None:
            return True  # a kind that is not served here: not ours to judge
        try:
            owner = self._store.stored(resource, namespace, reference["name"])
        except NotFound:
            return False
        return bool(owner.body["metadata"]["uid"] == reference["uid"])

    def _owner_resource(self, reference: Object) -> Resource | None:
        try:
            return resource_of(reference["kind"], reference["apiVersion"])
        except KeyError:
            return None

    def _orphan_dependents(self, owner: Object) -> None:
        uid = owner["metadata"]["uid"]
        for resource, item in list(self._dependents(uid)):
            obj = item.copy()
            obj["metadata"]["ownerReferences"] = [ref for ref in obj["metadata"]["ownerReferences"] if ref["uid"] != uid]
            self._store.update(resource, obj)

    def _delete_dependents(self, owner: Object) -> bool:
        """Delete what hangs on an owner, foreground in its turn; return whether nothing is left that it waits for."""
        uid, waiting = owner["metadata"]["uid"], False
        for resource, item in list(self._dependents(uid)):
            metadata = item.body["metadata"]
            waiting |= any(ref["uid"] == uid and ref.get("blockOwnerDeletion") for ref in metadata["ownerReferences"])
            if "deletionTimestamp" not in metadata:
                self._store.delete(
                    resource,
                    metadata.get("namespace"),
                    metadata["name"],
                    uid=metadata["uid"],
                    propagation="Foreground",
                )
        return not waiting or not any(
            ref["uid"] == uid and ref.get("blockOwnerDeletion")
            for _, item in self._dependents(uid)
            for ref in item.body["metadata"]["ownerReferences"]
        )

    def _drop_finalizer(self, resource: Resource, obj: Object, finalizer: str) -> None:
        current = self._store.get(resource, obj["metadata"].get("namespace"), obj["metadata"]["name"])
        current["metadata"]["finalizers"] = [item for item in current["metadata"]["finalizers"] if item != finalizer]
        self._store.update(resource, current)
