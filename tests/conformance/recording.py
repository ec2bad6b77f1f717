"""What is requested of a cluster, by what stays the same from one run to the next: the lines of a trace."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from tests.between import PassOn, Reply, Request

TRACE: Final = Path(__file__).with_name("trace.json")
_FREE_KEYS: Final = {
    "labels", "annotations", "data", "stringData", "matchLabels", "nodeSelector", "requests", "limits", "capacity",
    "allocatable", "selector", "binaryData",
}  # fmt: skip
"""Maps whose keys are the author's own words."""
_OWN: Final = ("kind", "apiVersion")


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One way of asking: the method, the path with names left out, the query's keys, and how the body is written."""

    method: str
    path: str
    query: tuple[str, ...] = ()
    content_type: str = ""

    def covers(self, other: Line) -> bool:
        """Whether asking so is also asking as in the other line."""
        same = (self.method, self.path, self.content_type) == (other.method, other.path, other.content_type)
        return same and set(other.query) <= set(self.query)


@dataclass(slots=True)
class Recorder:
    """Stands between, and writes down."""

    lines: dict[Line, set[str]] = field(default_factory=dict)
    """Each line, and the fields that were in its bodies."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def intercept(self, request: Request, pass_on: PassOn) -> Reply | None:
        """Note the request, and let it pass."""
        del pass_on
        line, fields = line_of(request)
        with self._lock:
            self.lines.setdefault(line, set()).update(fields)
        return None


def read_trace() -> dict[Line, set[str]]:
    """Return the lines that were written down, each with its fields."""
    rows = json.loads(TRACE.read_text(encoding="utf-8"))
    return {
        Line(row["method"], row["path"], tuple(row.get("query", ())), row.get("type", "")): set(row.get("fields", ()))
        for row in rows
    }


def write_trace(lines: dict[Line, set[str]]) -> None:
    """Write lines down, in an order of their own."""
    rows = []
    for line, fields in sorted(lines.items()):
        row = {"method": line.method, "path": line.path}
        more = {"query": list(line.query), "type": line.content_type, "fields": sorted(fields)}
        rows.append({**row, **{key: value for key, value in more.items() if value}})
    text = ",\n".join(json.dumps(row) for row in rows)
    TRACE.write_text(f"[\n{text}\n]\n", encoding="utf-8")


def line_of(request: Request) -> tuple[Line, set[str]]:
    """Return a request's line, and the fields of its body."""
    url = urlsplit(request.path)
    query = tuple(sorted({key for key, _ in parse_qsl(url.query, keep_blank_values=True)}))
    media = request.content_type.partition(";")[0].strip() if request.body else ""
    return Line(request.method, pattern(url.path), query, media), set(_fields_of(request.body, media))


def pattern(path: str) -> str:
    """Return a path with {namespace} and {name} in the place of names."""
    steps = path.strip("/").split("/")
    root = 2 if steps[0] == "api" else 3
    if steps[0] not in {"api", "apis"} or len(steps) <= root:
        return path
    rest = steps[root:]
    if rest[0] == "namespaces" and len(rest) > 2:
        rest = ["namespaces", "{namespace}", *rest[2:]]
        fixed = 2
    else:
        fixed = 0
    if len(rest) > fixed + 1:
        rest[fixed + 1] = "{name}"
    return "/" + "/".join([*steps[:root], *rest])


def _fields_of(body: bytes | None, media: str) -> Iterator[str]:
    if not body or "protobuf" in media:
        return
    try:
        document = json.loads(body)
    except ValueError:
        return
    if media == "application/json-patch+json" and isinstance(document, list):
        for operation in document:
            yield f"{operation.get('op')} {_pointer(operation.get('path', ''))}"
        return
    yield from _leaves(document, "")


def _pointer(path: str) -> str:
    steps = ["[]" if step.isdecimal() else step for step in path.split("/")]
    for index, step in enumerate(steps[:-1]):
        if step in _FREE_KEYS:
            return "/".join(steps[: index + 1]) + "/*"
    return "/".join(steps)


def _leaves(value: Any, at: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, below in value.items():
            if not at and key in _OWN:
                continue
            where = f"{at}.{key}" if at else key
            if key in _FREE_KEYS and isinstance(below, dict) and not re.search(r"spec\.selector$", where):
                yield where
            else:
                yield from _leaves(below, where)
    elif isinstance(value, list):
        for below in value:
            yield from _leaves(below, f"{at}[]")
        if not value:
            yield at
    else:
        yield at
