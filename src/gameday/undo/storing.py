"""Where an undo record is kept: Secrets in the cluster it is about, or a file beside the log.

Both write a shard whole, and only if it is still the one that was read (compare-and-swap): a ConflictError says that
another undoer was there in between, and the caller reads again.
"""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import msgspec

from gameday.cluster import SYSTEM_NAMESPACE, Cluster, Json, ObjectRef, Selection
from gameday.errors import ConflictError, NotFoundError, NotNowError, RecordError, RefusedError, ServerError, UnreachableError
from gameday.undo.record import FORMAT, Shard, decode, encode, format_of

RECORD_LABEL: Final = "gameday.dev/undo-record"
RUN_LABEL: Final = "gameday.dev/run"
SHARD_BYTES: Final = 700_000
"""A new shard begins above this: base64 makes it 933 kB of the 1 MiB that a Secret may hold."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A shard as it was read or written: under which name, and in which version."""

    name: str
    version: str
    shard: Shard


@dataclass(frozen=True, slots=True)
class Unread:
    """A shard that is left alone: under which name, of which run, and why."""

    name: str
    run_id: str
    reason: str


class Store(Protocol):
    """Keeps the shards of one or more runs."""

    def read(self, run_id: str = "") -> Sequence[Stored]:
        """Return the shards of that run, or of all runs."""

    def write(self, name: str, shard: Shard, *, version: str) -> Stored:
        """Write a shard; an empty version creates it. ConflictError if it has changed, RecordError if it cannot be written."""

    def remove(self, stored: Stored) -> None:
        """Remove a shard of which nothing is owed any more."""


class SecretStore:
    """Keeps shards as Secrets in gameday-system: one request a read of all, one a write."""

    def __init__(self, cluster: Cluster) -> None:
        """Take the cluster that the record is about."""
        self._cluster = cluster

    def read(self, run_id: str = "") -> Sequence[Stored]:
        """Return the shards, also of other runs; RecordError for one whose format is newer than ours."""
        return [_stored(secret) for secret in self._secrets(run_id)]

    def survey(self) -> tuple[Sequence[Stored], Sequence[Unread]]:
        """Return the shards of all runs that can be read, and those that cannot, so that one does not hide the others."""
        stored, unread = [], []
        for secret in self._secrets(""):
            try:
                stored.append(_stored(secret))
            except RecordError as error:
                metadata = secret["metadata"]
                unread.append(Unread(metadata["name"], (metadata.get("labels") or {}).get(RUN_LABEL, ""), str(error)))
        return stored, unread

    def write(self, name: str, shard: Shard, *, version: str) -> Stored:
        """Create or replace the Secret."""
        secret = _secret(name, shard, version)
        try:
            written = self._cluster.replace(secret) if version else self._cluster.create(secret)
        except (ConflictError, UnreachableError, ServerError, NotNowError):
            # To be tried again, by whoever undoes; whoever owes makes a refusal of it.
            raise
        except NotFoundError as error:
            if version:
                raise ConflictError(f"the undo record {name} is gone; whoever undid what it owed has removed it") from error
            raise RecordError(
                f"what is owed cannot be written down, so nothing is injected: {error}. The cluster needs the namespace "
                f"{SYSTEM_NAMESPACE}: kubectl create namespace {SYSTEM_NAMESPACE}"
            ) from error
        except RefusedError as error:
            raise RecordError(f"what is owed cannot be written down, so nothing is injected: {error}") from error
        return Stored(name, written["metadata"]["resourceVersion"], shard)

    def remove(self, stored: Stored) -> None:
        """Delete the Secret, if it is still the one that was read."""
        ref = ObjectRef("v1", "Secret", SYSTEM_NAMESPACE, stored.name)
        with contextlib.suppress(NotFoundError):
            self._cluster.delete(ref, resource_version=stored.version)

    def _secrets(self, run_id: str) -> Sequence[Json]:
        labels = f"{RECORD_LABEL}=v1" + (f",{RUN_LABEL}={run_id}" if run_id else "")
        return self._cluster.list(Selection("v1", "Secret", SYSTEM_NAMESPACE, labels))


class FileStore:
    """Keeps the record of a run that touches no cluster in a file beside its log, replaced whole and synced."""

    def __init__(self, directory: Path) -> None:
        """Take the run's folder."""
        self._path = directory / "owed.json"

    def read(self, run_id: str = "") -> Sequence[Stored]:
        """Return the one shard, if there is any."""
        if not self._path.exists():
            return []
        data = self._path.read_bytes()
        shard = _decode(data, str(self._path))
        return [Stored(self._path.name, str(len(data)), shard)] if run_id in {"", shard.run_id} else []

    def write(self, name: str, shard: Shard, *, version: str) -> Stored:
        """Write a new file, sync it, and put it in the old one's place; the log's lock keeps others out."""
        del name, version
        data = encode(shard)
        draft = self._path.with_suffix(".new")
        try:
            with draft.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(self._path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise RecordError(f"what is owed cannot be written to {self._path}, so nothing is injected: {error}") from error
        return Stored(self._path.name, str(len(data)), shard)

    def remove(self, stored: Stored) -> None:
        """Remove the file."""
        del stored
        self._path.unlink(missing_ok=True)


def shard_name(run_id: str, number: int) -> str:
    """Return the name of a run's n-th shard; run ids are DNS labels, so this is one too."""
    return f"gameday-undo-{run_id}-{number}"


def _secret(name: str, shard: Shard, version: str) -> Json:
    metadata: dict[str, object] = {
        "name": name,
        "namespace": SYSTEM_NAMESPACE,
        "labels": {RECORD_LABEL: "v1", RUN_LABEL: shard.run_id, "app.kubernetes.io/managed-by": "gameday"},
    }
    if version:
        metadata["resourceVersion"] = version
    data = {"record": base64.b64encode(encode(shard)).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "type": "gameday.dev/undo-record", "metadata": metadata, "data": data}


def _stored(secret: Mapping[str, Json]) -> Stored:
    metadata = secret["metadata"]
    where = f"secret {SYSTEM_NAMESPACE}/{metadata['name']}"
    try:
        data = base64.b64decode((secret.get("data") or {}).get("record", ""))
    except ValueError as error:
        raise RecordError(f"{where} holds no undo record that can be read: {error}") from error
    return Stored(metadata["name"], metadata["resourceVersion"], _decode(data, where))


def _decode(data: bytes, where: str) -> Shard:
    try:
        found = format_of(data)
        shard = decode(data) if found <= FORMAT else None
    except msgspec.MsgspecError as error:
        raise RecordError(f"{where} holds no undo record that can be read: {error}") from error
    if shard is None:
        raise RecordError(
            f"{where} is of format {found}, newer than the {FORMAT} that this gameday knows; it is left alone. "
            "Undo it with the version that wrote it, or a newer one."
        )
    return shard
