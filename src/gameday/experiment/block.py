"""Our block in an experiment, `extensions: [{name: gameday, …}]`, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from gameday.errors import Problem, UsageError
from gameday.experiment.model import (
    DEFAULT_BASELINE_SECONDS,
    DEFAULT_CAPS,
    DEFAULT_LANDING_TIMEOUT_SECONDS,
    DEFAULT_RATE_PER_SECOND,
    DEFAULT_RECOVERY_TIMEOUT_SECONDS,
    Objectives,
    TrafficSpec,
    Verdict,
)
from gameday.experiment.stops import Stop, read_stops
from gameday.fields import Fields, did_you_mean
from gameday.workspace import Catalogue
from gameday.yamlfile import Document

NAME = "gameday"
VERDICTS = ("held", "deviated", "inconclusive")


@dataclass(frozen=True, slots=True)
class Block:
    """What our block says; a file without one has the defaults."""

    runbook: str = ""
    runbook_path: Path | None = None
    traffic: TrafficSpec | None = None
    objectives: Objectives = Objectives()  # noqa: RUF009  # frozen
    expect: Verdict = "held"
    caps: Mapping[str, int] = field(default_factory=lambda: DEFAULT_CAPS)
    namespaces: tuple[str, ...] = ()
    baseline_seconds: float = DEFAULT_BASELINE_SECONDS
    recovery_timeout_seconds: float = DEFAULT_RECOVERY_TIMEOUT_SECONDS
    landing_timeout_seconds: float = DEFAULT_LANDING_TIMEOUT_SECONDS
    drill_orders: str = ""
    owners: tuple[str, ...] = ()
    stops: tuple[Stop, ...] = ()


def find_block(document: Document, problems: list[Problem]) -> int | None:
    """Return the position of our block under `extensions`, or None; a second or a misspelt one is a problem."""
    extensions = document.data.get("extensions")
    if extensions is None:
        return None
    if not isinstance(extensions, list):
        problems.append(document.problem(("extensions",), "expected a list of extensions, each with its name"))
        return None
    ours: list[int] = []
    for index, extension in enumerate(extensions):
        name = extension.get("name") if isinstance(extension, dict) else None
        if not isinstance(name, str) or not name.strip():
            problems.append(document.problem(("extensions", index), "an extension needs a name"))
        elif name == NAME:
            ours.append(index)
        elif did_you_mean(name, [NAME]):
            problems.append(
                document.problem(("extensions", index, "name"), f"unknown extension {name!r}{did_you_mean(name, [NAME])}")
            )
    second = f"expected one extension called {NAME}, but this is a second one"
    problems.extend(document.problem(("extensions", index), second) for index in ours[1:])
    return ours[0] if ours else None


def read_block(fields: Fields, catalogue: Catalogue) -> Block:
    """Read our block; what is wrong is noted in the fields' problems."""
    fields.text("name")
    namespaces = fields.texts("namespaces")
    runbook, runbook_path = _runbook(fields, catalogue)
    block = Block(
        runbook=runbook,
        runbook_path=runbook_path,
        traffic=read_traffic(fields, catalogue, namespaces),
        objectives=read_objectives(fields),
        expect=read_expect(fields, "held"),
        caps=_caps(fields),
        namespaces=namespaces,
        baseline_seconds=fields.seconds("baseline", DEFAULT_BASELINE_SECONDS),
        recovery_timeout_seconds=fields.seconds("recovery_timeout", DEFAULT_RECOVERY_TIMEOUT_SECONDS),
        landing_timeout_seconds=fields.seconds("landing_timeout", DEFAULT_LANDING_TIMEOUT_SECONDS),
        drill_orders=_drill_orders(fields),
        owners=fields.texts("owners"),
        stops=read_stops(fields),
    )
    fields.raw("prepare", [])  # activities, which `reading` reads with the others
    fields.done()
    return block


def read_expect(fields: Fields, default: Verdict) -> Verdict:
    """Read which verdict is expected."""
    return cast("Verdict", fields.choice("expect", VERDICTS, default))


def read_objectives(fields: Fields) -> Objectives:
    """Read `objectives: {rto, rpo}`."""
    inner = fields.mapping("objectives")
    if inner is None:
        return Objectives()
    found = Objectives(rto_seconds=inner.seconds("rto", None), rpo_seconds=inner.seconds("rpo", None))
    inner.done()
    return found


def read_traffic(fields: Fields, catalogue: Catalogue, namespaces: tuple[str, ...]) -> TrafficSpec | None:
    """Read `traffic: {journey, rate, url, service, namespace}`; the journey must exist."""
    inner = fields.mapping("traffic")
    if inner is None:
        return None
    journey = inner.text("journey", required=True)
    path = _found(inner, "journey", journey, catalogue)
    rate = inner.rate("rate", DEFAULT_RATE_PER_SECOND)
    if rate <= 0:
        inner.note("rate: expected more than zero", "rate")
    url = inner.text("url")
    if url and not url.startswith(("http://", "https://")):
        inner.note(f"url: expected it to begin with http:// or https://, but got {url!r}", "url")
    namespace = inner.text("namespace", "" if url or not namespaces else namespaces[0])
    found = TrafficSpec(journey, rate, url, inner.text("service", "storefront"), namespace, path)
    inner.done()
    return found


def _drill_orders(fields: Fields) -> str:
    mark = fields.text("drill_orders")
    if mark and not fields.has("traffic"):
        fields.note("drill_orders: expected `traffic` beside it, since without customers there are no orders", "drill_orders")
    return mark


def _runbook(fields: Fields, catalogue: Catalogue) -> tuple[str, Path | None]:
    name = fields.text("runbook")
    return name, _found(fields, "runbook", name, catalogue)


def _found(fields: Fields, kind: Any, name: str, catalogue: Catalogue) -> Path | None:
    if not name:
        return None
    try:
        return catalogue.resolve(kind, name, beside=Path(fields.document.file))
    except UsageError as error:
        fields.note(str(error), kind)
        return None


def _caps(fields: Fields) -> Mapping[str, int]:
    inner = fields.mapping("caps")
    if inner is None:
        return DEFAULT_CAPS
    caps = dict(DEFAULT_CAPS)
    for key, most in (("pods", None), ("objects", None), ("percent", 100)):
        value = inner.raw(key, caps.get(key))
        if value is None and not inner.has(key):
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1 or (most is not None and value > most):
            inner.note(f"{key}: expected a whole number from 1 {f'to {most}' if most else 'up'}, but got {value!r}", key)
        else:
            caps[key] = value
    inner.done()
    return caps
