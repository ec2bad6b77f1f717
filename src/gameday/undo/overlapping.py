"""Owing a field where one around it, or within it, is owed already: `/spec/selector`, and `/spec/selector/app` besides.

Whoever writes a field names it in their own way: an action owns a selector as a whole, kubectl changes one label of it. Two
pre-images of one place would contradict each other, and the later one would hold what the run itself had put there. So within a
field that is owed nothing is owed a second time: the field is then known to have been written as a whole, unless somebody else
had written to it before. Around one, the pre-image is what there was before the run's write to the inner one.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import msgspec

from gameday.change import MISSING, get_field
from gameday.cluster import Json
from gameday.undo.record import Entry, OwedField, owe_field
from gameday.undo.remaking import set_field


def owe_change(entry: Entry, path: str, *, before: Any, value: Any, was: Json, then: Json) -> Entry:
    """Return the entry with one more write to a field, made or to be made.

    `was` is the object before all that is written with it, `then` as that leaves it.
    """
    outer = [known for known in entry.fields if _is_within(path, known)]
    inner = [known for known in entry.fields if _is_within(known, path)]
    is_known = path in entry.fields
    first = before if is_known else _without_ours(entry, path, inner, before)
    # One around it to which somebody else has written since is no write of the run's for that, and is left alone.
    ours = [known for known in outer if _is_ours(entry.fields[known], get_field(was, known))]
    for known in (*ours, *inner):
        entry = _also_wrote(entry, known, entry.fields[known].wrote, get_field(then, known))
    return entry if outer and not is_known else owe_field(entry, path, before=first, value=value)


def owe_write(entry: Entry, path: str, *, before: Any, value: Any, was: Json, then: Json) -> Entry:
    """Do the same for a write that was only seen afterwards: whatever the run has written to that field stays known."""
    known = entry.fields.get(path)
    entry = owe_change(entry, path, before=before, value=value, was=was, then=then)
    return entry if known is None else _also_wrote(entry, path, known.wrote, value)


def _is_within(path: str, outer: str) -> bool:
    return path.startswith((f"{outer}/", f"{outer}["))


def _is_ours(owed: OwedField, found: Any) -> bool:
    return found == owed.before or found in owed.wrote


def _also_wrote(entry: Entry, path: str, wrote: Sequence[Any], value: Any) -> Entry:
    owed = OwedField(entry.fields[path].before, [*(one for one in wrote if one != value), value])
    return msgspec.structs.replace(entry, fields={**entry.fields, path: owed})


def _without_ours(entry: Entry, path: str, inner: Sequence[str], value: Any) -> Any:
    """Return a field's value with those within it set back that stand as the run wrote them; it may be MISSING as a whole."""
    held = {} if value == MISSING else {"value": copy.deepcopy(value)}
    for known in inner:
        at, owed = f"/value{known.removeprefix(path)}", entry.fields[known]
        found = get_field(held, at)
        if found in owed.wrote and found != owed.before:
            set_field(held, at, owed.before)
    return held.get("value", MISSING)
