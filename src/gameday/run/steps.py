"""Carrying out a runbook's steps as they are written, and measuring what each did to checkout.

A `yaml` step is an action or probe of ours and goes the way of every other; a `sh` step runs where all its programs are
there, between two looks of the guardian at the opted-in namespaces, so that what it wrote is owed like any other write of the
run. Prose is for people: it is shown, and its check, if it has one, is still made.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gameday.change import ActionSpec, ProbeSpec
from gameday.change.registry import registered
from gameday.errors import GamedayError, NoMeasurementError
from gameday.log.events import PhaseEnded, PhaseStarted, StepEnded, StepStarted
from gameday.run.channel import Peer
from gameday.run.engine import WorkerEngine
from gameday.run.observing import RunObservations
from gameday.runbook import Check, Runbook, Step, StepShell
from gameday.traffic.windows import outcomes

EFFECT_SECONDS: Final = 2.0
"""How long a stretch of samples before and after a step tells what it did."""
_SHELL_SECONDS: Final = 300.0
_OUTPUT_CHARACTERS: Final = 4000
_KEYWORDS: Final = frozenset(
    {"if", "then", "else", "fi", "for", "do", "done", "while", "until", "elif", "case", "esac", "{", "}", "!"}
)


@dataclass(frozen=True, slots=True)
class StepRunner:
    """What carrying out steps needs: the engine, the samples, the line to the guardian, and the shell's environment."""

    engine: WorkerEngine
    observations: RunObservations
    peer: Peer
    environment: Mapping[str, str]

    def run(self, runbook: Runbook) -> None:
        """Carry out all steps in their order; a failed one does not stop those after it."""
        self.engine.log(PhaseStarted(phase="runbook", detail=runbook.title))
        results = [self._step(runbook, step) for step in runbook.steps]
        failed = [result for result in results if result in {"failed", "check_failed"}]
        self.engine.log(PhaseEnded(phase="runbook", outcome="failed" if failed else "ok", detail=f"{len(results)} steps"))

    def _step(self, runbook: Runbook, step: Step) -> str:
        started = time.monotonic()
        self.engine.activity = f"step {step.id}"
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
        does_something = step.action is not None or step.shell is not None
        before = self._success(started - EFFECT_SECONDS, started) if does_something else {}
        how, result, detail, output = self._do(step)
        done = time.monotonic()
        check = self._check(step.check) if step.check and result != "failed" else {}
        if check and result == "skipped" and not does_something:
            how, result, detail = "checked", "done", ""
        if check and not check["met"] and result == "done":
            result, detail = "check_failed", check["told"]
        effect = {"before": before, "after": self._success(done, done + EFFECT_SECONDS)} if before and result != "skipped" else {}
        self.engine.log(
            StepEnded(
                runbook=runbook.id,
                step=step.id,
                result=result,
                how=how,
                duration_seconds=round(time.monotonic() - started, 3),
                detail=detail,
                output=output,
                check=check,
                effect=effect,
            )
        )
        return result

    def _do(self, step: Step) -> tuple[str, str, str, str]:
        """Return how the step was carried out, its result, a detail, and what it printed."""
        if step.action is not None:
            return *self._act(step.action.target, step.action.arguments), ""
        if step.shell is not None:
            return self._shell(step.shell, step.id)
        return "prose for a person", "skipped", "prose; for a person to do", ""

    def _act(self, target: str, arguments: Mapping[str, Any]) -> tuple[str, str, str]:
        try:
            spec = registered(target)
            if isinstance(spec, ActionSpec):
                done = self.engine.perform(spec, arguments)
                return (
                    "executed",
                    "done" if done["landed"] is not False else "failed",
                    "; ".join([*done["changes"], done["seen"]]),
                )
            return "executed", "done", f"measured {self.engine.observe(spec, arguments):g}"
        except GamedayError as error:
            return "executed", "failed", str(error)

    def _shell(self, shell: StepShell, step_id: str) -> tuple[str, str, str, str]:
        missing = [
            program for program in programs(shell.text) if shutil.which(program, path=self.environment.get("PATH")) is None
        ]
        if missing:
            return "prose for a person", "skipped", f"not executed: {', '.join(missing)} is not on this machine", ""
        looked = self.peer.ask({"ask": "look", "by": f"step {step_id}"})
        if "refused" in looked:
            return "executed", "failed", looked["refused"], ""
        try:
            ended = subprocess.run(
                ["/bin/sh", "-euc", shell.text],
                check=False,
                capture_output=True,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                text=True,
                errors="replace",
                timeout=_SHELL_SECONDS,
            )
            failure = "" if ended.returncode == 0 else f"exit status {ended.returncode}: {ended.stderr.strip()[-500:]}"
            output = ended.stdout.strip()[-_OUTPUT_CHARACTERS:]
        except subprocess.TimeoutExpired:
            failure, output = f"ended after {_SHELL_SECONDS:g} s without a result", ""
        compared = self.peer.ask({"ask": "compare", "by": f"step {step_id}"})
        told = "; ".join(filter(None, [failure, compared.get("refused", ""), *compared.get("written", ())]))
        return "executed", "failed" if failure or "refused" in compared else "done", told, output

    def _check(self, check: Check) -> dict[str, Any]:
        """Measure until the value is within bounds or the time is over; the last measurement counts."""
        low, high = check.within
        deadline = time.monotonic() + check.wait_seconds
        bounds = f"{'' if low is None else f'{low:g}'} to {'' if high is None else f'{high:g}'}".strip()
        while True:
            value, error = self._measure(check)
            met = value is not None and (low is None or value >= low) and (high is None or value <= high)
            if met or time.monotonic() > deadline:
                told = error or f"{check.probe} was {value:g}, expected {bounds}"
                return {"probe": check.probe, "value": value, "within": [low, high], "met": met, "told": told}
            time.sleep(0.2)

    def _measure(self, check: Check) -> tuple[float | None, str]:
        try:
            spec = registered(check.probe)
            if not isinstance(spec, ProbeSpec):
                return None, f"{check.probe} is an action; a check measures"
            return self.engine.observe(spec, check.arguments), ""
        except GamedayError as error:
            return None, str(error)

    def _success(self, begin: float, end: float) -> dict[str, Any]:
        """Return the success of journeys in an interval, in percent; empty where there was no traffic."""
        try:
            found = outcomes(self.observations.between(begin, end))
        except NoMeasurementError:
            return {}
        return {} if found.success is None else {"success": round(100 * found.success, 2), "samples": found.samples}


