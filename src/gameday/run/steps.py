"""Carrying out a runbook's steps as they are written, and measuring what each did to checkout.

A `yaml` step is an action or probe of ours and goes the way of every other; a `sh` step runs where all its programs are
there, between two looks of the guardian at the opted-in namespaces, so that what it wrote is owed like any other write of the
run. Prose is for people: it is shown, and its check, if it has one, is still made.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gameday.change import ActionSpec, ProbeSpec
from gameday.change.registry import registered
from gameday.errors import GamedayError, NoMeasurementError
from gameday.log.events import BY_STEP, PhaseEnded, PhaseStarted, StepEnded, StepStarted
from gameday.processes import how_ended
from gameday.run.channel import Peer
from gameday.run.engine import WorkerEngine
from gameday.run.observing import RunObservations
from gameday.run.shell import SHELL_SECONDS, execute
from gameday.runbook import Check, Runbook, Step, StepShell
from gameday.runbook.shell import programs
from gameday.traffic.windows import outcomes
from gameday.verdict.proportions import Share, change

EFFECT_SECONDS: Final = 2.0
"""How long a stretch of samples before and after a step tells what it did."""
_DURING_SECONDS: Final = 0.5
"""A step that took less long has too few samples of its own to be worth telling."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a step was carried out, with what result, and what it changed."""

    how: str
    result: str
    detail: str
    output: str = ""
    wrote: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    began_mono: float | None = None
    """When its shell block began."""


_BY_A_PERSON: Final = "prose for a person"
_PROSE: Final = Done(_BY_A_PERSON, "skipped", "prose; for a person to do")
_LEFT_OUT: Final = Done("left out", "skipped", "left out, to show whether it is needed")


