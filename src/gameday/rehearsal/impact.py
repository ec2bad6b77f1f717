"""How bad it was, as measured, and whether whoever classified it said so: the severity is that of the worst stretch.

The thresholds are gameday's own, the same for every round: critical is when half of all customers or more cannot order, or when
money or orders are gone; major when one kind of customers cannot, however small it is, or more than 3 % of all fail; minor is
whatever is less. A runbook's guide may draw its lines elsewhere, and is not read here. Without traffic everything is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gameday.log import AnyEvent
from gameday.log.events import ChangeApplied, ChangeOwed, LedgerChecked, RoundEnded, RoundStarted
from gameday.log.people import Classified
from gameday.rehearsal.samples import Counts, Share, Traffic, share, traffic_of

STRETCH_SECONDS: Final = 10.0
"""What fails in less than such a stretch is no incident yet: the worst one decides."""
FEWEST_SAMPLES: Final = 30
CRITICAL_SHARE: Final = 0.5
MAJOR_SHARE: Final = 0.03
MAJOR_COHORT_SHARE: Final = 0.5
NOTHING_SHARE: Final = 0.01
"""Below this, customers are served as ever (the steady state of verdicts is 99 %)."""
GUIDE: Final[Mapping[str, str]] = {
    "critical": f"{CRITICAL_SHARE:.0%} or more of all customers cannot buy, or customers lose money or orders",
    "major": f"more than {MAJOR_SHARE:.0%} of all cannot buy, or {MAJOR_COHORT_SHARE:.0%} or more of one group, however small",
    "minor": "whatever is less",
}
"""The thresholds in words, for whoever classifies."""
_RANKS: Final[Mapping[str, int]] = {"none": 0, "minor": 1, "major": 2, "critical": 3}


@dataclass(frozen=True, slots=True)
class Impact:
    """What a round did to customers at worst."""

    failed: Share
    """Of all customers in the worst stretch."""
    at_mono: float
    """When that stretch began."""
    cohort: str
    """The kind of customers that fared worst, where the journey tells them apart; else empty."""
    cohort_failed: Share | None
    charged: int
    """Who was charged and has no order."""
    lost: int
    """Orders that were acknowledged, and are lost, doubled or altered."""
    severity: str
    """critical, major, minor or none."""
    because: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One classification beside what was measured."""

    classified: Classified
    judgement: str
    """right, under, over, or unknown where nothing was measured."""
    percent_judgement: str
    """The share that was said: right if it lies in the interval that was measured, else under or over; unknown without either."""


def impacts_of(events: Sequence[AnyEvent], traffic: Traffic | None = None) -> dict[str, Impact]:
    """Return the measured impact of every round that has traffic after its first fault."""
    counted = traffic or traffic_of(events)
    spans = _Spans()
    for event in events:
        spans.add(event)
    found = {}
    for round_id, (since, until) in spans.rounds():
        impact = impact_between(counted, since, until, spans.ledgers.get(round_id))
        if impact is not None:
            found[round_id] = impact
    return found


def impact_between(traffic: Traffic, since: float, until: float, ledger: LedgerChecked | None = None) -> Impact | None:
    """Return the impact in an interval of CLOCK_MONOTONIC; None where fewer than 30 customers came in it."""
    worst = _worst(traffic.everybody, since, until)
    if worst is None:
        return None
    failed, at = worst
    fared = {name: found[0] for name, counts in traffic.cohorts.items() if (found := _worst(counts, since, until))}
    cohort = max(fared, key=lambda name: (fared[name].value, fared[name].samples), default="")
    charged = len(ledger.unrecorded) if ledger else 0
    lost = len({*ledger.lost, *ledger.doubled, *ledger.altered}) if ledger else 0
    severity, because = severity_of(failed, fared.get(cohort), charged=charged, lost=lost)
    return Impact(failed, at, cohort, fared.get(cohort), charged, lost, severity, because)


