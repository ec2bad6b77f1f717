"""The judgement of one round. Each question below is asked of the log, and may answer with reasons against *held*.

The order is that of severity: what makes the round inconclusive is looked for first, because a deviation that was measured
on a red baseline, by a generator that fell behind, or without a fault in place says nothing about the system.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gameday.log.events import (
    BY_STEP,
    AbortRequested,
    ActivityEnded,
    ChangeApplied,
    ChangeFailed,
    ChangeLanded,
    ChangeOwed,
    LedgerChecked,
    LoadEnded,
    LoadStarted,
    Noted,
    PhaseEnded,
    PhaseStarted,
    ProbeMeasured,
    RecoveryStarted,
    RoundEnded,
    RoundStarted,
    UndoEnded,
    VerdictGiven,
)
from gameday.log.every import AnyEvent
from gameday.traffic.windows import Recovery, between, generator_kept_up, unanswered_seconds
from gameday.verdict import drills
from gameday.verdict.samples import recovery_of, windows_of

HELD: Final = "held"
DEVIATED: Final = "deviated"
INCONCLUSIVE: Final = "inconclusive"
UNTRACKED_PROBE: Final = "gameday.probes.orders.untracked"
CUT_OFF_SECONDS: Final = 1.0
"""So long without an answer from anybody, and it may be the runner that is alone."""


@dataclass(frozen=True, slots=True)
class RoundVerdict:
    """What a round shows, and why."""

    verdict: str
    expected: str
    reasons: tuple[str, ...]
    recovery: Recovery | None = None
    within_objective: bool | None = None
    recovery_point_seconds: float | None = None
    """In a drill that restores a database: how old the newest recovered order was at the loss."""

    @property
    def is_expected(self) -> bool:
        """Whether it came out as the plan says."""
        return self.verdict == self.expected


@dataclass(frozen=True, slots=True)
class _Round:
    """A round's own events, those of the whole run, and what was measured from them."""

    started: RoundStarted
    own: Sequence[AnyEvent]
    during: Sequence[AnyEvent]
    """Everything that was written from its first event to its last, of the run as a whole too."""
    all: Sequence[AnyEvent]
    recovery: Recovery | None

    @property
    def id(self) -> str:
        return self.started.round


def judge(events: Sequence[AnyEvent], round_id: str) -> RoundVerdict:
    """Judge a round by its log. ValueError if the log has no such round."""
    round_ = _round(events, round_id)
    doubts = [*_doubts(round_)]
    deviations = [*_deviations(round_)]
    if doubts:
        return _given(round_, INCONCLUSIVE, [*doubts, *deviations])
    if deviations:
        return _given(round_, DEVIATED, deviations)
    set_back = [*_set_back(round_)]
    if set_back:
        return _given(round_, INCONCLUSIVE, set_back)
    return _given(round_, HELD, [*_confirmations(round_)])


def _round(events: Sequence[AnyEvent], round_id: str) -> _Round:
    own = [event for event in events if event.round == round_id]
    started = next((event for event in own if isinstance(event, RoundStarted)), None)
    if started is None:
        raise ValueError(f"the log has no round {round_id!r}")
    # What prepared the round is undone after its verdict, and no part of what was judged.
    last = next((event.seq for event in own if isinstance(event, VerdictGiven | RoundEnded)), float("inf"))
    own = [event for event in own if event.seq <= last]
    during = [event for event in events if started.seq < event.seq < last]
    until = min(_end_of(own), drills.undo_began(started, own))
    return _Round(started, own, during, events, recovery_of(events, round_id, until=until))


def _end_of(own: Sequence[AnyEvent]) -> float:
    """Return when a round was judged, so that what comes after it, and the next one's faults, are not taken for its own."""
    return next((event.mono for event in own if isinstance(event, VerdictGiven | RoundEnded)), float("inf"))


def _foreign(round_: _Round) -> list[str]:
    """Return the actions of other extensions that ran, which a user lets run at all only by saying so (--unguarded)."""
    ran = {event.name for event in round_.own if isinstance(event, ActivityEnded) and event.phase == "method"}
    return [name for name in round_.started.foreign if name in ran]


def _ended(round_: _Round, phase: str) -> list[PhaseEnded]:
    """Return the ends of a phase; none if it did not come to its end."""
    return [event for event in round_.own if isinstance(event, PhaseEnded) and event.phase == phase]


