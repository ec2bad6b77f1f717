"""From single events to the facts of a report: fields as text, checks, effects, recoveries; each function one event.

Events carry plain dictionaries where their writers differ; the forms that occur are read here and nowhere else. A value
that is missing or of another form becomes None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gameday.change import MISSING
from gameday.log.events import ActivityEnded, ChangeOwed, GuardJudged, ProbeMeasured, StepEnded, StepStarted, UndoEnded
from gameday.report.facts import Activity, Change, Check, Effect, Field, Finding, Judgement, Measured, Recovery, Step, Undo
from gameday.report.words import value_text


def fields_of(items: Sequence[dict[str, Any]], *, before: str = "before", after: str = "after") -> tuple[Field, ...]:
    """Return the fields of a change or an undo as text; what was not there is None."""
    return tuple(
        Field(str(item.get("path", "")), _value(item, before), _value(item, after)) for item in items if isinstance(item, dict)
    )


def _value(item: dict[str, Any], name: str) -> str | None:
    value = item.get(name, MISSING)
    if value == MISSING or (value is None and item.get("missing", False)):
        return None
    return value_text(value)


def change_of(event: ChangeOwed, at: float, origin: str) -> Change:
    """Return a change as it was owed, before anything is known of how it went."""
    return Change(
        id=event.change_id,
        by=event.by,
        origin=origin,
        kind=event.kind,
        object=event.object,
        summary=event.summary,
        fields=fields_of(event.fields),
        owed_seconds=at,
        applied_seconds=None,
        failed="",
        certainly_not_done=False,
        evidence=None,
        entry=event.entry or event.change_id,
        undo=None,
        state="owed",
    )


def activity_of(event: ActivityEnded, at: float) -> Activity:
    """Return an activity of the experiment."""
    return Activity(
        name=event.name,
        kind=event.kind,
        phase=event.phase,
        status=event.status,
        ended_seconds=at,
        duration_seconds=event.duration_seconds,
        output="" if event.output is None else value_text(event.output),
        error=event.error,
        tolerance="" if event.tolerance is None else value_text(event.tolerance),
        tolerance_met=event.tolerance_met,
    )


def measured_of(event: ProbeMeasured, at: float) -> Measured:
    """Return what a probe of ours saw."""
    return Measured(
        probe=event.probe,
        arguments=value_text(event.arguments) if event.arguments else "",
        value=event.value,
        unit=event.unit,
        seen=event.seen,
        samples=event.samples,
        low=event.low,
        high=event.high,
        at_seconds=at,
    )


def step_begun(event: StepStarted, at: float) -> Step:
    """Return a runbook step that nothing has ended yet."""
    return Step(
        runbook=event.runbook,
        step=event.step,
        title=event.title,
        phase=event.phase,
        role=event.role,
        start_seconds=at,
        end_seconds=None,
        expected_seconds=event.expected_seconds,
        duration_seconds=None,
        result="unfinished",
        how="",
        detail="",
        output="",
        check=None,
        effect=None,
    )


def step_done(event: StepEnded, at: float) -> Step:
    """Return an ended step; what only its beginning says is filled in by the caller."""
    return Step(
        runbook=event.runbook,
        step=event.step,
        title=event.step,
        phase="",
        role="",
        start_seconds=at - event.duration_seconds,
        end_seconds=at,
        expected_seconds=None,
        duration_seconds=event.duration_seconds,
        result=event.result,
        how=event.how,
        detail=event.detail,
        output=event.output,
        check=_check(event.check),
        effect=_effect(event.effect),
    )


def _check(check: dict[str, Any]) -> Check | None:
    if not check:
        return None
    return Check(
        probe=str(check.get("probe", "")),
        value=_float(check.get("value")),
        unit=str(check.get("unit", "")),
        within=_bounds(check.get("within")),
        met=check.get("met"),
    )


def _bounds(within: Any) -> str:
    match within:
        case [None, None] | None:
            return ""
        case [None, int() | float() as high]:
            return f"at most {high:g}"
        case [int() | float() as low, None]:
            return f"at least {low:g}"
        case [int() | float() as low, int() | float() as high]:
            return f"{low:g} to {high:g}"
        case _:
            return value_text(within)


def _effect(effect: dict[str, Any]) -> Effect | None:
    """Read an effect: `before` and `after` are percentages, or objects that carry one as `success`."""
    if not effect:
        return None
    before, after = effect.get("before"), effect.get("after")
    samples = [effect.get("samples"), *(side.get("samples") for side in (before, after) if isinstance(side, dict))]
    return Effect(_success(before), _success(after), sum(int(number) for number in samples if number))


def _success(side: Any) -> float | None:
    if isinstance(side, dict):
        side = side.get("success_percent", side.get("success"))
    return _float(side)


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def recovery_of(recovery: dict[str, Any] | None) -> Recovery | None:
    """Return the time to recover, or None where it was not seen; a missing bound is the value itself."""
    if not recovery or recovery.get("seconds") is None:
        return None
    seconds = float(recovery["seconds"])
    low, high = recovery.get("low_seconds"), recovery.get("high_seconds")
    return Recovery(
        seconds=seconds,
        low_seconds=seconds if low is None else float(low),
        high_seconds=seconds if high is None else float(high),
        ever_out=bool(recovery.get("ever_out", seconds > 0)),
    )


def undo_of(event: UndoEnded, at: float) -> Undo:
    """Return how one owed entry was settled; its fields say what was found and what stands there now."""
    fields = [
        {"path": item.get("path", ""), "found": item.get("found", MISSING), "now": _now(item)}
        for item in event.fields
        if isinstance(item, dict)
    ]
    shown = fields_of(fields, before="found", after="now")
    return Undo(event.entry, event.object, event.outcome, event.detail, shown, at)


def _now(item: dict[str, Any]) -> Any:
    return item.get("before", MISSING) if item.get("outcome") == "undone" else item.get("found", MISSING)


def judgement_of(event: GuardJudged, at: float) -> Judgement:
    """Return one look of the guard."""
    findings = tuple(Finding(item.get("rule", ""), item.get("object", ""), item.get("message", "")) for item in event.findings)
    return Judgement(at, event.allowed, tuple(event.changes), findings)