def programs(script: str) -> list[str]:
    """Return the programs that a script's commands begin with; comments and what a here-document holds are left out."""
    found: dict[str, None] = {}
    for part in _commands(script):
        try:
            words = shlex.split(part, comments=True)
        except ValueError:
            continue
        commands = [word for word in words if "=" not in word.split("/")[0] and word not in _KEYWORDS]
        if commands and words[0] not in {"for", "case"}:
            found[commands[0]] = None
    return [name for name in found if name not in _BUILTINS]


def _commands(script: str) -> Iterator[str]:
    """Cut a script where a command may begin: lines, pipes, lists, and substitutions."""
    text = _ARITHMETIC.sub("0", _HERE_DOCUMENT.sub(r"\g<rest>", script.replace("\\\n", " ")))
    for part in _SEPARATOR.split(text):
        yield part.strip().lstrip("(").rstrip(")")


_ARITHMETIC: Final = re.compile(r"\$\(\([^()]*\)\)")
_HERE_DOCUMENT: Final = re.compile(r"<<-?[ \t]*(['\"]?)(?P<end>\w+)\1(?P<rest>.*)\n(?:.*\n)*?\t*(?P=end)$", re.MULTILINE)
_SEPARATOR: Final = re.compile(r"\n|\|\|?|&&|;|\$\(|`")
_BUILTINS: Final = frozenset(
    shlex.split(
        ". : [ break cd command continue echo eval exec exit export false hash kill local printf pwd read readonly return set "
        "shift source test times trap true type ulimit umask unset wait"
    )
)