def _objective(round_: _Round) -> float | None:
    return round_.started.objectives.get("rto_seconds")


def _given(round_: _Round, verdict: str, reasons: Sequence[str]) -> RoundVerdict:
    objective = _objective(round_)
    recovery = round_.recovery
    within = None if objective is None or recovery is None else recovery.seconds <= objective
    return RoundVerdict(
        verdict,
        round_.started.expected,
        tuple(reasons),
        recovery,
        within,
        recovery_point_seconds=drills.known_seconds(round_.started, round_.own),
    )


# ------------------------------------------------------------------------------------------------ what makes it inconclusive


def _doubts(round_: _Round) -> Iterator[str]:
    yield from _interrupted(round_)
    yield from _preparation(round_)
    yield from _baseline(round_)
    yield from _injection(round_)
    yield from _evidence(round_)
    yield from _measurements(round_)
    yield from _generator(round_)
    yield from _cut_off(round_)
    for event in round_.own:
        if isinstance(event, LedgerChecked) and event.error:
            yield f"the orders could not be looked up: {event.error}"
    yield from drills.doubts(round_.started, round_.own)


def fault_doubts(events: Sequence[AnyEvent], round_id: str) -> list[str]:
    """Return what makes it doubtful that this round's fault, and what customers had of it, are what the log says."""
    round_ = _round(events, round_id)
    found = [*_interrupted(round_), *_preparation(round_), *_baseline(round_), *_injection(round_), *_evidence(round_)]
    return [*found, *_generator(round_), *_cut_off(round_)]


def lost_orders(events: Sequence[AnyEvent], round_id: str) -> list[str]:
    """Return what the round shows of orders that were acknowledged and are not there, not once, or not as they were told."""
    return [*_acknowledged_orders(_round(events, round_id))]


def _interrupted(round_: _Round) -> Iterator[str]:
    for event in round_.during:
        if isinstance(event, AbortRequested):
            yield f"the run was aborted ({event.reason}) before the round was over"
        if isinstance(event, RecoveryStarted):
            yield f"the run had to be recovered: {event.reason}"


def _preparation(round_: _Round) -> Iterator[str]:
    for event in _ended(round_, "prepare"):
        if event.outcome != "ok":
            yield f"what must stand before the baseline does not: {event.detail}"


def _baseline(round_: _Round) -> Iterator[str]:
    ended = _ended(round_, "baseline")
    if not ended:
        yield "the steady state was not measured before anything was changed"
    for event in ended:
        if event.outcome not in {"ok", "aborted"}:
            yield f"the steady state was not met before anything was changed: {event.detail}"


def _injection(round_: _Round) -> Iterator[str]:
    injected = {event.change_id for event in round_.own if isinstance(event, ChangeOwed) and event.is_fault}
    for event in round_.own:
        if isinstance(event, ActivityEnded) and event.phase == "method":
            yield from _without_effect(event)
        if isinstance(event, ChangeFailed) and event.change_id in injected:
            yield f"a change was not applied: {event.error}"
    ran = _foreign(round_)
    for name in round_.started.foreign if _ended(round_, "method") else ():
        if name not in ran:
            yield f"the action {name!r} of another extension never said how it ended"


def _without_effect(event: ActivityEnded) -> Iterator[str]:
    """Say what shows that an activity of the method did nothing."""
    if event.status != "succeeded":
        yield f"the {event.kind} {event.name!r} of the method failed: {event.error}"
    elif event.kind == "probe" and event.tolerance_met is False:
        wanted = _tolerance(event.tolerance)
        yield f"the probe {event.name!r} of the method expected {wanted}, but measured {_number(event.output)}"
    elif isinstance(event.output, dict) and event.output.get("changes") == []:
        yield f"the action {event.name!r} changed nothing: {event.output.get('seen')}"


