"""What people wrote to the opted-in namespaces while a round was on: all that differs, but for what the run itself wrote.

People work beside the run, from the fault on, each with a terminal of their own, so there is no moment at which only they
write, as there is around a step's shell block. So the namespaces are looked at once before the round, and later looks are
compared with that one, after what the run owes has been taken out: a field that stands as the run wrote it is the run's, and
one of the run's that stands otherwise was overwritten, which is how people repair a fault. What is left is owed like a write of
the run, with the value from before the round, and set back at its end. Replicas that an autoscaler owns are left to it.

That takes whoever else writes to these namespaces meanwhile for one of the people. A rehearsal is not held where others work.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from gameday.change import MISSING
from gameday.change.fields import Segment, get_field, parse_path
from gameday.cluster import Json, ObjectRef
from gameday.guard.model import REPLICAS_OWNER
from gameday.run.snapshot import Snapshot, Writes, compare
from gameday.undo.owing import ref_of
from gameday.undo.record import Entry

_REPLICAS: Final = "/spec/replicas"


def peoples_writes(before: Snapshot, after: Snapshot, entries: Sequence[Entry]) -> Writes:
    """Return what somebody else than the run wrote between two looks, and what is not owed yet."""
    owed: dict[ObjectRef, list[Entry]] = {}
    for entry in entries:
        owed.setdefault(ref_of(entry.target).anonymous, []).append(entry)
    overwritten: dict[ObjectRef, dict[str, tuple[Any, Any]]] = {}
    without: dict[ObjectRef, Json] = {}
    for ref, obj in after.items():
        mine = owed.get(ref.anonymous, ())
        overwritten[ref] = dict(_overwritten(mine, obj)) if ref in before else {}
        without[ref] = _with_fields(obj, before[ref], mine) if ref in before else obj
    found = compare(before, without)
    left_to_autoscalers = set(_autoscaled(before)) | set(_autoscaled(after))
    fields: dict[ObjectRef, Mapping[str, tuple[Any, Any]]] = {}
    for ref in after:
        written = {**found.fields.get(ref, {}), **overwritten[ref]}
        if ref.anonymous in left_to_autoscalers:
            written.pop(_REPLICAS, None)
        if written:
            fields[ref] = written
    return Writes(fields, [ref for ref in found.created if ref.anonymous not in owed], found.deleted)


def set_back(after: Snapshot, entries: Sequence[Entry]) -> Iterator[str]:
    """Name the fields of the run that stand as it found them again, of the objects that were looked at."""
    by_object = {ref.anonymous: obj for ref, obj in after.items()}
    for entry in entries:
        ref = ref_of(entry.target).anonymous
        if entry.is_settled or entry.prepares or ref not in by_object:
            continue
        for path, field in entry.fields.items():
            if get_field(by_object[ref], path) == field.before and field.before not in field.wrote:
                yield f"{path} of {ref}"


def _overwritten(entries: Iterable[Entry], obj: Json) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield the run's own fields that have a value which the run neither found nor wrote: path → (last written, found)."""
    known: dict[str, list[Any]] = {}
    for entry in entries:
        for path, field in entry.fields.items():
            known.setdefault(path, []).extend([field.before, *field.wrote])
    for path, values in known.items():
        found = get_field(obj, path)
        if found not in values:
            yield path, (values[-1], found)


def _with_fields(obj: Json, before: Json, entries: Sequence[Entry]) -> Json:
    """Return the object with the run's fields as they were before the round, whoever wrote them since."""
    paths = [path for entry in entries for path in entry.fields]
    if not paths:
        return obj
    changed: Json = copy.deepcopy(obj)
    for path in paths:
        _set(changed, parse_path(path), get_field(before, path))
    return changed


def _set(obj: Any, segments: Sequence[Segment], value: Any) -> None:
    """Set a field in place; one that is MISSING is removed, and parents that are not there are made only for a value."""
    head, rest = segments[0], segments[1:]
    if not isinstance(obj, dict):
        return
    if head.key:
        _set_in_list(obj, head, rest, value)
    elif rest:
        if head.name not in obj and value != MISSING:
            obj[head.name] = {}
        _set(obj.get(head.name), rest, value)
    elif value == MISSING:
        obj.pop(head.name, None)
    else:
        obj[head.name] = copy.deepcopy(value)


def _set_in_list(obj: dict[str, Any], head: Segment, rest: Sequence[Segment], value: Any) -> None:
    entries = obj.get(head.name)
    if not isinstance(entries, list):
        if value == MISSING:
            return
        entries = obj[head.name] = []
    place = next((at for at, one in enumerate(entries) if isinstance(one, dict) and str(one.get(head.key)) == head.value), None)
    if not rest:
        if place is not None:
            del entries[place]
        if value != MISSING:
            entries.insert(len(entries) if place is None else place, copy.deepcopy(value))
    elif place is not None:
        _set(entries[place], rest, value)


def _autoscaled(looked: Snapshot) -> Iterator[ObjectRef]:
    """Yield the workloads whose replicas are an autoscaler's: Kubernetes' own, or one that the workload names."""
    by_name = {(ref.kind, ref.namespace, ref.name): ref.anonymous for ref in looked}
    for ref, obj in looked.items():
        if ref.kind == "HorizontalPodAutoscaler":
            target = obj.get("spec", {}).get("scaleTargetRef", {})
            found = by_name.get((target.get("kind", ""), ref.namespace, target.get("name", "")))
            if found is not None:
                yield found
        if REPLICAS_OWNER in (obj["metadata"].get("annotations") or {}):
            yield ref.anonymous
