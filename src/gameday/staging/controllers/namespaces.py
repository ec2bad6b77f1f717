"""A namespace must be there for what is created in it, whoever creates: a client, or a controller a moment too late."""

from __future__ import annotations

from typing import Any

from gameday.staging.errors import forbidden
from gameday.staging.resources import NAMESPACES, Resource
from gameday.staging.store import Store

Object = dict[str, Any]


class NamespaceAdmission:
    """Refuses new objects in a namespace that is missing or being deleted."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def install(self) -> None:
        """Hang the check on the store."""
        self._store.on_create.append(self.created)

    def created(self, resource: Resource, obj: Object) -> Object:
        """Let a new object pass, or raise NotFound or Forbidden."""
        if resource.namespaced:
            metadata = obj["metadata"]
            namespace = metadata.get("namespace") or "default"
            found = self._store.stored(NAMESPACES, None, namespace)
            if "deletionTimestamp" in found.body["metadata"]:
                why = f"unable to create new content in namespace {namespace} because it is being terminated"
                raise forbidden(resource, metadata.get("name", ""), why)
        return obj