def severity_of(failed: Share, cohort: Share | None, *, charged: int = 0, lost: int = 0) -> tuple[str, str]:
    """Return the severity of an impact by the thresholds above, and which one decided."""
    if charged or lost:
        what = "customers were charged and have no order" if charged else "orders that were confirmed are not as promised"
        return "critical", what
    if failed.value >= CRITICAL_SHARE:
        return "critical", f"at least {_percent(CRITICAL_SHARE)} of all customers failed"
    if cohort is not None and cohort.value >= MAJOR_COHORT_SHARE:
        return "major", f"at least {_percent(MAJOR_COHORT_SHARE)} of one kind of customers failed"
    if failed.value > MAJOR_SHARE:
        return "major", f"more than {_percent(MAJOR_SHARE)} of all customers failed"
    if failed.value > NOTHING_SHARE:
        return "minor", f"more than {_percent(NOTHING_SHARE)} of all customers failed"
    return "none", f"no more than {_percent(NOTHING_SHARE)} of all customers failed"


def _percent(part: float) -> str:
    return f"{part * 100:g} %"


def compared(classified: Sequence[Classified], impact: Impact | None) -> tuple[Comparison, ...]:
    """Hold each classification against the impact; where nobody failed, minor is right, too."""
    return tuple(Comparison(item, _judged(item.severity, impact), _percent_judged(item, impact)) for item in classified)


def _judged(said: str, impact: Impact | None) -> str:
    if impact is None or said not in _RANKS:
        return "unknown"
    measured = max(_RANKS[impact.severity], _RANKS["minor"])
    return "right" if _RANKS[said] == measured else "under" if _RANKS[said] < measured else "over"


def _percent_judged(item: Classified, impact: Impact | None) -> str:
    if impact is None or item.affected_percent is None:
        return "unknown"
    said = item.affected_percent / 100
    if impact.failed.low <= said <= impact.failed.high:
        return "right"
    return "under" if said < impact.failed.low else "over"


def _worst(counts: Counts, since: float, until: float) -> tuple[Share, float] | None:
    """Return the greatest share that failed in a stretch of ten seconds (or all of it, if it is shorter), and its beginning."""
    found = [
        (part, start)
        for start in _starts(counts, since, until)
        if (part := _failed(counts, start, min(start + STRETCH_SECONDS, until)))
    ]
    enough = [item for item in found if item[0].samples >= FEWEST_SAMPLES]
    if not enough:
        # So few customers that no ten seconds say anything: all of them together, if they do.
        whole = _failed(counts, since, until)
        return (whole, since) if whole and whole.samples >= FEWEST_SAMPLES else None
    return max(enough, key=lambda item: (item[0].value, -item[1]))


def _failed(counts: Counts, since: float, until: float) -> Share | None:
    ok, failed = counts.between(since, until)
    return share(failed, ok)


def _starts(counts: Counts, since: float, until: float) -> Iterator[float]:
    """Yield where stretches begin: every second, so that four hours are 14,400 of them, and the last whole one."""
    last = max(since, min(until, counts.starts[-1] + 0.1 if counts.starts else since) - STRETCH_SECONDS)
    number = int(last - since)
    yield from (since + second for second in range(number + 1))
    if last > since + number:
        yield last


class _Spans:
    """From when to when each round is looked at: from its first fault to its end."""

    def __init__(self) -> None:
        self.ledgers: dict[str, LedgerChecked] = {}
        self._faults: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self._until: dict[str, float] = {}
        self._last = 0.0

    def add(self, event: AnyEvent) -> None:
        """Take the next event into account."""
        self._last = max(self._last, event.mono)
        if isinstance(event, RoundStarted):
            self._until.pop(event.round, None)
        elif isinstance(event, ChangeOwed) and event.is_fault:
            self._faults[event.change_id] = event.round
        elif isinstance(event, ChangeApplied) and event.change_id in self._faults:
            self._since.setdefault(self._faults[event.change_id], event.applied_mono)
        elif isinstance(event, LedgerChecked) and not event.error:
            self.ledgers[event.round] = event
        elif isinstance(event, RoundEnded):
            self._until[event.round] = event.mono

    def rounds(self) -> Iterator[tuple[str, tuple[float, float]]]:
        """Yield each round in which something was done."""
        yield from ((name, (since, self._until.get(name, self._last))) for name, since in self._since.items())
