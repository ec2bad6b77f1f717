"""The undo record: what a run owes, as data that any later version or other machine can carry out.

One record a run, written *before* the change it is about and once for each change. It lives in the cluster it is about, as
Secrets in the namespace gameday-system (a Secret because a pre-image may be one), each shard well below the 1 MiB limit; for
experiments that touch no cluster it is a file beside the log. The record says what is owed, the log says what happened;
where they differ, the record wins. An entry goes owed → undoing (holder, expiry) → undone by compare-and-swap. This room
knows the format and its arithmetic; `storing` writes it and `undo` carries it out.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gameday.change import LOAD

FORMAT = 2
"""The newest that this gameday reads; raised when a reader of the former format could undo wrongly, and an older reader then
leaves the record alone. A shard is of 1 unless it owes the making again of an object, which readers of 1 take for settled."""

OWED, UNDOING, UNDONE = "owed", "undoing", "undone"


class Target(msgspec.Struct, frozen=True):
    """The object that an entry is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


class OwedField(msgspec.Struct, frozen=True):
    """A field's first pre-image, and what the run wrote since: the value last seen in place and the one last asked for."""

    before: Any
    wrote: list[Any]


class OwedPod(msgspec.Struct, frozen=True):
    """Which workload must have how many Ready pods again, without the one that was deleted."""

    workload: Target
    ready_before: int


class OwedRollback(msgspec.Struct, frozen=True):
    """An activity by which an experiment of other extensions says itself what undoes it."""

    experiment: str
    """The experiment's file."""
    index: int
    """Its position among the file's rollbacks."""
    directory: str
    """The working directory, which a process provider's paths are relative to."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One object of which the run owes something; one of fields, pod, created, rollback and remake says what."""

    id: str
    round: str
    by: str
    target: Target
    fields: dict[str, OwedField] = {}
    pod: OwedPod | None = None
    created: bool = False
    rollback: OwedRollback | None = None
    remake: dict[str, Any] | None = None
    """The object as it is to be made again: a step's shell block has deleted it. Where fields are owed too, they are in it."""
    undoers: str = "any"
    prepares: bool = False
    """It was there before the baseline, and stays until the round is judged; an abort undoes it with everything else."""
    state: str = OWED
    holder: str = ""
    holder_expires: float = 0.0
    """By the server's clock, seconds since the epoch."""
    outcome: str = ""
    detail: str = ""

    @property
    def is_load(self) -> bool:
        """Whether it is about the run's customers, which only the run's own guardian can send less of."""
        return (self.target.api_version, self.target.kind) == (LOAD.api_version, LOAD.kind)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is owed any more; what was left behind stays owed."""
        return self.state == UNDONE and self.outcome in {"undone", "already"}


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of a record, complete in itself: whose it is, until when its guardian answers for it, and entries."""

    format: int = 1
    run_id: str
    cluster_uid: str
    host: str
    guardian_pid: int
    guardian_start_ticks: int
    run_directory: str
    deadline: float
    """By the server's clock: past it, anybody may undo."""
    entries: dict[str, Entry] = {}

    @property
    def owes(self) -> tuple[Entry, ...]:
        """The entries that are not settled."""
        return tuple(entry for entry in self.entries.values() if not entry.is_settled)


class _Format(msgspec.Struct, frozen=True):
    """Just the format of a shard."""

    format: int


def owe_field(entry: Entry, path: str, *, before: Any, value: Any) -> Entry:
    """Return the entry with one more write to a field: the first pre-image stays, the writes are kept.

    `before` is what stands there now. If the run wrote that itself, it is kept beside the new value, because until the
    new write is acknowledged either of the two may be found.
    """
    known = entry.fields.get(path)
    if known is None:
        owed = OwedField(before, [value])
    else:
        owed = OwedField(known.before, [*([before] if before in known.wrote else []), value])
    return msgspec.structs.replace(entry, fields={**entry.fields, path: owed}, state=OWED, outcome="", detail="")


def refuse_field(entry: Entry, path: str, *, value: Any, found: Any) -> Entry:
    """Return the entry without its last write to a field, which the server certainly refused; `found` is what stands there now.

    What somebody else wrote between the look and that write is then the pre-image of the next one. Where `found` is of the
    run's own writing, everything stays as it is.
    """
    known = entry.fields.get(path)
    if known is None or known.wrote[-1] != value or found in known.wrote:
        return entry
    fields = {name: owed for name, owed in entry.fields.items() if name != path}
    if known.wrote[:-1]:
        fields[path] = OwedField(known.before, known.wrote[:-1])
    return msgspec.structs.replace(entry, fields=fields)


def with_entries(shard: Shard, *entries: Entry) -> Shard:
    """Return the shard with these entries put in place of those of the same id."""
    kept = {**shard.entries, **{entry.id: entry for entry in entries}}
    needed = 2 if any(entry.remake is not None for entry in kept.values()) else 1
    return msgspec.structs.replace(shard, format=max(shard.format, needed), entries=kept)


def encode(shard: Shard) -> bytes:
    """Return the shard as JSON."""
    return msgspec.json.encode(shard)


def decode(data: bytes) -> Shard:
    """Read a shard; msgspec.ValidationError if it is none, or of a format whose fields have another meaning."""
    return msgspec.json.decode(data, type=Shard)


def format_of(data: bytes) -> int:
    """Return a shard's format without reading the rest, so that a newer one can be told from a broken one."""
    return msgspec.json.decode(data, type=_Format).format
