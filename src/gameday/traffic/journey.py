"""A journey: the requests by which one customer gets what they came for, as plain values.

Its YAML form is read by `journey_file`, its requests are sent by `player`. A `${name}` in a path, header or body stands
for a value: `customer`, `key` (new for each journey, the idempotency key), `number` (0, 1, 2 …) and `run` are given;
everything else was captured from an earlier answer, or is what the customer's cohort gives: `cohort`, and its `values`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

GIVEN = ("customer", "key", "number", "run")
"""The names that every journey has from the start."""

COHORT = "cohort"
"""The name that a journey with cohorts has besides."""

_GOLDEN = 0.6180339887498949
_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_MISSING = object()


class MissingValueError(LookupError):
    """An answer lacks what was to be taken out of it."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with `${names}` in it; `parts` are by turns literal text and a name."""

    parts: tuple[str, ...]

    @staticmethod
    def of(text: str) -> Template:
        """Return the template that is written like this."""
        return Template(tuple(_REFERENCE.split(text)))

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it needs."""
        return self.parts[1::2]

    def fill(self, values: Mapping[str, Any], written: Callable[[str], str] = str) -> str:
        """Return the text with every name replaced by its value, as `written` writes it (percent-encoded, in a path)."""
        return "".join(written(str(values[part])) if index % 2 else part for index, part in enumerate(self.parts))


@dataclass(frozen=True, slots=True)
class BodyTemplate:
    """A JSON body; a string that is nothing but one `${name}` becomes the value itself, be it a number or a list."""

    parts: tuple[str, ...]
    """By turns literal JSON and a name whose value is written as JSON."""

    @staticmethod
    def of(value: Any) -> BodyTemplate:
        """Return the template of a JSON value with `${names}` in its strings."""
        text = json.dumps(value, separators=(",", ":"))
        # "${name}" alone stands for the JSON of the value, "a ${name} b" for a text inside a string.
        whole = re.sub(r'"\$\{([^}"]*)\}"', "\0\\1\0", text)
        inside = _REFERENCE.sub("\0=\\1\0", whole)
        return BodyTemplate(tuple(inside.split("\0")))

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it needs."""
        return tuple(part.removeprefix("=") for part in self.parts[1::2])

    def fill(self, values: Mapping[str, Any]) -> bytes:
        """Return the body with every name replaced by its value."""
        return "".join(_filled(part, values) if index % 2 else part for index, part in enumerate(self.parts)).encode()


def _filled(part: str, values: Mapping[str, Any]) -> str:
    if part.startswith("="):
        return json.dumps(str(values[part[1:]]))[1:-1]
    return json.dumps(values[part])


@dataclass(frozen=True, slots=True)
class ValuePath:
    """Where in a JSON answer a value stands: names and list positions with dots between (`order.lines.0.sku`)."""

    steps: tuple[str, ...]

    @staticmethod
    def of(text: str) -> ValuePath:
        """Return the path that is written like this."""
        return ValuePath(tuple(text.split(".")))

    def find(self, value: Any) -> Any:
        """Return what stands there; raise `MissingValueError` where nothing does."""
        for step in self.steps:
            if isinstance(value, Mapping):
                value = value.get(step, _MISSING)
            elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            else:
                value = _MISSING
            if value is _MISSING:
                raise MissingValueError(f"expected {'.'.join(self.steps)} in the answer, found no {step}")
        return value


@dataclass(frozen=True, slots=True)
class Expectation:
    """When a step has succeeded."""

    statuses: frozenset[int]
    present: tuple[ValuePath, ...] = ()
    """What must be in the answer's body."""


@dataclass(frozen=True, slots=True)
class OrderPaths:
    """Where an answer that acknowledges an order says which; the key is the journey's own."""

    reference: ValuePath
    amount: ValuePath


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a journey."""

    name: str
    method: str
    path: Template
    headers: tuple[tuple[str, Template], ...]
    body: BodyTemplate | None
    expect: Expectation
    captures: tuple[tuple[str, ValuePath], ...]
    order: OrderPaths | None
    timeout_seconds: float
    think_seconds: float
    """How long the customer waits before this step; no part of any latency."""


@dataclass(frozen=True, slots=True)
class ErrorQuality:
    """What an error has to say to be fit for a customer, and which words it may not use."""

    require: tuple[ValuePath, ...]
    forbid_words: tuple[str, ...]
    message: ValuePath
    """Where the forbidden words are looked for."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """The request that finds many orders at once; its body takes `${references}` and `${keys}`, lists of words."""

    method: str
    path: str
    body: BodyTemplate
    orders: ValuePath
    """Where the list of orders stands in the answer."""
    reference: ValuePath
    key: ValuePath
    amount: ValuePath
    state: ValuePath | None
    """Where an order says whether it counts, and …"""
    counts_when: str
    """… what it says then; any other order is as good as none."""


@dataclass(frozen=True, slots=True)
class KeyLookUp:
    """The request that says which of many keys something is known of; its body takes `${keys}`."""

    method: str
    path: str
    body: BodyTemplate
    found: ValuePath
    """Where the list stands in the answer."""
    key: ValuePath


@dataclass(frozen=True, slots=True)
class Ledger:
    """How the shop is asked afterwards what became of a journey's orders."""

    orders: LookUp
    charges: KeyLookUp | None = None
    """Which keys money was taken for; None where the shop cannot say."""
    failures: KeyLookUp | None = None
    """Which failed submits the shop knows of, so that somebody can be told; None where it keeps no such list."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """A kind of customers that fares alike: those of the app, those of one country, those who buy one product."""

    name: str
    share_percent: float
    """How many of all customers belong to it."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What its customers' steps have besides, by name."""


@dataclass(frozen=True, slots=True)
class WaitingPage:
    """The answer by which a shop that is full says so, whichever step it comes to."""

    statuses: frozenset[int]
    code: ValuePath
    """Where the answer says what it is, and …"""
    says: str
    """… what it says there."""
    present: tuple[ValuePath, ...]
    """What it has to tell besides, so as to be honest: for how long, for one."""


@dataclass(frozen=True, slots=True)
class Journey:
    """What a customer does, step by step, and how its orders are looked up afterwards."""

    name: str
    description: str
    steps: tuple[Step, ...]
    error_quality: ErrorQuality | None
    ledger: Ledger | None
    cohorts: tuple[Cohort, ...] = ()
    waiting: WaitingPage | None = None

    @property
    def look_up(self) -> LookUp | None:
        """How its orders are found."""
        return None if self.ledger is None else self.ledger.orders

    def cohort_of(self, number: int) -> Cohort | None:
        """Return the cohort of the customer with a number; None where the journey has no cohorts.

        Multiples of the golden ratio are spread as evenly as can be, so that a stretch of any length has each cohort's
        share in it, to within a customer or two, and the same number is always of the same cohort.
        """
        place = number * _GOLDEN % 1.0 * 100.0
        for cohort in self.cohorts:
            place -= cohort.share_percent
            if place < 0:
                return cohort
        return self.cohorts[-1] if self.cohorts else None

    @property
    def longest_step_seconds(self) -> float:
        """The longest time-out of any step, which is how long a window can be held open."""
        return max(step.timeout_seconds for step in self.steps)

    @property
    def longest_seconds(self) -> float:
        """The longest that a whole journey can take, which is how long a generator may need after a stop."""
        return sum(step.timeout_seconds + step.think_seconds for step in self.steps)
