"""The life of namespaces: those that every cluster has, what each has from its start, emptying a deleted one.

A deleted namespace stays, Terminating, until all that is in it is gone; pods take their grace, and whatever has a
finalizer waits for its owner. Nothing new comes into it, or into one that is not there, whoever creates it.
"""

from __future__ import annotations

import asyncio

from gameday.staging.accounts import DEFAULT_ACCOUNT, ROOT_CA
from gameday.staging.errors import AlreadyExists, Conflict, Expired, NotFound, forbidden
from gameday.staging.history import Entry
from gameday.staging.resources import CONFIG_MAPS, NAMESPACES, RESOURCES, SERVICE_ACCOUNTS, Resource
from gameday.staging.store import Object, Store

ALWAYS_THERE = ("default", "kube-node-lease", "kube-public", "kube-system")


class NamespaceKeeper:
    """Watches the store and does for namespaces what Kubernetes' namespace controller does."""

    def __init__(self, store: Store, authority_pem: str) -> None:
        self._store = store
        self._root_ca = {"ca.crt": authority_pem}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Create what is always there, and go on in the background until `stop`."""
        for name in ALWAYS_THERE:
            try:
                self._store.create(NAMESPACES, _namespace(name))
            except AlreadyExists:
                continue
        for item in self._store.listed(NAMESPACES):
            self._settle(item.body["metadata"]["name"])
        self._task = asyncio.create_task(self._keep(), name="namespaces")

    async def stop(self) -> None:
        """Stop watching. Twice is once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _keep(self) -> None:
        while True:
            watch = self._store.watch(None)
            for item in self._store.listed(NAMESPACES):
                self._settle(item.body["metadata"]["name"])
            try:
                while True:
                    self._take(await watch.next_entry())
            except Expired:
                continue
            finally:
                watch.close()

    def _take(self, entry: Entry) -> None:
        metadata = entry.stored.body["metadata"]
        if entry.resource is NAMESPACES:
            self._settle(metadata["name"])
        elif "namespace" in metadata and (entry.type == "DELETED" or metadata["name"] == ROOT_CA):
            self._settle(metadata["namespace"])

    def _settle(self, name: str) -> None:
        """Bring one namespace as far as it can be brought now."""
        try:
            namespace = self._store.stored(NAMESPACES, None, name).body
        except NotFound:
            return
        if "deletionTimestamp" in namespace["metadata"]:
            self._empty(name)
        else:
            self._furnish(name)

    def _furnish(self, name: str) -> None:
        """Give a namespace its default service account and the certificate by which the API is recognised."""
        account, root_ca = {"name": DEFAULT_ACCOUNT, "namespace": name}, {"name": ROOT_CA, "namespace": name}
        try:
            self._store.stored(SERVICE_ACCOUNTS, name, DEFAULT_ACCOUNT)
        except NotFound:
            self._store.create(SERVICE_ACCOUNTS, {"metadata": account})
        try:
            found = self._store.stored(CONFIG_MAPS, name, ROOT_CA)
        except NotFound:
            self._store.create(CONFIG_MAPS, {"metadata": root_ca, "data": self._root_ca})
        else:
            if found.body.get("data") != self._root_ca:
                self._store.update(CONFIG_MAPS, {"metadata": root_ca, "data": self._root_ca})

    def _empty(self, name: str) -> None:
        namespace = self._store.get(NAMESPACES, None, name)
        if (namespace.get("status") or {}).get("phase") != "Terminating":
            namespace.setdefault("status", {})["phase"] = "Terminating"
            namespace = self._store.update(NAMESPACES, namespace, subresource="status")
        left = sum(self._empty_of(resource, name) for resource in RESOURCES if resource.namespaced)
        if left == 0 and "kubernetes" in namespace["spec"].get("finalizers", ()):
            kept = [item for item in namespace["spec"]["finalizers"] if item != "kubernetes"]
            namespace["spec"]["finalizers"] = kept
            self._store.update(NAMESPACES, namespace)

    def _empty_of(self, resource: Resource, name: str) -> int:
        for item in self._store.listed(resource, name):
            metadata = item.body["metadata"]
            if "deletionTimestamp" in metadata:
                continue
            try:
                self._store.delete(resource, name, metadata["name"], propagation="Background")
            except (NotFound, Conflict):
                continue
        return len(self._store.listed(resource, name))


def check_namespace(store: Store, resource: Resource, obj: Object) -> Object:
    """Let a new object pass; NotFound or Forbidden if its namespace is missing or being deleted."""
    if resource.namespaced:
        metadata = obj["metadata"]
        namespace = metadata.get("namespace") or "default"
        found = store.stored(NAMESPACES, None, namespace)
        if "deletionTimestamp" in found.body["metadata"]:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            refusal = forbidden(resource, metadata.get("name", ""), why)
            message = f"namespace {namespace} is being terminated"
            cause = {"reason": "NamespaceTerminating", "message": message, "field": "metadata.namespace"}
            refusal.details = {**(refusal.details or {}), "causes": [cause]}
            raise refusal
    return obj


def _namespace(name: str) -> Object:
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }
