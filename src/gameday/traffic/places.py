"""A node of a YAML file with the list to which its problems go: what strict readers of journeys are written with.

It knows nothing of journeys; `journey_file` and `ledger_file` say what may stand where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import yaml

from gameday.errors import Problem
from gameday.traffic.journey import BodyTemplate, ValuePath

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

_T = TypeVar("_T")
_Default = TypeVar("_Default")


@dataclass(frozen=True, slots=True)
class Place:
    """One node of the file, and the list to which its problems go."""

    file: str
    node: yaml.Node | None
    problems: list[Problem]

    def wrong(self, message: str) -> None:
        """Report a problem with what stands here."""
        line = self.node.start_mark.line + 1 if self.node is not None else 0
        self.problems.append(Problem(self.file, line, message))

    def mapping(self, what: str, required: Iterable[str], optional: Iterable[str] = ()) -> Fields | None:
        """Return the node's fields, having reported missing and unknown ones; None where it is no mapping."""
        if not isinstance(self.node, yaml.MappingNode):
            self.wrong(f"expected {what} as a mapping, found {kind_of(self.node)}")
            return None
        fields = Fields(self, {})
        known = (*required, *optional)
        for key, value in self.node.value:
            place = Place(self.file, value, self.problems)
            name = str(key.value)
            if name not in known:
                Place(self.file, key, self.problems).wrong(f"unknown key {name!r} in {what}; known are {', '.join(known)}")
            elif name in fields.found:
                Place(self.file, key, self.problems).wrong(f"{name!r} stands twice in {what}")
            fields.found[name] = place
        for name in required:
            if name not in fields.found:
                self.wrong(f"expected {name!r} in {what}")
        return fields

    def items(self, what: str) -> list[Place]:
        """Return the places of a list's items; none where it is no list."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.wrong(f"expected {what} as a list, found {kind_of(self.node)}")
            return []
        return [Place(self.file, node, self.problems) for node in self.node.value]

    def value(self) -> Any:
        """Return the node as plain data."""
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_document(self.node) if self.node is not None else None
        except (yaml.YAMLError, ValueError) as error:
            self.wrong(f"expected plain data: {error}")
            return None

    def text(self, what: str) -> str:
        """Return a text that is not empty."""
        value = self.value()
        if isinstance(value, str) and value.strip():
            return value
        self.wrong(f"expected {what} as a text, found {value!r}")
        return ""

    def seconds(self, what: str, highest: float) -> float:
        """Return a time from 0 to `highest`."""
        value = self.value()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= highest:
            return float(value)
        self.wrong(f"expected {what} in seconds, from 0 to {highest:g}, found {value!r}")
        return 1.0


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a mapping that are there."""

    place: Place
    found: dict[str, Place] = field(default_factory=dict)

    def read(self, name: str, reader: Callable[[Place], _T], default: _Default) -> _T | _Default:
        """Return what `reader` makes of a field, or the default where it is missing."""
        place = self.found.get(name)
        return default if place is None else reader(place)


def kind_of(node: yaml.Node | None) -> str:
    """Say what a node is, for a problem's text."""
    kinds: dict[type, str] = {yaml.MappingNode: "a mapping", yaml.SequenceNode: "a list", yaml.ScalarNode: "a single value"}
    return "nothing" if node is None else kinds.get(type(node), "something else")


def path_of(what: str) -> Callable[[Place], ValuePath]:
    """Return the reader of a path in an answer."""
    return lambda place: ValuePath.of(place.text(what))


def paths_of(what: str) -> Callable[[Place], tuple[ValuePath, ...]]:
    """Return the reader of a list of such paths."""
    return lambda place: tuple(ValuePath.of(item.text(what)) for item in place.items(f"{what}s"))


def method_of(place: Place) -> str:
    """Return an HTTP method."""
    method = place.text("the method")
    if method and method not in METHODS:
        place.wrong(f"expected one of {', '.join(METHODS)}, found {method!r}")
    return method


def body_of(place: Place, known: Iterable[str]) -> BodyTemplate:
    """Return a JSON body, whose `${names}` have to be among those that are known."""
    value = place.value()
    try:
        template = BodyTemplate.of(value)
    except (TypeError, ValueError) as error:
        place.wrong(f"expected a body that JSON can say: {error}")
        return BodyTemplate(("null",))
    check_names(place, template.names, known)
    return template


def check_names(place: Place, names: Iterable[str], known: Iterable[str]) -> None:
    """Report every name that nothing gives a value to."""
    allowed = sorted(known)
    for name in names:
        if name not in allowed:
            place.wrong(f"nothing gives ${{{name}}} a value here; known are {', '.join(allowed)}")