def _evidence(round_: _Round) -> Iterator[str]:
    owed = {event.change_id: event for event in round_.own if isinstance(event, ChangeOwed) and event.is_fault}
    applied = {event.change_id for event in round_.own if isinstance(event, ChangeApplied)}
    failed = {event.change_id for event in round_.own if isinstance(event, ChangeFailed)}
    landed = [event for event in round_.own if isinstance(event, ChangeLanded)]
    if not owed and not _foreign(round_):
        yield "nothing was changed, so nothing was tested"
    for look in landed:
        if not look.landed and owed.keys() & set(look.change_ids):
            word = "cannot be shown to have landed" if look.landed is None else "did not land, although the API took it"
            yield f"the fault {word}: {look.seen}"
    for event in owed.values():
        if event.kind == "patch" and event.fields and all(field["before"] == field["after"] for field in event.fields):
            yield f"what was to be changed was there already: {event.summary}"
    looked_for = {change for event in landed for change in event.change_ids}
    for change_id, event in owed.items():
        if change_id in applied - looked_for:
            yield f"the fault was applied but never looked for: {event.summary}"
        if change_id not in applied | failed:
            yield f"the cluster never said whether it was applied: {event.summary}"


def _measurements(round_: _Round) -> Iterator[str]:
    after = [event for event in round_.own if isinstance(event, ActivityEnded) and event.phase == "after"]
    if not after:
        yield "the steady state was not measured after the fault"
    elif not _ended(round_, "hypothesis"):
        yield "the steady state was not measured to the end after the fault"
    for event in after:
        if event.status != "succeeded":
            yield f"the probe {event.name!r} could not look: {event.error}"
        elif event.tolerance_met is None:
            yield f"the probe {event.name!r} was held against no tolerance"
    objective = _objective(round_)
    if objective is not None and round_.recovery is None and not _ended(round_, "recovery"):
        yield f"it was not watched whether it recovered; the objective is {objective:g} s"


def _generator(round_: _Round) -> Iterator[str]:
    if not any(isinstance(event, LoadStarted) for event in round_.all):
        return
    windows = between(windows_of(round_.all), round_.started.mono, _end_of(round_.own))
    if not windows:
        yield "no customers' journeys were measured during the round"
    elif not generator_kept_up(windows):
        worst = max(window.behind_seconds for window in windows)
        yield f"the load generator itself fell behind its schedule (by up to {worst * 1000:.0f} ms), so its figures prove nothing"
    for event in round_.during:
        if isinstance(event, LoadEnded) and event.error:
            yield f"the load generator failed: {event.error}"


def _cut_off(round_: _Round) -> Iterator[str]:
    """Say for how long nobody answered the runner, neither the cluster nor the shop: it may have been cut off itself."""
    windows = between(windows_of(round_.all), round_.started.mono, _end_of(round_.own))
    silences = (
        unanswered_seconds(between(windows, event.mono - event.silent_seconds, event.mono))
        for event in round_.during
        if isinstance(event, Noted) and event.silent_seconds >= CUT_OFF_SECONDS
    )
    longest = max(silences, default=0.0)
    if longest >= CUT_OFF_SECONDS:
        yield (
            f"for {longest:.0f} s neither the cluster nor one customer's request was answered: the machine that measured "
            "may itself have been cut off"
        )


def _set_back(round_: _Round) -> Iterator[str]:
    """Name the fields that were as before again when they were to be undone, and neither the run nor its runbook had done so.

    In a rehearsal people set them back, as they should, but not before everything was measured.

    A deviation that was measured stands all the same; but that the service held says nothing if the fault was gone by then.
    """
    if round_.started.runbook_mode == "people":
        for event in round_.own:
            if isinstance(event, PhaseStarted) and event.phase == "people" and event.detail:
                yield f"{event.detail}, and nothing shows how long the fault was in place"
        return
    owed = [event for event in round_.own if isinstance(event, ChangeOwed)]
    by_steps = {event.object for event in owed if event.by.startswith(BY_STEP)}
    made = {event.entry for event in owed if event.kind == "create" and event.is_fault and event.entry}
    wrote: dict[tuple[str, str], object] = {}
    for event in round_.own:
        if isinstance(event, ChangeOwed):
            wrote |= {(event.entry, field["path"]): field["after"] for field in event.fields}
        if not isinstance(event, UndoEnded) or event.object in by_steps:
            continue
        if event.entry in made and event.outcome == "already":
            yield f"{event.object}, which the fault had made, was taken away meanwhile, and nothing shows how long it stood"
        # Whoever undoes once more finds that as well.
        made.discard(event.entry)
        for field in event.fields:
            path, found = field["path"], field["found"]
            if field["outcome"] == "already" and wrote.get((event.entry, path), found) != found:
                yield f"{path} of {event.object} was set back meanwhile, and nothing shows how long the fault was in place"


