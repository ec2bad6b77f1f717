"""Typed values out of one mapping of a file, with every problem noted instead of the first one raised.

A reader asks for the keys it knows and says at the end that it is done; whatever was never asked for is an unknown key, so
no list of known keys is kept beside the code that reads them. Nothing here knows which files there are.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from gameday.durations import per_second, seconds
from gameday.errors import Problem
from gameday.yamlfile import Document, YamlPath

T = TypeVar("T")
D = TypeVar("D")


class Fields:
    """The mapping at one path of a document; anything else there is a problem, and then reads as an empty mapping."""

    def __init__(self, document: Document, path: YamlPath, problems: list[Problem], data: Any) -> None:
        self.document = document
        self.path = path
        self.problems = problems
        self._asked: set[str] = set()
        if not isinstance(data, dict):
            self.note(f"expected a mapping{self._at(path)}, but got {_shown(data)}")
            data = {}
        self.data: dict[Any, Any] = data

    @classmethod
    def top(cls, document: Document, problems: list[Problem]) -> Fields:
        """Begin at the document's own mapping."""
        return cls(document, (), problems, document.data)

    @property
    def line(self) -> int:
        """The line at which this mapping begins."""
        return self.document.line_of(self.path)

    def note(self, message: str, *steps: Any, kind: str = "value") -> None:
        """Note a problem at this mapping, or further down."""
        self.problems.append(self.document.problem((*self.path, *steps), message, kind))

    def has(self, key: str) -> bool:
        """Say whether the key is there at all."""
        return key in self.data

    def raw(self, key: str, default: Any = None) -> Any:
        """Return the value as it stands in the file."""
        self._asked.add(key)
        return self.data.get(key, default)

    def text(self, key: str, default: str = "", *, required: bool = False) -> str:
        """Return a text; a number or a date is taken as it is written."""

        def convert(value: Any) -> str:
            if isinstance(value, bool) or not isinstance(value, str | int | float | dt.date):
                raise ValueError(f"expected a text, but got {_shown(value)}")  # noqa: TRY004  # noted as a problem, see _read
            return str(value).strip()

        found = self._read(key, convert, default, required=required)
        if required and self.has(key) and not found:
            self.note(f"expected a text for {key!r}, but it is empty", key, kind="missing-key")
        return found

    def number(self, key: str, default: float | None = None) -> float | None:
        """Return a number."""

        def convert(value: Any) -> float:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"expected a number, but got {_shown(value)}")  # noqa: TRY004  # noted as a problem, see _read
            return float(value)

        return self._read(key, convert, default)

    def seconds(self, key: str, default: T) -> float | T:
        """Return a duration in seconds."""
        return self._read(key, seconds, default)

    def rate(self, key: str, default: float, *, required: bool = False) -> float:
        """Return a rate per second."""
        return self._read(key, per_second, default, required=required)

    def choice(self, key: str, options: Sequence[str], default: str) -> str:
        """Return one of the options."""

        def convert(value: Any) -> str:
            if value not in options:
                meant = did_you_mean(str(value), options)
                raise ValueError(f"expected one of {', '.join(options)}, but got {_shown(value)}{meant}")
            return str(value)

        return self._read(key, convert, default)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; a single text counts as a list of one."""
        value = self.raw(key)
        if value is None:
            return ()
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) and item.strip() for item in items):
            self.note(f"expected a list of texts for {key!r}, but got {_shown(value)}", key)
            return ()
        return tuple(item.strip() for item in items)

    def mapping(self, key: str) -> Fields | None:
        """Return the mapping under the key, or None if the key is not there."""
        value = self.raw(key)
        return None if value is None and not self.has(key) else self.inside(value, key)

    def mappings(self, key: str) -> list[Fields]:
        """Return the list of mappings under the key; empty if the key is not there."""
        value = self.raw(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.note(f"expected a list{self._at((*self.path, key))}, but got {_shown(value)}", key)
            return []
        return [self.inside(item, key, index) for index, item in enumerate(value)]

    def inside(self, data: Any, *steps: Any) -> Fields:
        """Return a mapping further down."""
        return Fields(self.document, (*self.path, *steps), self.problems, data)

    def done(self, *, known: Iterable[str] = ()) -> None:
        """Note every key that nobody asked for; `known` are keys that are right but read by others."""
        options = sorted(self._asked | set(known))
        for key in self.data:
            if key not in options:
                self.note(unknown_key(key, options, self._at(self.path)), key, kind="unknown-key")

    def _read(self, key: str, convert: Callable[[Any], T], default: D, *, required: bool = False) -> T | D:
        value = self.raw(key)
        if value is None:
            if required or self.has(key):
                told = f"{key!r} is missing{self._at(self.path)}" if not self.has(key) else f"{key!r} has no value"
                self.note(told, key, kind="missing-key")
            return default
        try:
            return convert(value)
        except ValueError as error:
            self.note(f"{key}: {error}", key)
            return default

    def _at(self, path: YamlPath) -> str:
        names = [str(step) for step in path if isinstance(step, str)]
        return f" in {'.'.join(names)}" if names else ""


def unknown_key(key: Any, options: Sequence[str], where: str = "") -> str:
    """Say that a key is not known, what may have been meant, and which ones are."""
    if isinstance(key, bool):
        return f"the key{where} reads as {key}: YAML takes on, off, yes and no for booleans; put it in quotes"
    # Whoever is told what was meant needs no list.
    hint = did_you_mean(str(key), options) or f"; known are: {', '.join(options)}"
    return f"unknown key {str(key)!r}{where}{hint}"


def closest(word: str, options: Iterable[str]) -> str:
    """Return the option that the word is most likely a misspelling of, or an empty string."""
    by_form = {_form(option): option for option in options}
    found = difflib.get_close_matches(_form(word), by_form, n=1, cutoff=0.75)
    return by_form[found[0]] if found else ""


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """Return `; did you mean …?`, or an empty string if nothing is close."""
    found = closest(word, options)
    return f"; did you mean {found!r}?" if found else ""


def _form(word: str) -> str:
    return word.lower().replace("_", "-")


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if not all(isinstance(item, str | int | float) for item in value) else f"the list {str(value)[:60]}"
    return repr(value)[:60]
