"""YAML text into plain data that remembers its lines, and into problems instead of exceptions, crashes or silence.

What comes out is what PyYAML's safe loader makes of the same text, since that is what Chaos Toolkit reads; but a key that
stands twice is a problem here, and so are aliases that multiply, nesting without end, tags, and files that are no text.
What a file *means* is not decided here; see `gameday.fields` for reading single values.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from gameday.errors import InvalidFileError, Problem
from gameday.yamlevents import DEPTH_LIMIT, EventReader, Lines

FILE_LIMIT_BYTES: Final = 1_000_000
UNREADABLE: Final = "unreadable"
"""The kind of problem that leaves nothing to be read."""

YamlPath = tuple[Hashable, ...]

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


@dataclass(frozen=True, slots=True)
class Document:
    """A file's data, as plain dicts, lists and scalars, and where each part of it stands."""

    file: str
    data: Any
    lines: Lines
    digest: str = ""
    """sha256 of the file's bytes, as hex; empty for a part of a file."""

    def line_of(self, path: YamlPath) -> int:
        """Return the line of the key or item at the path, or of the closest thing around it that is there."""
        found = self.lines
        for step in path:
            if step not in found.children:
                break
            found = found.children[step]
        return found.line

    def problem(self, path: YamlPath, message: str, kind: str = "") -> Problem:
        """Say that something is wrong at the path."""
        return Problem(self.file, self.line_of(path), message, kind)


@dataclass(frozen=True, slots=True)
class Source:
    """A file's text, and the sha256 of its bytes, as hex."""

    text: str
    digest: str


def load(path: Path | str) -> Document:
    """Read a YAML or JSON file that holds a mapping; InvalidFileError has every problem that was found."""
    source = read_text(path)
    document = parse(source.text, file=str(path), as_json=Path(path).suffix == ".json")
    if not isinstance(document.data, dict):
        found = "nothing" if document.data is None else _named(document.data)
        raise InvalidFileError([Problem(str(path), document.lines.line, f"expected a mapping (key: value), but found {found}")])
    return replace(document, digest=source.digest)


def read_text(path: Path | str) -> Source:
    """Return a file's text and digest; InvalidFileError if it is not there, no file, no text, empty or too large."""
    file = Path(path)
    problem = _unreadable(file)
    if problem:
        raise InvalidFileError([Problem(str(path), 0, problem, UNREADABLE)])
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InvalidFileError([Problem(str(path), 0, f"cannot be read: {error.strerror}", UNREADABLE)]) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        message = "expected text in UTF-8, but found other bytes"
        raise InvalidFileError([Problem(str(path), line, message, UNREADABLE)]) from error
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        message = "expected text, but found a NUL byte; is this a binary file?"
        raise InvalidFileError([Problem(str(path), line, message, UNREADABLE)])
    if not text.strip():
        raise InvalidFileError([Problem(str(path), 0, "the file is empty", UNREADABLE)])
    return Source(text, hashlib.sha256(raw).hexdigest())


def parse(text: str, *, file: str, first_line: int = 1, as_json: bool = False) -> Document:
    """Parse one YAML document that begins at `first_line` of the file; as JSON, only the lines are taken from YAML."""
    if as_json:
        # A raw tab in JSON is always white space, which YAML refuses; half a surrogate pair is no character in YAML.
        as_written = _json(text, file)
        text = _SURROGATE.sub(r"\\ufffd", text.replace("\t", " "))
    reader = EventReader(text, file, first_line)
    data, lines = reader.read()
    if as_json:
        data = as_written
    if reader.problems:
        raise InvalidFileError(reader.problems)
    return Document(file, data, lines)


def _unreadable(file: Path) -> str:
    try:
        if not file.exists():
            return f"no such file (looked in {file.absolute().parent})"
        if file.is_dir():
            return "expected a file, but this is a directory"
        if not file.is_file():
            return "expected a regular file, but this is a device, pipe or socket"
        size = file.stat().st_size
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if size > FILE_LIMIT_BYTES:
        return f"expected at most {FILE_LIMIT_BYTES:,} bytes, but the file has {size:,}"
    return ""


def _named(data: Any) -> str:
    return "a list" if isinstance(data, list) else f"the single value {str(data)[:40]!r}"


def _json(text: str, file: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidFileError([Problem(file, error.lineno, f"not JSON: {error.msg}")]) from error
    except RecursionError as error:
        raise InvalidFileError([Problem(file, 0, f"nested deeper than {DEPTH_LIMIT} levels")]) from error
