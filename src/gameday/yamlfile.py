"""YAML text into plain data that remembers its lines, and into problems instead of exceptions, crashes or silence.

What comes out is what PyYAML's safe loader makes of the same text, since that is what Chaos Toolkit reads; but a key that
stands twice is a problem here, and so are aliases that multiply, nesting without end, tags, and files that are no text.
The data is built from the parser's events, because libyaml's own composer recurses on the C stack and can be crashed.
What a file *means* is not decided here; see `gameday.fields` for reading single values.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

from gameday.errors import InvalidFileError, Problem

FILE_LIMIT_BYTES: Final = 1_000_000
ITEM_LIMIT: Final = 100_000
DEPTH_LIMIT: Final = 60

YamlPath = tuple[Hashable, ...]

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(slots=True)
class Lines:
    """The line of a value (of its key, in a mapping) and of everything in it."""

    line: int
    children: dict[Hashable, Lines] = field(default_factory=dict)


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

    def problem(self, path: YamlPath, message: str) -> Problem:
        """Say that something is wrong at the path."""
        return Problem(self.file, self.line_of(path), message)


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
        raise InvalidFileError([Problem(str(path), 0, problem)])
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InvalidFileError([Problem(str(path), 0, f"cannot be read: {error.strerror}")]) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InvalidFileError([Problem(str(path), line, "expected text in UTF-8, but found other bytes")]) from error
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        raise InvalidFileError([Problem(str(path), line, "expected text, but found a NUL byte; is this a binary file?")])
    if not text.strip():
        raise InvalidFileError([Problem(str(path), 0, "the file is empty")])
    return Source(text, hashlib.sha256(raw).hexdigest())


def parse(text: str, *, file: str, first_line: int = 1, as_json: bool = False) -> Document:
    """Parse one YAML document that begins at `first_line` of the file; as JSON, only the lines are taken from YAML."""
    if as_json:
        # A raw tab in JSON is always white space, which YAML refuses; half a surrogate pair is no character in YAML.
        as_written = _json(text, file)
        text = _SURROGATE.sub(r"\\ufffd", text.replace("\t", " "))
    reader = _Reader(text, file, first_line)
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


class _StopReadingError(Exception):
    """Something makes the rest of the document meaningless; the problem is noted already."""


@dataclass(frozen=True, slots=True)
class _Built:
    data: Any
    lines: Lines
    size: int
    """How many values it stands for once every alias is followed."""


class _Reader:
    """Builds data and lines out of one document's events; what is wrong collects in `problems`."""

    def __init__(self, text: str, file: str, first_line: int) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._first_line = first_line
        self._anchors: dict[str, _Built | None] = {}
        self._size = 0
        self._text = text

    def read(self) -> tuple[Any, Lines]:
        try:
            self._loader = _Loader(self._text)
            return self._document()
        except _StopReadingError:
            pass
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._note(mark, _in_words(error))
        except yaml.reader.ReaderError as error:
            line = self._text[: error.position].count("\n")
            self.problems.append(Problem(self._file, self._first_line + line, f"not YAML: {error.reason}"))
        raise InvalidFileError(self.problems)

    def _document(self) -> tuple[Any, Lines]:
        self._loader.get_event()
        if self._loader.check_event(yaml.StreamEndEvent):
            return None, Lines(self._first_line)
        self._loader.get_event()
        built = self._build(self._loader.get_event(), 0)
        self._loader.get_event()
        if not self._loader.check_event(yaml.StreamEndEvent):
            self._note(self._loader.peek_event().start_mark, "expected one document, but found a second one after ---")
        return built.data, built.lines

    def _build(self, event: Any, depth: int) -> _Built:
        if depth > DEPTH_LIMIT:
            self._stop(event.start_mark, f"nested deeper than {DEPTH_LIMIT} levels")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.anchor:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            built = self._scalar(event)
        else:
            self._refuse_tag(event)
            built = self._list(event, depth) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(event, depth)
        if event.anchor:
            self._anchors[event.anchor] = built
        return built

    def _alias(self, event: Any) -> _Built:
        if event.anchor not in self._anchors:
            self._stop(event.start_mark, f"the alias *{event.anchor} has no anchor &{event.anchor} before it")
        built = self._anchors[event.anchor]
        if built is None:
            self._stop(event.start_mark, f"the alias *{event.anchor} stands inside of what it names")
        self._count(built.size, event)
        return _Built(built.data, Lines(self._line(event.start_mark), built.lines.children), built.size)

    def _scalar(self, event: Any) -> _Built:
        self._count(1, event)
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        node = yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark)
        if tag in (_MERGE, "tag:yaml.org,2002:value"):
            return _Built(event.value, Lines(self._line(event.start_mark)), 1)
        try:
            data = self._loader.construct_object(node)
        except (ValueError, OverflowError) as error:
            self._note(event.start_mark, f"{event.value[:60]!r} is no value: {str(error)[:120]}")
            data = event.value
        except yaml.constructor.ConstructorError:
            self._note(event.start_mark, f"the tag {tag} is not read here; write a plain value")
            data = event.value
        return _Built(data, Lines(self._line(event.start_mark)), 1)

    def _list(self, event: Any, depth: int) -> _Built:
        before = self._size
        self._count(1, event)
        items: list[Any] = []
        lines = Lines(self._line(event.start_mark))
        while not self._loader.check_event(yaml.SequenceEndEvent):
            built = self._build(self._loader.get_event(), depth + 1)
            lines.children[len(items)] = built.lines
            items.append(built.data)
        self._loader.get_event()
        return _Built(items, lines, self._size - before)

    def _mapping(self, event: Any, depth: int) -> _Built:
        before = self._size
        self._count(1, event)
        lines = Lines(self._line(event.start_mark))
        own: dict[Hashable, Any] = {}
        merged: dict[Hashable, Any] = {}
        while not self._loader.check_event(yaml.MappingEndEvent):
            key_event = self._loader.get_event()
            key = self._build(key_event, depth + 1)
            value = self._build(self._loader.get_event(), depth + 1)
            if _is_merge(key_event):
                self._merge(value, key_event, merged, lines)
                continue
            name = self._key(key, key_event, own, lines)
            own[name] = value.data
            lines.children[name] = Lines(key.lines.line, value.lines.children)
        self._loader.get_event()
        return _Built(merged | own, lines, self._size - before)

    def _key(self, key: _Built, event: Any, own: dict[Hashable, Any], lines: Lines) -> Hashable:
        name: Any = key.data
        if not isinstance(name, Hashable):
            self._stop(event.start_mark, "expected a single value as key, but found a list or mapping")
        if name in own:
            self._note(event.start_mark, f"the key {name!r} stands here twice, first in line {lines.children[name].line}")
        return name

    def _merge(self, value: _Built, event: Any, merged: dict[Hashable, Any], lines: Lines) -> None:
        sources = value.data if isinstance(value.data, list) else [value.data]
        for index, source in enumerate(sources):
            if not isinstance(source, dict):
                self._stop(event.start_mark, "expected a mapping, or a list of mappings, to merge with <<")
            places = value.lines.children[index] if isinstance(value.data, list) else value.lines
            for name, item in source.items():
                if name not in merged:
                    merged[name] = item
                    lines.children.setdefault(name, places.children[name])

    def _refuse_tag(self, event: Any) -> None:
        plain = ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map", "!", None)
        if event.tag not in plain:
            self._note(event.start_mark, f"the tag {event.tag} is not read here; write a plain list or mapping")

    def _count(self, size: int, event: Any) -> None:
        self._size += size
        if self._size > ITEM_LIMIT:
            self._stop(event.start_mark, f"expected at most {ITEM_LIMIT:,} values, counting what aliases stand for")

    def _line(self, mark: Any) -> int:
        return self._first_line + int(mark.line)

    def _note(self, mark: Any, message: str) -> None:
        self.problems.append(Problem(self._file, self._line(mark) if mark else 0, message))

    def _stop(self, mark: Any, message: str) -> NoReturn:
        self._note(mark, message)
        raise _StopReadingError


def _is_merge(event: Any) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.value == "<<" and bool(event.implicit[0])


def _in_words(error: yaml.MarkedYAMLError) -> str:
    what = str(error.problem or "it cannot be read")
    if "cannot start any token" in what and ("\\t" in what or "'\t'" in what):
        return "not YAML: a tab; indent with spaces"
    context = f" ({error.context})" if error.context else ""
    return f"not YAML: {what}{context}"
