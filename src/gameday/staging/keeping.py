"""Keeping a cluster's objects in a file, so that they are there again after the server's end, and taking them from it.

What only a running server can know is not kept: events, the nodes' leases, the addresses behind Services. A pod that ran is
kept as one that its node has yet to start; whatever a claim or a hostPath held lies in folders beside the file.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from gameday.errors import RefusedError
from gameday.staging.addresses import AddressBlock
from gameday.staging.history import Stored
from gameday.staging.resources import ENDPOINT_SLICES, ENDPOINTS, EVENTS, LEASES, PODS, RESOURCES, SERVICES, Resource, resource_of
from gameday.staging.store import Store

Object = dict[str, Any]
FORMAT: Final = 1
_NODE_LEASES: Final = "kube-node-lease"
_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file holds: every object, the revision of the last write, and where the cluster's addresses began."""

    revision: int = 1
    network: str = ""
    objects: list[tuple[Resource, Object]] = field(default_factory=list)


def read_kept(path: Path) -> Kept:
    """Return what a file holds, nothing if there is none; RefusedError if it is of a later version, or broken."""
    if not path.exists():
        return Kept()
    try:
        head, *lines = (orjson.loads(line) for line in path.read_bytes().splitlines())
        if head["format"] != FORMAT:
            raise RefusedError(f"expected a cluster kept in format {FORMAT}, found format {head['format']} in {path}")
        objects = [(resource_of(body["kind"], body["apiVersion"]), body) for body in lines]
        return Kept(head["revision"], head["network"], objects)
    except (KeyError, TypeError, ValueError) as error:
        raise RefusedError(f"expected the objects of a cluster in {path}, found {error!r}; to begin anew, remove it") from error


def restore(store: Store, kept: Kept, addresses: AddressBlock) -> None:
    """Put kept objects into an empty store, Services at the addresses that the cluster has now."""
    before, after = (str(network).removesuffix("0.0/16") for network in (kept.network, addresses.network))
    bodies = []
    for resource, obj in kept.objects:
        body = _restarted(obj) if resource is PODS else obj
        if resource is SERVICES and before != after:
            body = orjson.loads(orjson.dumps(body).replace(f'"{before}'.encode(), f'"{after}'.encode()))
        if body is not None:
            bodies.append((resource, body))
    store.restore(bodies, kept.revision)


def _restarted(pod: Object) -> Object | None:
    """Return a pod as it is when its node was switched off; None for one that was being deleted, and now is."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
        return None
    if not pod["spec"].get("nodeName") or status.get("phase") in {"Succeeded", "Failed"}:
        return pod
    containers = [{**item, "ready": False, "started": False} for item in status.get("containerStatuses") or ()]
    scheduled = [item for item in status.get("conditions") or () if item["type"] == "PodScheduled"]
    kept = {"phase": "Pending", "conditions": scheduled, "containerStatuses": containers, "qosClass": status.get("qosClass")}
    return {**pod, "status": kept}


class Keeper:
    """Writes a store's objects to a file, soon after they have changed."""

    def __init__(self, store: Store, path: Path, addresses: AddressBlock) -> None:
        self._store = store
        self._path = path
        self._network = str(addresses.network)
        self._revision = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Write from now on."""
        self._task = asyncio.create_task(self._keep(), name="keeper")

    async def stop(self) -> None:
        """Write what has changed for the last time."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._write(self._lines())

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS)
            if self._revision != self._store.revision:
                writing = asyncio.ensure_future(asyncio.to_thread(self._write, self._lines()))
                try:
                    await asyncio.shield(writing)
                finally:
                    await asyncio.wait([writing])  # also when this is cancelled: the last write must not meet another one

    def _lines(self) -> list[bytes]:
        self._revision = self._store.revision
        head = {"format": FORMAT, "revision": self._revision, "network": self._network}
        return [orjson.dumps(head), *(stored.encoded for stored in self._kept())]

    def _kept(self) -> Iterator[Stored]:
        for resource in RESOURCES:
            for stored in self._store.listed(resource) if resource is not EVENTS else ():
                metadata = stored.body["metadata"]
                made_here = resource in {ENDPOINTS, ENDPOINT_SLICES} and metadata.get("ownerReferences")
                if not made_here and not (resource is LEASES and metadata["namespace"] == _NODE_LEASES):
                    yield stored

    def _write(self, lines: list[bytes]) -> None:
        fresh = self._path.with_name(f".{self._path.name}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(b"\n".join(lines))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
