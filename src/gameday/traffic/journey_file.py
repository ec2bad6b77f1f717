"""Reads a journey from YAML, strictly: every problem at once, each with its file and line.

An unknown key, a value of the wrong kind, a `${name}` that nothing gives: all are errors, because a journey that quietly
does less than it says measures something else. The order of the checks is the order of the file. The schema, with
examples, is `journeys/checkout.yaml`.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from gameday.errors import InvalidFileError, Problem
from gameday.traffic.cohorts_file import cohorts_of, given_by
from gameday.traffic.journey import (
    ErrorQuality,
    Expectation,
    Journey,
    OrderPaths,
    Step,
    Template,
    ValuePath,
    WaitingPage,
)
from gameday.traffic.ledger_file import ledger_of
from gameday.traffic.places import Place, body_of, check_names, kind_of, method_of, path_of, paths_of

LONGEST_TIMEOUT_SECONDS = 60.0
DEFAULT_TIMEOUT_SECONDS = 3.0


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
    journey = _journey(Place(file, root, problems))
    if problems or journey is None:
        raise InvalidFileError(problems)
    return journey


def _journey(place: Place) -> Journey | None:
    optional = ("description", "cohorts", "error_quality", "ledger", "waiting")
    fields = place.mapping("the journey", ("name", "steps"), optional)
    if fields is None:
        return None
    cohorts = fields.read("cohorts", cohorts_of, ())
    given = given_by(cohorts)
    steps = fields.read("steps", lambda p: _steps(p, given), ())
    ledger = fields.read("ledger", ledger_of, None)
    if ledger is None and any(step.order for step in steps):
        place.wrong("expected 'ledger' in the journey, since a step of it acknowledges orders")
    return Journey(
        fields.read("name", lambda p: p.text("the journey's name"), ""),
        fields.read("description", lambda p: p.text("the description"), ""),
        steps,
        fields.read("error_quality", _error_quality, None),
        ledger,
        cohorts,
        fields.read("waiting", _waiting, None),
    )


def _waiting(place: Place) -> WaitingPage | None:
    fields = place.mapping("the waiting page", ("status", "code", "says"), ("present",))
    if fields is None:
        return None
    return WaitingPage(
        fields.read("status", _statuses, frozenset()),
        fields.read("code", path_of("the path of the code"), ValuePath(())),
        fields.read("says", lambda p: p.text("the code"), ""),
        fields.read("present", paths_of("the path"), ()),
    )


def _steps(place: Place, given: tuple[str, ...]) -> tuple[Step, ...]:
    known = set(given)
    steps: list[Step] = []
    for item in place.items("the steps"):
        step = _step(item, known, given)
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


def _step(place: Place, known: set[str], given: tuple[str, ...]) -> Step | None:
    fields = place.mapping("a step", ("name", "path"), _STEP_OPTIONS)
    if fields is None:
        return None
    captures = fields.read("capture", lambda p: _captures(p, given), ())
    step = Step(
        name=fields.read("name", lambda p: p.text("the step's name"), ""),
        method=fields.read("method", method_of, "GET"),
        path=fields.read("path", lambda p: _template(p, "the path", known), Template(("",))),
        headers=fields.read("headers", lambda p: _headers(p, known), ()),
        body=fields.read("body", lambda p: body_of(p, known), None),
        expect=fields.read("expect", _expectation, Expectation(frozenset({200}))),
        captures=captures,
        order=fields.read("order", _order, None),
        timeout_seconds=fields.read("timeout_seconds", _timeout, DEFAULT_TIMEOUT_SECONDS),
        think_seconds=fields.read("think_seconds", lambda p: p.seconds("the time to think", LONGEST_TIMEOUT_SECONDS), 0.0),
    )
    known.update(name for name, _ in captures)
    return step


def _timeout(place: Place) -> float:
    seconds = place.seconds("the time-out", LONGEST_TIMEOUT_SECONDS)
    if not seconds:
        place.wrong("expected a time-out above 0 seconds")
    return seconds


def _template(place: Place, what: str, known: set[str]) -> Template:
    template = Template.of(place.text(what))
    check_names(place, template.names, known)
    return template


def _headers(place: Place, known: set[str]) -> tuple[tuple[str, Template], ...]:
    if not isinstance(place.node, yaml.MappingNode):
        place.wrong(f"expected the headers as a mapping, found {kind_of(place.node)}")
        return ()
    pairs = ((str(key.value), Place(place.file, value, place.problems)) for key, value in place.node.value)
    return tuple((name.lower(), _template(value, f"the header {name}", known)) for name, value in pairs)


def _captures(place: Place, given: tuple[str, ...]) -> tuple[tuple[str, ValuePath], ...]:
    if not isinstance(place.node, yaml.MappingNode):
        place.wrong(f"expected captures as a mapping of a name to a path, found {kind_of(place.node)}")
        return ()
    captures: list[tuple[str, ValuePath]] = []
    for key, value in place.node.value:
        if str(key.value) in given:
            Place(place.file, key, place.problems).wrong(f"{key.value!r} is given to every journey; choose another name")
        captures.append((str(key.value), ValuePath.of(Place(place.file, value, place.problems).text("a path"))))
    return tuple(captures)


def _expectation(place: Place) -> Expectation:
    fields = place.mapping("what is expected", ("status",), ("present",))
    if fields is None:
        return Expectation(frozenset({200}))
    return Expectation(fields.read("status", _statuses, frozenset({200})), fields.read("present", paths_of("the path"), ()))


def _statuses(place: Place) -> frozenset[int]:
    value = place.value()
    statuses = value if isinstance(value, list) else [value]
    if statuses and all(type(status) is int and 100 <= status < 600 for status in statuses):  # noqa: PLR2004 - HTTP's numbers
        return frozenset(statuses)
    place.wrong(f"expected an HTTP status or a list of them, found {value!r}")
    return frozenset()


def _order(place: Place) -> OrderPaths | None:
    fields = place.mapping("the order", ("reference", "amount"))
    if fields is None:
        return None
    nowhere = ValuePath(())
    return OrderPaths(
        fields.read("reference", path_of("the path of the reference"), nowhere),
        fields.read("amount", path_of("the path of the amount"), nowhere),
    )


def _error_quality(place: Place) -> ErrorQuality | None:
    fields = place.mapping("the error quality", ("require",), ("forbid_words", "message"))
    if fields is None:
        return None
    return ErrorQuality(
        fields.read("require", paths_of("the path"), ()),
        fields.read("forbid_words", lambda p: tuple(item.text("a word").lower() for item in p.items("the words")), ()),
        fields.read("message", path_of("the path of the message"), ValuePath.of("error.message")),
    )
