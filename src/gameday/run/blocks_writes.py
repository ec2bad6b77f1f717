"""What a shell block wrote that was cut short, told from what an undo has set back since the look before it.

The fault stood when the block was looked at, and an undo may have taken it away before anybody compares: another round of this
guardian's own, its successor's, or the reaper's, which removes the record too. So the look keeps what was owed at its moment.
What stands now as that debt's undo would have left it is no write of the block's, and what the block did write goes back to what
the undo would have left, never to the fault. Nothing is owed or undone here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gameday.change import get_field
from gameday.cluster import Json, ObjectRef
from gameday.run.snapshot import Snapshot, Writes, compare
from gameday.undo.owing import is_of_creation, ref_of
from gameday.undo.record import Entry
from gameday.undo.remaking import as_it_was, is_as_made


def blocks_writes(before: Snapshot, now: Snapshot, owed: Sequence[Entry], *, until: float) -> Writes:
    """Return what differs between two looks, without what an undo of that which was owed at the first one may have done since.

    `until` is when the block was over at the latest, by the server's clock: what came into being later is somebody else's.
    """
    found = compare(before, now)
    undone = as_undone(before, owed)
    fields = {ref: _fields(written, undone[ref]) for ref, written in found.fields.items()}
    return Writes(
        {ref: written for ref, written in fields.items() if written},
        [ref for ref in found.created if not (_came_after(now[ref], until) or _was_made_again(now[ref], ref, owed))],
        [ref for ref in found.deleted if not any(is_of_creation(entry, ref) for entry in owed)],
        found.pods_taken,
    )


def as_undone(found: Snapshot, owed: Sequence[Entry]) -> Snapshot:
    """Return the objects of a look as an undo of these entries would leave them, still told apart by their uid."""
    by_object: dict[ObjectRef, list[Entry]] = {}
    for entry in owed:
        if entry.fields:
            by_object.setdefault(ref_of(entry.target).anonymous, []).append(entry)
    return {ref: _undone(obj, by_object.get(ref.anonymous, ())) for ref, obj in found.items()}


def _undone(obj: Json, entries: Sequence[Entry]) -> Json:
    if not entries:
        return obj
    made = as_it_was(obj, entries)
    return {**obj, **made, "metadata": {**obj["metadata"], **_set_back(obj["metadata"], made["metadata"])}}


def _set_back(metadata: Json, made: Json) -> Json:
    """Return what people set of an object's metadata, where it has any."""
    return {name: made.get(name, {}) for name in ("labels", "annotations") if name in metadata or name in made}


def _fields(written: Mapping[str, tuple[Any, Any]], undone: Json) -> dict[str, tuple[Any, Any]]:
    """Leave out the fields that are as undone; what was before the others is what that undo would have left there, too."""
    was = {path: get_field(undone, path) for path in written}
    return {path: (was[path], after) for path, (_, after) in written.items() if was[path] != after}


def _came_after(obj: Json, moment: float) -> bool:
    created = obj["metadata"].get("creationTimestamp")
    return bool(created) and datetime.fromisoformat(created).timestamp() > moment


def _was_made_again(obj: Json, ref: ObjectRef, entries: Sequence[Entry]) -> bool:
    """Say whether it came because an earlier block had deleted it, and an undo has made it again."""
    return any(
        entry.remake is not None and ref_of(entry.target).anonymous == ref.anonymous and is_as_made(obj, entry.remake)
        for entry in entries
    )
