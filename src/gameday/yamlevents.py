"""One YAML document's data and lines, built from the parser's events.

libyaml's own composer recurses on the C stack, so that a file can crash it, and follows aliases without counting; this
builds the same data with a limit to both. See `gameday.yamlfile` for reading files.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import yaml

from gameday.errors import InvalidFileError, Problem

ITEM_LIMIT: Final = 100_000
DEPTH_LIMIT: Final = 60
SYNTAX: Final = "syntax"
"""The kind of problem that is found here."""

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(slots=True)
class Lines:
    """The line of a value (of its key, in a mapping) and of everything in it."""

    line: int
    children: dict[Hashable, Lines] = field(default_factory=dict)


class _StopReadingError(Exception):
    """Something makes the rest of the document meaningless; the problem is noted already."""


@dataclass(frozen=True, slots=True)
class _Built:
    data: Any
    lines: Lines
    size: int
    """How many values it stands for once every alias is followed."""


class EventReader:
    """Builds data and lines out of one document's events; what is wrong collects in `problems`."""

    def __init__(self, text: str, file: str, first_line: int) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._first_line = first_line
        self._anchors: dict[str, _Built | None] = {}
        self._size = 0
        self._text = text

    def read(self) -> tuple[Any, Lines]:
        """Return the document's data and lines; InvalidFileError when nothing can be made of it.

        What is wrong but leaves a meaning, such as a key that stands twice, is in `problems` afterwards.
        """
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
            self.problems.append(Problem(self._file, self._first_line + line, f"not YAML: {error.reason}", SYNTAX))
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
        self.problems.append(Problem(self._file, self._line(mark) if mark else 0, message, SYNTAX))

    def _stop(self, mark: Any, message: str) -> NoReturn:
        self._note(mark, message)
        raise _StopReadingError


def _is_merge(event: Any) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.value == "<<" and bool(event.implicit[0])


def _in_words(error: yaml.MarkedYAMLError) -> str:
    what = str(error.problem or "it cannot be read")
    if "cannot start any token" in what and ("\\t" in what or "'\t'" in what):
        return "not YAML: a tab; indent with spaces"
    if "maximum nesting depth" in what:
        # Where the parser's own limit comes before ours.
        return f"nested deeper than {DEPTH_LIMIT} levels"
    context = f" ({error.context})" if error.context else ""
    return f"not YAML: {what}{context}"
