"""Sets of fields in the form of `metadata.managedFields[].fieldsV1`: which manager set what.

A set is a tree of maps: `f:name` is a field, `k:{"name":"a"}` an item of a keyed list, `v:"x"` a value of a set, `.` the
thing itself. Pure functions; deciding who may write what is `applying`'s work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from gameday.staging.listkeys import FieldPath, is_set, merge_keys

FieldSet = dict[str, Any]

_NEVER_MANAGED = frozenset({"apiVersion", "kind"})
_SERVER_METADATA = frozenset(
    {
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
    }
)


def fields_of(obj: dict[str, Any]) -> FieldSet:
    """Return the set of all the fields that an object or an applied configuration sets."""
    return {
        step: fields for step, fields in ((step, _fields(value, path)) for step, value, path in _top(obj)) if fields is not None
    }


def changed_fields(old: dict[str, Any], new: dict[str, Any]) -> FieldSet:
    """Return the set of the fields of `new` that `old` has not, or has with another value."""
    return _changed(dict(_children(old, ())), dict(_children(new, ())), top=True)


def _top(obj: dict[str, Any]) -> Iterator[tuple[str, Any, FieldPath]]:
    for key, value in obj.items():
        if key == "metadata":
            kept = {name: item for name, item in value.items() if name not in _SERVER_METADATA}
            if kept:
                yield "f:metadata", kept, ("metadata",)
        elif key not in _NEVER_MANAGED:
            yield f"f:{key}", value, (key,)


def _fields(value: Any, path: FieldPath) -> FieldSet:
    children = _nested(value, path)
    if children is None:
        return {}
    fields: FieldSet = {}
    for step, item, below in children:
        nested = _fields(item, below)
        fields[step] = {".": {}, **nested} if step.startswith("k:") else nested
    return fields


def _nested(value: Any, path: FieldPath) -> list[tuple[str, Any, FieldPath]] | None:
    """Return the steps below a value; None if it is a leaf: a scalar, an atomic list, or empty."""
    if isinstance(value, dict):
        return [(f"f:{key}", item, (*path, key)) for key, item in value.items()] or None
    if isinstance(value, list) and value:
        if is_set(path):
            return [(f"v:{_compact(item)}", None, path) for item in value]
        keys = merge_keys(path)
        if keys and all(isinstance(item, dict) for item in value):
            return [(item_step(item, keys), item, path) for item in value]
    return None


def item_step(item: dict[str, Any], keys: tuple[str, ...]) -> str:
    """Return the step to an item of a keyed list; a protocol that is left out is TCP, as its default is."""
    identity = {key: item.get(key, "TCP" if key == "protocol" else None) for key in keys}
    return f"k:{_compact({key: value for key, value in identity.items() if value is not None})}"


def _compact(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _children(value: Any, path: FieldPath) -> Iterator[tuple[str, tuple[Any, FieldPath]]]:
    if path == () and isinstance(value, dict):
        for step, item, below in _top(value):
            yield step, (item, below)
        return
    for step, item, below in _nested(value, path) or ():
        yield step, (item, below)


def _changed(old: dict[str, tuple[Any, FieldPath]], new: dict[str, tuple[Any, FieldPath]], *, top: bool = False) -> FieldSet:
    changed: FieldSet = {}
    for step, (value, path) in new.items():
        if step not in old:
            changed[step] = _fields(value, path)
            continue
        before = old[step][0]
        if before == value:
            continue
        below = _changed(dict(_children(before, path)), dict(_children(value, path)))
        if below or _nested(value, path) is None:
            changed[step] = below
    return {step: fields for step, fields in changed.items() if not top or step != "f:metadata" or fields}


def leaves(fields: FieldSet, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Return the path of every leaf of a set."""
    for step, below in fields.items():
        if below:
            yield from leaves(below, (*path, step))
        else:
            yield (*path, step)


def without(fields: FieldSet, paths: set[tuple[str, ...]], path: tuple[str, ...] = ()) -> FieldSet:
    """Return a set less some leaves, and less what has nothing below it any more."""
    kept: FieldSet = {}
    for step, below in fields.items():
        here = (*path, step)
        if not below:
            if here not in paths:
                kept[step] = {}
            continue
        rest = without(below, paths, here)
        if rest:
            kept[step] = rest
    return kept


def value_at(obj: Any, steps: tuple[str, ...], path: FieldPath = ()) -> Any:
    """Return the value that a path of a set leads to; None if it is not there."""
    here = obj
    for step in steps:
        if step == ".":
            return here
        found = next((pair for name, *pair in _nested(here, path) or () if name == step), None)
        if found is None:
            return None
        here, path = found[0], found[1]
        if step.startswith("v:"):
            return step
    return here


def remove_at(obj: Any, steps: tuple[str, ...], path: FieldPath = ()) -> None:
    """Take away the value that a path of a set leads to, in place; nothing happens if it is not there."""
    step, rest = steps[0], steps[1:]
    if isinstance(obj, dict) and step.startswith("f:"):
        key = step[2:]
        if not rest:
            obj.pop(key, None)
        elif key in obj:
            remove_at(obj[key], rest, (*path, key))
            if obj[key] in ({}, []):
                del obj[key]
    elif isinstance(obj, list):
        at = next((n for n, (name, *_) in enumerate(_nested(obj, path) or ()) if name == step), None)
        if at is None:
            return
        if not rest or rest == (".",):
            del obj[at]
        else:
            remove_at(obj[at], rest, path)
