"""What is drawn on a timeline: spans (phases, rounds, the fault in place) and numbered marks, from a story's facts.

Pure selection and naming; where a thing stands in the picture is `chart`'s business. Marks are numbered in the order of
time, so that the picture, its key and a printed page agree without colour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gameday.report.facts import Abort, Bucket, Change, Round, Story
from gameday.report.sentences import RESULTS, UNDONE
from gameday.report.words import duration, interval, percent


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time with a name; `tone` is its outcome: ok, bad or plain."""

    label: str
    start_seconds: float
    end_seconds: float
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment worth a number in the picture; `kind` is fault, prepare, runbook, undo, left, recovered or abort."""

    number: int
    kind: str
    at_seconds: float
    label: str
    lasts_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything that one picture shows."""

    id: str
    title: str
    start_seconds: float
    end_seconds: float
    spans: tuple[Span, ...]
    faults: tuple[Span, ...]
    marks: tuple[Mark, ...]
    series: tuple[Bucket, ...]
    with_latency: bool
    description: str


_ORIGINS = {"fault": "Fault", "prepare": "Preparation"}
_TONES = {"ok": "ok", "red": "bad", "failed": "bad", "aborted": "bad"}


def of_round(round_: Round, story: Story, *, id: str) -> Timeline | None:  # noqa: A002  # an SVG's word
    """Return the timeline of one round; None where no traffic was measured in it."""
    if not round_.series:
        return None
    end = story.run.duration_seconds if round_.end_seconds is None else round_.end_seconds
    aborts = [abort for abort in story.aborts if round_.start_seconds <= abort.at_seconds <= end]
    faults = tuple(_in_place(round_.changes, end))
    marks = _numbered(_moments(round_, aborts))
    return Timeline(
        id=id,
        title=f"Checkout success and latency in the round “{round_.title}”",
        start_seconds=round_.start_seconds,
        end_seconds=max(end, round_.start_seconds + 0.1),
        spans=tuple(
            Span(phase.name, phase.start_seconds, end if phase.end_seconds is None else phase.end_seconds, _tone(phase.outcome))
            for phase in round_.phases
        ),
        faults=faults,
        marks=marks,
        series=round_.series,
        with_latency=True,
        description=_described(round_.series, marks),
    )


def of_run(story: Story) -> Timeline | None:
    """Return the overview of a run: its rounds, and success throughout; None where no traffic was measured."""
    if not story.series:
        return None
    end = max(story.run.duration_seconds, story.series[-1].start_seconds + story.series[-1].seconds)
    firsts = ((number, round_, _first_fault(round_)) for number, round_ in enumerate(story.rounds, start=1))
    marks = tuple(
        Mark(number, "fault", at, f"First fault of the round “{round_.title}”") for number, round_, at in firsts if at is not None
    )
    ends = [end if round_.end_seconds is None else round_.end_seconds for round_ in story.rounds]
    return Timeline(
        id="run",
        title="Checkout success throughout the run",
        start_seconds=0.0,
        end_seconds=end,
        spans=tuple(
            Span(f"{number} {round_.title}", round_.start_seconds, round_end, "ok" if round_.verdict.as_expected else "bad")
            for number, (round_, round_end) in enumerate(zip(story.rounds, ends, strict=True), start=1)
        ),
        faults=tuple(
            fault for round_, round_end in zip(story.rounds, ends, strict=True) for fault in _in_place(round_.changes, round_end)
        ),
        marks=marks,
        series=story.series,
        with_latency=False,
        description=_described(story.series, marks),
    )


def _in_place(changes: tuple[Change, ...], end: float) -> Iterator[Span]:
    """Yield how long each fault was in place: until it was undone, or a runbook step wrote the same object.

    A pod that was deleted is a moment and not a stretch: its replacement is on its way at once.
    """
    for change in changes:
        if change.origin != "fault" or change.kind in {"delete", "evict"} or change.applied_seconds is None:
            continue
        ends = [other.applied_seconds for other in changes if other.origin == "runbook" and other.object == change.object]
        ends += [change.undo.at_seconds] if change.undo and change.state in {"undone", "already"} else []
        later = [at for at in ends if at is not None and at >= change.applied_seconds]
        yield Span(change.object, change.applied_seconds, min([*later, end]))


def _moments(round_: Round, aborts: list[Abort]) -> Iterator[Mark]:
    for change in round_.changes:
        if change.applied_seconds is not None and change.origin != "runbook":
            yield Mark(0, change.origin, change.applied_seconds, f"{_ORIGINS[change.origin]}: {change.summary}")
    for step in round_.steps:
        if step.result != "skipped":
            lasts = (step.end_seconds or step.start_seconds) - step.start_seconds
            text = f"Runbook step “{step.title}”: {RESULTS.get(step.result, step.result)}"
            yield Mark(0, "runbook", step.start_seconds, text, max(0.0, lasts))
    for undo in {change.undo.entry: change.undo for change in round_.changes if change.undo}.values():
        if undo.at_seconds <= (round_.end_seconds or undo.at_seconds):
            kind = "undo" if undo.outcome in {"undone", "already"} else "left"
            yield Mark(0, kind, undo.at_seconds, f"Undo: {undo.object} {UNDONE.get(undo.outcome, undo.outcome)}")
    yield from (Mark(0, "abort", abort.at_seconds, f"Abort by {abort.by}: {abort.reason}") for abort in aborts)
    first = _first_fault(round_)
    recovery = round_.verdict.recovery
    if recovery is not None and first is not None and recovery.ever_out:
        between = interval(recovery.low_seconds, recovery.high_seconds)
        text = f"Customers can check out again, {duration(recovery.seconds)} after the fault ({between})"
        yield Mark(0, "recovered", first + recovery.seconds, text)


def _first_fault(round_: Round) -> float | None:
    faults = [change.applied_seconds for change in round_.changes if change.origin == "fault"]
    return min((at for at in faults if at is not None), default=None)


def _numbered(moments: Iterator[Mark]) -> tuple[Mark, ...]:
    ordered = sorted(moments, key=lambda mark: (mark.at_seconds, mark.kind, mark.label))
    return tuple(
        Mark(number, mark.kind, mark.at_seconds, mark.label, mark.lasts_seconds) for number, mark in enumerate(ordered, start=1)
    )


def _tone(outcome: str) -> str:
    return _TONES.get(outcome, "plain")


def _described(series: tuple[Bucket, ...], marks: tuple[Mark, ...]) -> str:
    rates = [bucket.success for bucket in series if bucket.success is not None]
    lowest = f"Lowest success {percent(min(rates))}, in steps of {duration(series[0].seconds)}." if rates else "Nobody tried."
    return " ".join([lowest, *(f"{mark.number}: at {duration(mark.at_seconds)}, {mark.label}." for mark in marks)])
