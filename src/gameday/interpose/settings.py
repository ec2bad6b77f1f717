"""The settings document: which requests are harmed, how, and until when. Read strictly, and refused as a whole.

One JSON object (docs/interposing.md has every field). A misspelt field, a value out of bounds or a combination that cannot be
meant is a `BadParameterError` that names the field and what was expected, so that whoever plans a fault can ask beforehand.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from gameday.errors import BadParameterError
from gameday.interpose.faults import Delay, Fault, Latency, Normal, Pareto, Refuse, Status, Uniform

LONGEST_FAULT_SECONDS = 86400.0
MOST_RULES = 100
LONGEST_DOCUMENT = 1 << 20
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PRINTABLE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_FRAMING = {"content-length", "transfer-encoding", "connection", "upgrade", "trailer"}
_WITHOUT_BODY = {204, 304}
_Word = Annotated[str, Meta(min_length=1, max_length=200)]
_Pattern = Annotated[str, Meta(min_length=1, max_length=2000)]

Protocol = Literal["http", "tcp"]


class Customer(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """By what a customer is known again: exactly one of these, by its name."""

    header: _Word | None = None
    cookie: _Word | None = None
    query: _Word | None = None


class Match(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which requests: those to which everything said here applies; the empty match is every request."""

    methods: Annotated[list[_Word], Meta(min_length=1)] | None = None
    path: _Pattern | None = None
    headers: dict[str, _Pattern] = {}
    query: dict[str, _Pattern] = {}
    percent: Annotated[float, Meta(gt=0, le=100)] = 100.0
    customer: Customer | None = None
    seed: Annotated[str, Meta(max_length=64)] = ""

    @property
    def asks_for_a_request(self) -> bool:
        """Whether it takes a request to decide, and not just a connection."""
        return bool(self.methods or self.path or self.headers or self.query or self.customer)


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """One match, and the fault that it meets."""

    name: _Word
    fault: Fault
    match: Match = Match()


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole document; the first rule that matches wins. Without rules everything passes."""

    id: _Word
    protocol: Protocol
    rules: Annotated[list[Rule], Meta(max_length=MOST_RULES)] = []
    until: Annotated[datetime, Meta(tz=True)] | None = None


@cache
def _decoder() -> msgspec.json.Decoder[Settings]:
    """Make the decoder when settings are first read: who imports this room for its names reads none."""
    return msgspec.json.Decoder(Settings)


def read_settings(document: bytes, *, protocol: Protocol | None = None) -> Settings:
    """Return the settings in a document; BadParameterError with what is wrong. `protocol` is what the proxy speaks, if known."""
    if len(document) > LONGEST_DOCUMENT:
        raise BadParameterError(f"expected settings of at most {LONGEST_DOCUMENT} bytes, found {len(document)}")
    try:
        settings = _decoder().decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadParameterError(f"the settings cannot be read: {_in_our_words(str(error))}") from None
    problems = list(_problems(settings))
    if protocol is not None and settings.protocol != protocol:
        problems.insert(0, f"protocol: expected {protocol}, which this proxy was started for, found {settings.protocol}")
    if problems:
        raise BadParameterError("the settings cannot be meant: " + "; ".join(problems))
    return settings


def _in_our_words(text: str) -> str:
    """Put the field first: msgspec says ``Expected `float` <= 100 - at `$.rules[0].match.percent` ``."""
    said, _, where = text.partition(" - at `")
    said = said[:1].lower() + said[1:].replace("`", "")
    return f"{where.strip('`').removeprefix('$').removeprefix('.')}: {said}" if where.strip("`$") else said


def _problems(settings: Settings) -> Iterator[str]:
    if settings.rules and settings.until is None:
        yield "until: expected the moment at which the faults end by themselves, found none"
    for name, number in Counter(rule.name for rule in settings.rules).items():
        if number > 1:
            yield f"rules: expected a name of its own for each, found {name!r} {number} times"
    for index, rule in enumerate(settings.rules):
        where = f"rules[{index}]"
        yield from _problems_of_match(rule.match, f"{where}.match")
        if isinstance(rule.fault, Refuse) and rule.match.asks_for_a_request:
            yield (
                f"{where}.match: expected only a percentage of connections for refuse, since there is no request yet when "
                "one is refused; reset takes any match"
            )
        if isinstance(rule.fault, Latency):
            yield from _problems_of_delay(rule.fault.delay, f"{where}.fault.delay")
        if isinstance(rule.fault, Status):
            yield from _problems_of_status(rule.fault, f"{where}.fault")
        if settings.protocol == "tcp" and rule.match.asks_for_a_request:
            yield f"{where}.match: expected only a percentage of connections with protocol tcp, found what only requests have"
        if settings.protocol == "tcp" and isinstance(rule.fault, Status):
            yield f"{where}.fault: expected another kind with protocol tcp, where nothing has a status, found status"


def _problems_of_match(match: Match, where: str) -> Iterator[str]:
    for method in match.methods or ():
        if not _TOKEN.fullmatch(method) or method != method.upper():
            yield f"{where}.methods: expected methods as they are sent, such as GET, found {method!r}"
    if match.path is not None and not match.path.startswith(("/", "*")):
        yield f"{where}.path: expected a pattern such as /orders/*, beginning with / or *, found {match.path!r}"
    for name in match.headers:
        if not _TOKEN.fullmatch(name):
            yield f"{where}.headers: expected the name of a header, found {name!r}"
    if match.customer is not None:
        named = [name for name in (match.customer.header, match.customer.cookie, match.customer.query) if name]
        if len(named) != 1:
            yield f"{where}.customer: expected exactly one of header, cookie and query, found {len(named)}"
        if match.customer.header is not None and not _TOKEN.fullmatch(match.customer.header):
            yield f"{where}.customer.header: expected the name of a header, found {match.customer.header!r}"


def _problems_of_delay(delay: Delay, where: str) -> Iterator[str]:
    if isinstance(delay, Uniform) and delay.jitter_seconds > delay.seconds:
        yield f"{where}.jitter_seconds: expected at most the {delay.seconds:g} s that it is about, found {delay.jitter_seconds:g}"
    if isinstance(delay, Normal | Pareto):
        about = delay.mean_seconds if isinstance(delay, Normal) else delay.least_seconds
        if delay.most_seconds < about:
            yield f"{where}.most_seconds: expected at least the {about:g} s that it is about, found {delay.most_seconds:g}"


def _problems_of_status(fault: Status, where: str) -> Iterator[str]:
    if fault.reason and not _PRINTABLE.fullmatch(fault.reason):
        yield f"{where}.reason: expected one line of printable characters, found {fault.reason!r}"
    if fault.body and fault.status in _WITHOUT_BODY:
        yield f"{where}.body: expected none with {fault.status}, which has no body"
    for name, value in fault.headers.items():
        if not _TOKEN.fullmatch(name) or not _PRINTABLE.fullmatch(value):
            yield f"{where}.headers: expected a header's name and one line of printable characters, found {name!r}: {value!r}"
        elif name.lower() in _FRAMING:
            yield f"{where}.headers: expected none that frames the answer, which the proxy does, found {name}"
