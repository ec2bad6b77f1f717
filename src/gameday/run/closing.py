"""Giving a round its verdict from the log as it stands, also to rounds that an abort or a death left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gameday.log import AnyEvent, LogWriter, read
from gameday.log.events import RoundEnded, RoundStarted, RunbookJudged, VerdictGiven
from gameday.traffic.windows import Recovery
from gameday.verdict import judge, judge_runbook


def give_verdict(log: LogWriter, round_id: str) -> None:
    """Judge a round by the log so far and write the verdict."""
    events = read(log.path)
    found, runbook = judge(events, round_id), judge_runbook(events, round_id)
    if runbook is not None:
        log.write(RunbookJudged(**asdict(runbook), round=round_id))
    log.write(
        VerdictGiven(
            verdict=found.verdict,
            expected=found.expected,
            reasons=list(found.reasons),
            recovery=_recovery(found.recovery),
            within_objective=found.within_objective,
            recovery_point_seconds=found.recovery_point_seconds,
            runbook=runbook.outcome if runbook is not None else "",
            round=round_id,
        ),
        durable=True,
    )


def close_open_rounds(log: LogWriter, events: Sequence[AnyEvent]) -> None:
    """Give a verdict to rounds that have none."""
    judged = {event.round for event in events if isinstance(event, VerdictGiven)}
    for event in events:
        if isinstance(event, RoundStarted) and event.round not in judged:
            give_verdict(log, event.round)
            log.write(RoundEnded(outcome="aborted", round=event.round), durable=True)


def _recovery(found: Recovery | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "seconds": round(found.seconds, 3),
        "low_seconds": round(found.low_seconds, 3),
        "high_seconds": round(found.high_seconds, 3),
        "ever_out": found.ever_out,
    }
