"""Making an object again that a step's shell block has deleted: what it is to be, and doing it.

The manifest is the copy of the last look before the block, with the fields that the run itself had written set back, and
without what the server gives (uid, version, status). Data that was not in the object, as a volume's, cannot be brought back.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Final

from gameday.change import MISSING, get_field
from gameday.change.fields import parse_path
from gameday.cluster import Json
from gameday.undo.record import Entry

_THE_SERVERS: Final = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_COMPARED: Final = ("spec", "data", "binaryData", "type", "rules", "subjects", "roleRef")
WITH_DATA: Final = frozenset({"PersistentVolumeClaim", "PersistentVolume"})
"""Kinds whose object is the least of what is lost with it."""


def as_it_was(obj: Json, entries: Iterable[Entry]) -> Json:
    """Return a deleted object as it is to be made: without the server's fields, and with what these entries owe set back.

    A field that has another value than the run wrote is somebody else's, and stays.
    """
    made = copy.deepcopy({name: value for name, value in obj.items() if name != "status"})
    made["metadata"] = {name: value for name, value in made["metadata"].items() if name not in _THE_SERVERS}
    if made.get("kind") == "Pod":
        made["spec"].pop("nodeName", None)
    for entry in reversed(list(entries)):
        # Which fields are the run's is decided before any is set back: one may lie within another.
        ours = [(path, owed.before) for path, owed in entry.fields.items() if get_field(made, path) in owed.wrote]
        for path, before in ours:
            set_field(made, path, before)
    return made


def is_as_made(obj: Json, made: Json) -> bool:
    """Say whether an object of that name that is there has what the deleted one had; the server may have added to it."""
    return all(_covers(obj.get(name), made[name]) for name in _COMPARED if name in made)


def set_field(obj: Json, path: str, value: Any) -> None:
    """Set (or for MISSING remove) the field at the path, in place; parents that are missing are made."""
    *parents, last = parse_path(path)
    current: Any = obj
    for segment in parents:
        current = current.setdefault(segment.name, [] if segment.key else {})
        if segment.key:
            current = _entry(current, segment.key, segment.value)
    if not last.key:
        _put(current, last.name, value)
        return
    entries = current.setdefault(last.name, [])
    kept = [item for item in entries if str(item.get(last.key)) != last.value]
    # In its old place, since the order of some lists means something.
    at = next((index for index, item in enumerate(entries) if str(item.get(last.key)) == last.value), len(kept))
    entries[:] = kept if value == MISSING else [*kept[:at], value, *kept[at:]]


def _put(mapping: Json, name: str, value: Any) -> None:
    if value == MISSING:
        mapping.pop(name, None)
    else:
        mapping[name] = copy.deepcopy(value)


def _entry(entries: list[Json], key: str, value: str) -> Json:
    found = next((item for item in entries if str(item.get(key)) == value), None)
    if found is None:
        found = {key: value}
        entries.append(found)
    return found


def _covers(found: Any, wanted: Any) -> bool:
    """Say whether all that is wanted is there, whatever the server has filled in besides."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(key in found and _covers(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        pairs = zip(found, wanted, strict=False) if isinstance(found, list) else ()
        return isinstance(found, list) and len(found) == len(wanted) and all(_covers(one, other) for one, other in pairs)
    return bool(found == wanted)
