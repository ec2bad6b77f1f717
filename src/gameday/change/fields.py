"""Paths to single fields of an object, and the three things done with them: read, write as JSON Patch, and show safely.

A path is a JSON Pointer (RFC 6901) in which an entry of a list is named by a key of its own rather than by its position,
`/spec/template/spec/containers[name=cart]/env[name=PAYMENT_URL]/value`, because controllers insert into the same lists.
A name that itself holds a slash is escaped as in a pointer (`~1`). Nothing here talks to a cluster.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gameday.errors import BadParameterError

MISSING: Final = "\x00missing"
"""What a field that is not there is recorded as; JSON's null is a value."""

_SEGMENT = re.compile(r"^(?P<name>[^\[\]]*)(?:\[(?P<key>[^=\[\]]+)=(?P<value>[^\[\]]*)\])?$")
_SENSITIVE = re.compile(r"passw|secret|token|credential|private.?key|api.?key|authorization", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a path: a member's name, and which entry where that member is a list."""

    name: str
    key: str = ""
    value: str = ""


def parse_path(path: str) -> tuple[Segment, ...]:
    """Split a path into its segments; BadParameterError names what cannot be read."""
    if not path.startswith("/"):
        raise BadParameterError(f"expected a path that begins with '/', but got {path!r}")
    segments = []
    for part in path[1:].split("/"):
        match = _SEGMENT.match(part)
        if match is None or not match["name"]:
            raise BadParameterError(f"expected name or name[key=value] between slashes, but got {part!r} in {path!r}")
        name = match["name"].replace("~1", "/").replace("~0", "~")
        segments.append(Segment(name, match["key"] or "", (match["value"] or "").replace("~1", "/").replace("~0", "~")))
    return tuple(segments)


def get_field(obj: Mapping[str, Any], path: str) -> Any:
    """Return the value at the path, or MISSING."""
    current: Any = obj
    for segment in parse_path(path):
        if not isinstance(current, Mapping) or segment.name not in current:
            return MISSING
        current = current[segment.name]
        if segment.key:
            index = _entry_index(current, segment)
            if index is None:
                return MISSING
            current = current[index]
    return current


def patch_operations(obj: Mapping[str, Any], path: str, value: Any) -> list[dict[str, Any]]:
    """Return the JSON Patch that sets (or, for MISSING, removes) the field, each step guarded by a `test`.

    The tests make the patch fail with a conflict, rather than hit a neighbour, when a list was reordered in between or
    the field has another value than in `obj`. Parents that are missing are created.
    A field that is missing and shall be so needs no operation.
    """
    tests: list[dict[str, Any]] = []
    pointer = ""
    current: Any = obj
    segments = parse_path(path)
    for depth, segment in enumerate(segments):
        last = depth == len(segments) - 1
        pointer += "/" + _escape(segment.name)
        if not isinstance(current, Mapping) or segment.name not in current:
            return tests + _add(pointer, segments[depth:], value)
        current = current[segment.name]
        if segment.key:
            index = _entry_index(current, segment)
            if index is None:
                return tests + _append(pointer, segments[depth:], value)
            pointer += f"/{index}"
            current = current[index]
            if not last:
                tests.append({"op": "test", "path": f"{pointer}/{_escape(segment.key)}", "value": current[segment.key]})
    tests.append({"op": "test", "path": pointer, "value": current})
    if value == MISSING:
        return [*tests, {"op": "remove", "path": pointer}]
    return [*tests, {"op": "replace", "path": pointer, "value": value}]


def anchored(obj: Mapping[str, Any], path: str, value: Any) -> tuple[str, Any]:
    """Return the field that setting this one would add: the whole entry where a list has no entry of that key yet.

    What is owed is then the entry, so that undoing removes it rather than leave one with nothing but its key.
    """
    segments, parts = parse_path(path), path.split("/")
    for depth, segment in enumerate(segments[:-1], start=1):
        entry = "/".join(parts[: depth + 1])
        if value != MISSING and segment.key and get_field(obj, entry) == MISSING:
            return entry, _entry(segment, segments[depth:], value)
    return path, value


def shown(kind: str, path: str, value: Any) -> Any:
    """Return the value as it may stand in a log: digests for a Secret's and for names that sound sensitive, also within it."""
    if value == MISSING:
        return value
    return digest(value) if is_sensitive(kind, path) else _masked(value)


def is_sensitive(kind: str, path: str) -> bool:
    """Say whether a field must not be shown: anything of a Secret but its metadata, or sensitive by name."""
    in_secret = kind == "Secret" and not path.startswith("/metadata/")
    return in_secret or _SENSITIVE.search(path) is not None


def digest(value: Any) -> str:
    """Return a short digest that lets two values be told apart and neither be read."""
    return "sha256:" + hashlib.sha256(repr(value).encode()).hexdigest()[:12]


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        names_a_secret = _SENSITIVE.search(str(value.get("name", ""))) is not None
        return {
            key: digest(part) if _SENSITIVE.search(str(key)) or (names_a_secret and key == "value") else _masked(part)
            for key, part in value.items()
        }
    return [_masked(part) for part in value] if isinstance(value, list | tuple) else value


def _entry_index(entries: Any, segment: Segment) -> int | None:
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        return None
    for index, entry in enumerate(entries):
        if isinstance(entry, Mapping) and segment.key in entry and str(entry[segment.key]) == segment.value:
            return index
    return None


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _add(pointer: str, rest: Sequence[Segment], value: Any) -> list[dict[str, Any]]:
    if value == MISSING:
        return []
    return [{"op": "add", "path": pointer, "value": _nested(rest[0], rest[1:], value)}]


def _append(pointer: str, rest: Sequence[Segment], value: Any) -> list[dict[str, Any]]:
    if value == MISSING:
        return []
    return [{"op": "add", "path": f"{pointer}/-", "value": _entry(rest[0], rest[1:], value)}]


def _nested(segment: Segment, rest: Sequence[Segment], value: Any) -> Any:
    if segment.key:
        return [_entry(segment, rest, value)]
    return {rest[0].name: _nested(rest[0], rest[1:], value)} if rest else value


def _entry(segment: Segment, rest: Sequence[Segment], value: Any) -> Any:
    if not rest:
        return value
    return {segment.key: segment.value, rest[0].name: _nested(rest[0], rest[1:], value)}
