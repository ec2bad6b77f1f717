"""A runbook as the log has it when people open it: every step with its words, so that no file is needed to tell who did what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gameday.log.people import RunbookOpened
from gameday.runbook.model import Caution, Check, Runbook, Step, StepAction


def opened(runbook: Runbook, *, round_id: str) -> RunbookOpened:
    """Return the event that people open this runbook in a round."""
    objectives = {"rto_seconds": runbook.objectives.rto_seconds, "rpo_seconds": runbook.objectives.rpo_seconds}
    return RunbookOpened(
        runbook=runbook.id,
        title=runbook.title,
        digest=runbook.digest,
        objectives={name: value for name, value in objectives.items() if value is not None},
        steps=[_step(step, runbook.cautions) for step in runbook.steps],
        warnings=[{"id": caution.id, "text": caution.text} for caution in runbook.cautions],
        updates_every_seconds=runbook.updates_every_seconds,
        round=round_id,
    )


def _step(step: Step, cautions: Sequence[Caution]) -> dict[str, Any]:
    return {
        "id": step.id,
        "title": step.title,
        "phase": step.phase,
        "role": step.role,
        "expected_seconds": step.expected_seconds,
        "prose": step.prose,
        "shell": step.shell.text if step.shell else "",
        "action": _action(step.action) if step.action else {},
        "check": _check(step.check) if step.check else {},
        "warnings": [{"id": caution.id, "text": caution.text} for caution in cautions if caution.step == step.id],
    }


def _action(action: StepAction) -> dict[str, Any]:
    return {"target": action.target, "arguments": dict(action.arguments)}


def _check(check: Check) -> dict[str, Any]:
    return {
        "probe": check.probe,
        "arguments": dict(check.arguments),
        "within": list(check.within),
        "wait_seconds": check.wait_seconds,
    }
