"""Reads a journey from YAML, strictly: every problem at once, each with its file and line.

An unknown key, a value of the wrong kind, a `${name}` that nothing gives: all are errors, because a journey that quietly
does less than it says measures something else. The order of the checks is the order of the file. The schema, with
examples, is `journeys/checkout.yaml`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from gameday.errors import InvalidFileError, Problem
from gameday.traffic.journey import (
    GIVEN,
    BodyTemplate,
    ErrorQuality,
    Expectation,
    Journey,
    LookUp,
    OrderPaths,
    Step,
    Template,
    ValuePath,
    WaitingPage,
)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
LONGEST_TIMEOUT_SECONDS = 60.0
DEFAULT_TIMEOUT_SECONDS = 3.0
_LOOK_UP_NAMES = ("references", "keys")

_T = TypeVar("_T")
_Default = TypeVar("_Default")


def load_journey(path: Path) -> Journey:
    """Return the journey in a file; raise `InvalidFileError` with everything that is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidFileError([Problem(str(path), 0, f"expected a journey, found that it cannot be read: {reason}")]) from None
    return parse_journey(text, str(path))


def parse_journey(text: str, file: str) -> Journey:
    """Return the journey that is written in `text`; `file` is only for the problems' addresses."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 0
        raise InvalidFileError([Problem(file, line, f"expected YAML: {getattr(error, 'problem', error)}")]) from None
    problems: list[Problem] = []
    journey = _journey(_Place(file, root, problems))
    if problems or journey is None:
        raise InvalidFileError(problems)
    return journey


@dataclass(frozen=True, slots=True)
class _Place:
    """One node of the file, and the list to which its problems go."""

    file: str
    node: yaml.Node | None
    problems: list[Problem]

    def wrong(self, message: str) -> None:
        """Report a problem with what stands here."""
        line = self.node.start_mark.line + 1 if self.node is not None else 0
        self.problems.append(Problem(self.file, line, message))

    def mapping(self, what: str, required: Iterable[str], optional: Iterable[str] = ()) -> _Fields | None:
        """Return the node's fields, having reported missing and unknown ones; None where it is no mapping."""
        if not isinstance(self.node, yaml.MappingNode):
            self.wrong(f"expected {what} as a mapping, found {_kind(self.node)}")
            return None
        fields = _Fields(self, {})
        known = (*required, *optional)
        for key, value in self.node.value:
            place = _Place(self.file, value, self.problems)
            name = str(key.value)
            if name not in known:
                _Place(self.file, key, self.problems).wrong(f"unknown key {name!r} in {what}; known are {', '.join(known)}")
            elif name in fields.found:
                _Place(self.file, key, self.problems).wrong(f"{name!r} stands twice in {what}")
            fields.found[name] = place
        for name in required:
            if name not in fields.found:
                self.wrong(f"expected {name!r} in {what}")
        return fields

    def items(self, what: str) -> list[_Place]:
        """Return the places of a list's items; none where it is no list."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.wrong(f"expected {what} as a list, found {_kind(self.node)}")
            return []
        return [_Place(self.file, node, self.problems) for node in self.node.value]

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
class _Fields:
    """The fields of a mapping that are there."""

    place: _Place
    found: dict[str, _Place] = field(default_factory=dict)

    def read(self, name: str, reader: Callable[[_Place], _T], default: _Default) -> _T | _Default:
        """Return what `reader` makes of a field, or the default where it is missing."""
        place = self.found.get(name)
        return default if place is None else reader(place)


def _kind(node: yaml.Node | None) -> str:
    kinds: dict[type, str] = {yaml.MappingNode: "a mapping", yaml.SequenceNode: "a list", yaml.ScalarNode: "a single value"}
    return "nothing" if node is None else kinds.get(type(node), "something else")


def _path(what: str) -> Callable[[_Place], ValuePath]:
    return lambda place: ValuePath.of(place.text(what))


def _paths(what: str) -> Callable[[_Place], tuple[ValuePath, ...]]:
    return lambda place: tuple(ValuePath.of(item.text(what)) for item in place.items(f"{what}s"))


def _journey(place: _Place) -> Journey | None:
    fields = place.mapping("the journey", ("name", "steps"), ("description", "error_quality", "ledger", "waiting"))
    if fields is None:
        return None
    steps = fields.read("steps", _steps, ())
    look_up = fields.read("ledger", _ledger, None)
    if look_up is None and any(step.order for step in steps):
        place.wrong("expected 'ledger' in the journey, since a step of it acknowledges orders")
    return Journey(
        fields.read("name", lambda p: p.text("the journey's name"), ""),
        fields.read("description", lambda p: p.text("the description"), ""),
        steps,
        fields.read("error_quality", _error_quality, None),
        look_up,
        fields.read("waiting", _waiting, None),
    )


def _waiting(place: _Place) -> WaitingPage | None:
    fields = place.mapping("the waiting page", ("status", "code", "says"), ("present",))
    if fields is None:
        return None
    return WaitingPage(
        fields.read("status", _statuses, frozenset()),
        fields.read("code", _path("the path of the code"), ValuePath(())),
        fields.read("says", lambda p: p.text("the code"), ""),
        fields.read("present", _paths("the path"), ()),
    )


def _steps(place: _Place) -> tuple[Step, ...]:
    known = set(GIVEN)
    steps: list[Step] = []
    for item in place.items("the steps"):
        step = _step(item, known)
        if step is None:
            continue
        if step.name in {earlier.name for earlier in steps}:
            item.wrong(f"two steps are called {step.name!r}")
        if step.order and any(earlier.order for earlier in steps):
            item.wrong("two steps acknowledge an order; one journey is one order")
        steps.append(step)
    if not steps and isinstance(place.node, yaml.SequenceNode):
        place.wrong("expected at least one step, found none")
    return tuple(steps)


_STEP_OPTIONS = ("method", "headers", "body", "expect", "capture", "order", "timeout_seconds", "think_seconds")


def _step(place: _Place, known: set[str]) -> Step | None:
    fields = place.mapping("a step", ("name", "path"), _STEP_OPTIONS)
    if fields is None:
        return None
    captures = fields.read("capture", _captures, ())
    step = Step(
        name=fields.read("name", lambda p: p.text("the step's name"), ""),
        method=fields.read("method", _method, "GET"),
        path=fields.read("path", lambda p: _template(p, "the path", known), Template(("",))),
        headers=fields.read("headers", lambda p: _headers(p, known), ()),
        body=fields.read("body", lambda p: _body(p, known), None),
        expect=fields.read("expect", _expectation, Expectation(frozenset({200}))),
        captures=captures,
        order=fields.read("order", _order, None),
        timeout_seconds=fields.read("timeout_seconds", _timeout, DEFAULT_TIMEOUT_SECONDS),
        think_seconds=fields.read("think_seconds", lambda p: p.seconds("the time to think", LONGEST_TIMEOUT_SECONDS), 0.0),
    )
    known.update(name for name, _ in captures)
    return step


def _timeout(place: _Place) -> float:
    seconds = place.seconds("the time-out", LONGEST_TIMEOUT_SECONDS)
    if not seconds:
        place.wrong("expected a time-out above 0 seconds")
    return seconds


def _method(place: _Place) -> str:
    method = place.text("the method")
    if method and method not in METHODS:
        place.wrong(f"expected one of {', '.join(METHODS)}, found {method!r}")
    return method


def _template(place: _Place, what: str, known: set[str]) -> Template:
    template = Template.of(place.text(what))
    _check_names(place, template.names, known)
    return template


def _body(place: _Place, known: Iterable[str]) -> BodyTemplate:
    value = place.value()
    try:
        template = BodyTemplate.of(value)
    except (TypeError, ValueError) as error:
        place.wrong(f"expected a body that JSON can say: {error}")
        return BodyTemplate(("null",))
    _check_names(place, template.names, known)
    return template


def _check_names(place: _Place, names: Iterable[str], known: Iterable[str]) -> None:
    allowed = sorted(known)
    for name in names:
        if name not in allowed:
            place.wrong(f"nothing gives ${{{name}}} a value here; known are {', '.join(allowed)}")


def _headers(place: _Place, known: set[str]) -> tuple[tuple[str, Template], ...]:
    if not isinstance(place.node, yaml.MappingNode):
        place.wrong(f"expected the headers as a mapping, found {_kind(place.node)}")
        return ()
    pairs = ((str(key.value), _Place(place.file, value, place.problems)) for key, value in place.node.value)
    return tuple((name.lower(), _template(value, f"the header {name}", known)) for name, value in pairs)


def _captures(place: _Place) -> tuple[tuple[str, ValuePath], ...]:
    if not isinstance(place.node, yaml.MappingNode):
        place.wrong(f"expected captures as a mapping of a name to a path, found {_kind(place.node)}")
        return ()
    captures: list[tuple[str, ValuePath]] = []
    for key, value in place.node.value:
        if str(key.value) in GIVEN:
            _Place(place.file, key, place.problems).wrong(f"{key.value!r} is given to every journey; choose another name")
        captures.append((str(key.value), ValuePath.of(_Place(place.file, value, place.problems).text("a path"))))
    return tuple(captures)


def _expectation(place: _Place) -> Expectation:
    fields = place.mapping("what is expected", ("status",), ("present",))
    if fields is None:
        return Expectation(frozenset({200}))
    return Expectation(fields.read("status", _statuses, frozenset({200})), fields.read("present", _paths("the path"), ()))


def _statuses(place: _Place) -> frozenset[int]:
    value = place.value()
    statuses = value if isinstance(value, list) else [value]
    if statuses and all(type(status) is int and 100 <= status < 600 for status in statuses):  # noqa: PLR2004 - HTTP's numbers
        return frozenset(statuses)
    place.wrong(f"expected an HTTP status or a list of them, found {value!r}")
    return frozenset()


def _order(place: _Place) -> OrderPaths | None:
    fields = place.mapping("the order", ("reference", "amount"))
    if fields is None:
        return None
    nowhere = ValuePath(())
    return OrderPaths(
        fields.read("reference", _path("the path of the reference"), nowhere),
        fields.read("amount", _path("the path of the amount"), nowhere),
    )


def _error_quality(place: _Place) -> ErrorQuality | None:
    fields = place.mapping("the error quality", ("require",), ("forbid_words", "message"))
    if fields is None:
        return None
    return ErrorQuality(
        fields.read("require", _paths("the path"), ()),
        fields.read("forbid_words", lambda p: tuple(item.text("a word").lower() for item in p.items("the words")), ()),
        fields.read("message", _path("the path of the message"), ValuePath.of("error.message")),
    )


def _ledger(place: _Place) -> LookUp | None:
    fields = place.mapping("the ledger", ("lookup",))
    return None if fields is None else fields.read("lookup", _look_up, None)


def _look_up(place: _Place) -> LookUp | None:
    required = ("method", "path", "body", "orders", "reference", "key", "amount")
    fields = place.mapping("the look-up", required, ("state", "counts_when"))
    if fields is None:
        return None
    nowhere = ValuePath(())
    if ("state" in fields.found) != ("counts_when" in fields.found):
        place.wrong("expected 'state' and 'counts_when' together: where an order says that it counts, and what it says then")
    return LookUp(
        method=fields.read("method", _method, "POST"),
        path=fields.read("path", lambda p: p.text("the path"), ""),
        body=fields.read("body", lambda p: _body(p, _LOOK_UP_NAMES), BodyTemplate(("null",))),
        orders=fields.read("orders", _path("the path of the list"), nowhere),
        reference=fields.read("reference", _path("the path of the reference"), nowhere),
        key=fields.read("key", _path("the path of the key"), nowhere),
        amount=fields.read("amount", _path("the path of the amount"), nowhere),
        state=fields.read("state", _path("the path of the state"), None),
        counts_when=fields.read("counts_when", lambda p: p.text("the state that counts"), ""),
    )
