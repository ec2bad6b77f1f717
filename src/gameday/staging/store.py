"""The store: every object of the embedded cluster, its revisions, and the rules that hold for every kind.

It plays etcd and the part of the API server that is the same for all kinds: names, uids, optimistic concurrency,
finalizers, graceful deletion. What a field of one kind means is not its business: defaults and allocations come in as
hooks, validation happens at the API. It lives in one event loop and every call but a watch's wait is synchronous, so
a read, a decision and a write without an `await` between them are one transaction.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from gameday.staging.defaults import fill
from gameday.staging.errors import already_exists, conflict, not_found
from gameday.staging.history import Entry, Event, EventType, History, Stored, Watch, copy_object
from gameday.staging.resources import Resource
from gameday.staging.selectors import FieldSelector, LabelSelector, parse_fields, parse_labels
from gameday.staging.writes import (
    Propagation,
    add_propagation_finalizer,
    check_deletion,
    finished,
    granted_grace_seconds,
    merged,
    same,
)

__all__ = ["Event", "Object", "Store", "Stored", "Watch", "timestamp"]

Object = dict[str, Any]
Objects = list[Object]
StoredList = list[Stored]
Placed = list[tuple[Resource, Stored]]
CreateHook = Callable[[Resource, Object], Object]
UpdateHook = Callable[[Resource, Object, Object], Object]

_NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_NAME_ATTEMPTS = 8


def timestamp(moment: datetime) -> str:
    """Return a moment as Kubernetes writes it, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    """All objects by kind, namespace and name; see the module for what it promises.

    `on_create` hooks get the new object, and `on_update` hooks the old and the new one, before anything is stored; each
    returns the object to go on with. They run for every writer, the API's clients and the controllers alike, though not
    for writes to the status. The first hook fills in the defaults.
    """

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), history_limit: int = 20_000) -> None:
        self.on_create: list[CreateHook] = [fill]
        self.on_update: list[UpdateHook] = [lambda resource, _, new: fill(resource, new)]
        self._now = now
        self._objects: dict[Resource, dict[str, dict[str, Stored]]] = {}
        self._owned: dict[str, dict[tuple[Resource, str, str], None]] = {}
        self._history = History(first_revision=1, limit=history_limit)
        self._last_writes: dict[Resource, int] = {}

    @property
    def revision(self) -> int:
        """Return the revision of the last write."""
        return self._history.revision

    def revision_of(self, resources: Iterable[Resource]) -> int:
        """Return the revision of the last write to one of these kinds; 0 if there was none."""
        return max((self._last_writes.get(resource, 0) for resource in resources), default=0)

    def restore(self, objects: Iterable[tuple[Resource, Object]], revision: int) -> None:
        """Put objects into an empty store as they were, and go on counting from the revision that they were kept at."""
        for resource, obj in objects:
            place = _place(resource, obj["metadata"].get("namespace"))
            self._objects.setdefault(resource, {}).setdefault(place, {})[obj["metadata"]["name"]] = Stored(obj)
            self._note_owners((resource, place, obj["metadata"]["name"]), set(), _owners(obj))
            self._last_writes[resource] = revision
        self._history = History(first_revision=revision, limit=self._history.limit)

    def create(self, resource: Resource, obj: Object, *, dry_run: bool = False) -> Object:
        """Store a new object and return it; AlreadyExists if the name is taken.

        The server's metadata is set here, whatever the caller wrote into it; `metadata.generateName` becomes a name.
        """
        new = copy_object(obj)
        new.setdefault("apiVersion", resource.api_version)
        new.setdefault("kind", resource.kind)
        metadata: Object = new.setdefault("metadata", {})
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = self._generated_name(resource, metadata)
        metadata["uid"] = str(uuid.uuid4())
        for hook in self.on_create:
            new = hook(resource, new)
        metadata = new["metadata"]
        namespace, name = _place(resource, metadata.get("namespace")), metadata["name"]
        if name in self._space(resource, namespace):
            raise already_exists(resource, name)
        if resource.namespaced:
            metadata["namespace"] = namespace
        for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
            metadata.pop(key, None)
        metadata["creationTimestamp"] = timestamp(self._now())
        if resource.has_spec:
            metadata["generation"] = 1
        return new if dry_run else self._write("ADDED", resource, namespace, new, None)

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        """Return a copy of one object; NotFound if it is not there."""
        return self.stored(resource, namespace, name).copy()

    def stored(self, resource: Resource, namespace: str | None, name: str) -> Stored:
        """Return one object as it is stored, shared: to be read, never changed. NotFound if it is not there."""
        found = self._space(resource, _place(resource, namespace)).get(name)
        if found is None:
            raise not_found(resource, name)
        return found

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        labels: LabelSelector | str | None = None,
        fields: str | None = None,
    ) -> tuple[Objects, int]:
        """Return copies of the selected objects, by namespace and name, and the store's revision."""
        return [item.copy() for item in self.listed(resource, namespace, labels, fields)], self.revision

    def listed(
        self,
        resource: Resource,
        namespace: str | None = None,
        labels: LabelSelector | str | None = None,
        fields: FieldSelector | str | None = None,
    ) -> StoredList:
        """Return the selected objects as they are stored, shared: to be read, never changed."""
        wanted = parse_labels(labels) if isinstance(labels, str) else labels
        where = parse_fields(fields) if isinstance(fields, str) else fields
        return [
            item
            for item in self._in_order(resource, namespace)
            if (wanted is None or wanted.matches(item.body["metadata"].get("labels")))
            and (where is None or where.matches(item.body))
        ]

    def owned_by(self, uid: str) -> Placed:
        """Return the objects that name this uid as an owner, as they are stored, whatever else is in the store."""
        return [(resource, self._space(resource, place)[name]) for resource, place, name in self._owned.get(uid, ())]

    def update(self, resource: Resource, obj: Object, *, subresource: str | None = None, dry_run: bool = False) -> Object:
        """Replace an object and return what is stored now; Conflict if `obj` is older than that.

        `subresource="status"` writes nothing but the status; any other write leaves the status alone, for kinds that have
        one. A write that changes nothing makes no new revision. One that takes the last finalizer off an object that
        is being deleted removes it.
        """
        given = obj["metadata"]
        namespace = _place(resource, given.get("namespace"))
        old = self.stored(resource, namespace, given["name"])
        _check_preconditions(resource, old.body, given.get("uid"), given.get("resourceVersion"))
        new = merged(resource, old, obj, subresource)
        for hook in () if subresource == "status" else self.on_update:
            new = hook(resource, old.copy(), new)
        if same(old.body, new):
            return old.copy()
        if resource.has_spec and new.get("spec") != old.body.get("spec"):
            new["metadata"]["generation"] = old.body["metadata"].get("generation", 0) + 1
        if dry_run:
            return new
        if finished(resource, new):
            return self._write("DELETED", resource, namespace, new, old)
        return self._write("MODIFIED", resource, namespace, new, old)

    def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: float | None = None,
        propagation: Propagation | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Delete an object, or begin to; return it as it is now, or was last.

        It stays, with a `deletionTimestamp`, while it has finalizers (Foreground and Orphan add theirs, for the garbage
        collector to take off), while a pod has its grace (the node deletes it again with grace 0), and while a namespace
        is being emptied. A second delete can only shorten the grace.
        """
        place = _place(resource, namespace)
        old = self.stored(resource, place, name)
        check_deletion(resource, old.body, uid, resource_version)
        new = old.copy()
        metadata = new["metadata"]
        grace = granted_grace_seconds(resource, new, grace_seconds)
        add_propagation_finalizer(metadata, propagation)
        standing = metadata.get("deletionGracePeriodSeconds")
        if "deletionTimestamp" not in metadata or (standing is not None and grace < standing):
            self._mark_deleted(metadata, grace)
        if dry_run:
            return new
        if finished(resource, new):
            return self._write("DELETED", resource, place, new, old)
        return new if same(old.body, new) else self._write("MODIFIED", resource, place, new, old)

    def watch(self, resource: Resource | None, *, since: int | None = None) -> Watch:
        """Follow the writes of one kind, or of all, after revision `since`; None is from now on.

        There are no events for what exists already: list first, and watch from the revision that the list gave.
        Expired if the history no longer goes back that far.
        """
        return self._history.watch(resource, self.revision if since is None else since)

    def _write(self, event: EventType, resource: Resource, namespace: str, obj: Object, previous: Stored | None) -> Object:
        revision = self.revision + 1
        obj["metadata"]["resourceVersion"] = str(revision)
        stored = Stored(obj)
        space, name = self._objects.setdefault(resource, {}).setdefault(namespace, {}), obj["metadata"]["name"]
        before = _owners(previous.body) if previous is not None else set()
        if event == "DELETED":
            del space[name]
            self._note_owners((resource, namespace, name), before, set())
        else:
            space[name] = stored
            self._note_owners((resource, namespace, name), before, _owners(obj))
        self._last_writes[resource] = revision
        self._history.append(Entry(event, resource, stored, previous, revision))
        return stored.copy()

    def _note_owners(self, place: tuple[Resource, str, str], before: set[str], now: set[str]) -> None:
        for uid in before - now:
            self._owned[uid].pop(place)
            if not self._owned[uid]:
                del self._owned[uid]
        for uid in now - before:
            self._owned.setdefault(uid, {})[place] = None

    def _mark_deleted(self, metadata: Object, grace: float) -> None:
        if "generation" in metadata and "deletionTimestamp" not in metadata:
            metadata["generation"] += 1
        metadata["deletionTimestamp"] = timestamp(self._now() + timedelta(seconds=grace))
        metadata["deletionGracePeriodSeconds"] = int(grace)

    def _generated_name(self, resource: Resource, metadata: Object) -> str:
        """Return a name that is not taken, unless luck is against it eight times, as in Kubernetes."""
        taken = self._space(resource, _place(resource, metadata.get("namespace")))
        name = ""
        for _ in range(_NAME_ATTEMPTS):
            name = metadata["generateName"] + _random_suffix()
            if name not in taken:
                break
        return name

    def _space(self, resource: Resource, namespace: str) -> dict[str, Stored]:
        return self._objects.get(resource, {}).get(namespace, {})

    def _in_order(self, resource: Resource, namespace: str | None) -> Iterator[Stored]:
        spaces = self._objects.get(resource, {})
        names = sorted(spaces) if namespace is None or not resource.namespaced else [namespace]
        for each in names:
            space = spaces.get(each, {})
            for name in sorted(space):
                yield space[name]


def _place(resource: Resource, namespace: str | None) -> str:
    if not resource.namespaced:
        return ""
    return namespace or "default"


def _owners(body: Object) -> set[str]:
    return {reference["uid"] for reference in body["metadata"].get("ownerReferences") or ()}


def _random_suffix() -> str:
    return "".join(secrets.choice(_NAME_ALPHABET) for _ in range(5))


def _check_preconditions(resource: Resource, body: Object, uid: Any, resource_version: Any) -> None:
    metadata = body["metadata"]
    name = metadata["name"]
    if uid and uid != metadata["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {metadata['uid']}"
        raise conflict(resource, name, why)
    if resource_version and str(resource_version) != metadata["resourceVersion"]:
        raise conflict(resource, name)