@dataclass(frozen=True, slots=True)
class StepRunner:
    """What carrying out steps needs: the engine, the samples, the line to the guardian, and the shell's environment."""

    engine: WorkerEngine
    observations: RunObservations
    peer: Peer
    environment: Mapping[str, str]
    without: frozenset[str] = frozenset()
    """Ids of steps that are left out."""
    looks_before: bool = False
    """Whether each check is measured before its step too, which takes its time."""

    def run(self, runbook: Runbook) -> None:
        """Carry out all steps in their order; a failed one does not stop those after it."""
        self.engine.log(PhaseStarted(phase="runbook", detail=runbook.title))
        results = [self._step(runbook, step) for step in runbook.steps]
        failed = [result for result in results if result in {"failed", "check_failed"}]
        self.engine.log(PhaseEnded(phase="runbook", outcome="failed" if failed else "ok", detail=f"{len(results)} steps"))

    def _step(self, runbook: Runbook, step: Step) -> str:
        left_out = step.id in self.without
        self.engine.activity = f"{BY_STEP}{step.id}"
        self.engine.log(
            StepStarted(
                runbook=runbook.id,
                step=step.id,
                title=step.title,
                phase=step.phase,
                role=step.role,
                expected_seconds=step.expected_seconds,
            )
        )
        does_something = (step.action is not None or step.shell is not None) and not left_out
        check_before = self._look_before(step.check) if step.check and does_something else {}
        started = time.monotonic()
        done = _LEFT_OUT if left_out else self._do(step)
        ended = time.monotonic()
        first, check = self._check(step.check) if step.check and done.result != "failed" and not left_out else ({}, {})
        if check and done is _PROSE:
            done, check_before = replace(_PROSE, how="checked", result="done", detail=""), first if self.looks_before else {}
        if check and not check["met"] and done.result == "done":
            done = replace(done, result="check_failed", detail=check["told"])
        self.engine.log(
            StepEnded(
                runbook=runbook.id,
                step=step.id,
                result=done.result,
                how=done.how,
                duration_seconds=round(time.monotonic() - started, 3),
                detail=done.detail,
                output=done.output,
                check=check,
                effect=self._effect(started, ended) if does_something and done.result != "skipped" else {},
                check_before=check_before,
                wrote=list(done.wrote),
                missing=list(done.missing),
                left_out=left_out,
                began_mono=done.began_mono,
            )
        )
        return done.result

    def _do(self, step: Step) -> Done:
        """Carry a step out; a check of its own is not made here."""
        if step.action is not None:
            return self._act(step.action.target, step.action.arguments)
        if step.shell is not None:
            return self._shell(step.shell, step.id)
        return _PROSE

    def _act(self, target: str, arguments: Mapping[str, Any]) -> Done:
        try:
            spec = registered(target)
            if isinstance(spec, ActionSpec):
                done = self.engine.perform(spec, arguments)
                result = "done" if done["landed"] is not False else "failed"
                wrote = tuple(done["changes"])
                return Done("executed", result, "; ".join([*wrote, done["seen"]]), wrote=wrote)
            return Done("executed", "done", f"measured {self.engine.observe(spec, arguments):g}")
        except GamedayError as error:
            return Done("executed", "failed", str(error))

    def _shell(self, shell: StepShell, step_id: str) -> Done:
        missing = [
            program for program in programs(shell.text) if shutil.which(program, path=self.environment.get("PATH")) is None
        ]
        if missing:
            told = f"not executed: {', '.join(missing)} is not on this machine"
            return Done(_BY_A_PERSON, "skipped", told, missing=tuple(missing))
        looked = self.peer.ask({"ask": "look", "by": f"{BY_STEP}{step_id}"})
        if "refused" in looked:
            return Done("executed", "failed", looked["refused"])
        began = time.monotonic()
        ended = execute(shell.text, self.environment)
        failure = ""
        if ended.status is None:
            failure = f"ended after {SHELL_SECONDS:g} s without a result"
        elif ended.status != 0:
            failure = f"{how_ended(ended.status)[2]}: {ended.errors[-500:]}"
        compared = self.peer.ask({"ask": "compare", "by": f"{BY_STEP}{step_id}"})
        wrote = tuple(compared.get("written", ()))
        told = "; ".join(filter(None, [failure, compared.get("refused", ""), *wrote]))
        result = "failed" if failure or "refused" in compared else "done"
        return Done("executed", result, told, ended.output, wrote=wrote, began_mono=began)

    def _look_before(self, check: Check) -> dict[str, Any]:
        """Measure a check once before its step; nothing where that is not wanted."""
        return self._checked(check) if self.looks_before else {}

    def _check(self, check: Check) -> tuple[dict[str, Any], dict[str, Any]]:
        """Measure until the value is within bounds or the time is over; return the first and the last measurement."""
        deadline = time.monotonic() + check.wait_seconds
        first = found = self._checked(check)
        while not found["met"] and time.monotonic() <= deadline:
            time.sleep(0.2)
            found = self._checked(check)
        return first, found

    def _checked(self, check: Check) -> dict[str, Any]:
        low, high = check.within
        bounds = f"{'' if low is None else f'{low:g}'} to {'' if high is None else f'{high:g}'}".strip()
        value, error = self._measure(check)
        met = value is not None and (low is None or value >= low) and (high is None or value <= high)
        told = error or f"{check.probe} was {value:g}, expected {bounds}"
        return {"probe": check.probe, "value": value, "within": [low, high], "met": met, "told": told}

    def _measure(self, check: Check) -> tuple[float | None, str]:
        try:
            spec = registered(check.probe)
            if not isinstance(spec, ProbeSpec):
                return None, f"{check.probe} is an action; a check measures"
            return self.engine.observe(spec, check.arguments), ""
        except GamedayError as error:
            return None, str(error)

    def _effect(self, started: float, ended: float) -> dict[str, Any]:
        """Return the success of journeys before, during and after a step, and the change; empty where there was no traffic."""
        before = self._success(started - EFFECT_SECONDS, started)
        during = self._success(started, ended) if ended - started >= _DURING_SECONDS else None
        after = self._success(ended, ended + EFFECT_SECONDS)
        if before is None or after is None:
            return {}
        found = change(before, after)
        points = {"points": found.value, "low": found.low, "high": found.high}
        return {
            "before": _told(before),
            **({"during": _told(during)} if during is not None else {}),
            "after": _told(after),
            "change": {name: round(100 * value, 2) for name, value in points.items()},
        }

    def _success(self, begin: float, end: float) -> Share | None:
        """Return how many journeys of an interval succeeded; None where there was no traffic."""
        try:
            found = outcomes(self.observations.between(begin, end))
        except NoMeasurementError:
            return None
        return Share(found.ok, found.samples) if found.samples else None


def _told(share: Share) -> dict[str, Any]:
    low, high = share.interval()
    shares = {"success": share.value, "low": low, "high": high}
    return {name: round(100 * value, 2) for name, value in shares.items()} | {"ok": share.ok, "samples": share.samples}