# ------------------------------------------------------------------------------------------------ what deviates, what holds


def _deviations(round_: _Round) -> Iterator[str]:
    for event in round_.own:
        if isinstance(event, ActivityEnded) and event.phase == "after" and event.tolerance_met is False:
            seen = _seen(round_, event)
            told = f" ({seen})" if seen else ""
            yield f"{event.name}: expected {_tolerance(event.tolerance)}, but measured {_number(event.output)}{told}"
        if isinstance(event, LedgerChecked) and event.untracked and asks_for_tracking(round_.own):
            of = f"{len(event.untracked)} of {event.failed}"
            yield f"{of} failed order(s) are not on the shop's list of those to be told: {_some(event.untracked)}"
        if isinstance(event, LedgerChecked) and event.unrecorded:
            yield f"{len(event.unrecorded)} customer(s) charged and no order recorded: {_some(event.unrecorded)}"
    yield from _acknowledged_orders(round_)
    yield from drills.deviations(round_.started, round_.own)
    objective = _objective(round_)
    if objective is not None and round_.recovery is not None and round_.recovery.seconds > objective:
        yield f"recovery took {round_.recovery.seconds:.1f} s, longer than the objective of {objective:g} s"
    if objective is not None and round_.recovery is None and _ended(round_, "recovery"):
        yield f"it was not seen to recover; the objective is {objective:g} s"


def _acknowledged_orders(round_: _Round) -> Iterator[str]:
    for event in round_.own:
        if isinstance(event, LedgerChecked) and event.lost:
            where = " in the copy" if event.of_copy else ""
            yield f"{len(event.lost)} acknowledged order(s) lost{where}: {_some(event.lost)}"
        if isinstance(event, LedgerChecked) and event.doubled:
            yield f"{len(event.doubled)} order(s) doubled: {_some(event.doubled)}"
        if isinstance(event, LedgerChecked) and event.altered:
            yield f"{len(event.altered)} order(s) with another amount than was told: {_some(event.altered)}"


def _seen(round_: _Round, ended: ActivityEnded) -> str:
    """Return what a probe of ours said that it saw when it measured this."""
    measured = (event for event in round_.own if isinstance(event, ProbeMeasured) and event.seq < ended.seq)
    last = max(measured, key=lambda event: event.seq, default=None)
    return last.seen if last is not None and last.value == ended.output else ""


def asks_for_tracking(own: Sequence[AnyEvent]) -> bool:
    """Say whether a round measures that failed orders are tracked, and so wants the ledger judged for it at the end, too.

    Others do not: a fault may take away the very place where they would be written down.
    """
    return any(isinstance(event, ProbeMeasured) and event.probe == UNTRACKED_PROBE for event in own)


def _confirmations(round_: _Round) -> Iterator[str]:
    prepared = {event.change_id for event in round_.own if isinstance(event, ChangeOwed) and event.prepares}
    for event in round_.own:
        if isinstance(event, ActivityEnded) and event.phase == "after" and event.tolerance_met:
            yield f"{event.name}: measured {_number(event.output)}, within {_tolerance(event.tolerance)}"
        if isinstance(event, ChangeLanded) and event.landed and not prepared & set(event.change_ids):
            yield f"the fault was in place: {event.seen}"
        if isinstance(event, LedgerChecked) and event.of_copy:
            yield from drills.confirmations(round_.started, round_.own, event)
        elif isinstance(event, LedgerChecked):
            apart = f"; {event.drill} more were the drill's" if event.drill else ""
            yield f"all {event.acknowledged} acknowledged orders are there, none twice{apart}"
        if isinstance(event, LedgerChecked) and event.failed and asks_for_tracking(round_.own):
            yield f"the customers of all {event.failed} failed orders are known to the shop"
    for name in _foreign(round_):
        yield f"the action {name!r} of another extension says that it succeeded; nothing else shows what it changed"


def _tolerance(tolerance: object) -> str:
    match tolerance:
        case {"type": "range", "range": [low, high]}:
            return f"{low:g} to {high:g}"
        case [int() | float() as low, int() | float() as high]:
            return f"{low:g} to {high:g}"
        case _:
            return str(tolerance)


def _number(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _some(names: Sequence[str], *, most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
