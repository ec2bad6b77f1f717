"""One round: a worker of its own, then undo, recovery, the ledger and the verdict, in an order that the runbook decides.

Where the runbook's steps were executed, recovery is watched before the undo, because the runbook shall have brought it about;
otherwise the undo comes first and recovery is what it brings.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from gameday.experiment import Experiment
from gameday.experiment.stops import Stop, StopOnProbe, StopOnSamples
from gameday.gameday import Round
from gameday.guard import Policy
from gameday.log import LogWriter, read
from gameday.log.events import (
    ActivityEnded,
    AnyEvent,
    ChangeApplied,
    ChangeFailed,
    ChangeLanded,
    Event,
    Noted,
    PhaseEnded,
    PhaseStarted,
    ProbeMeasured,
    ProcessEnded,
    ProcessStarted,
    RoundEnded,
    RoundStarted,
    StepEnded,
    StepStarted,
    VerdictGiven,
)
from gameday.run.line import Line
from gameday.run.load import Load
from gameday.run.processes import ProcessId, adopted_children, end_process, end_tree, how_ended, process_id
from gameday.run.spec import RunSpec
from gameday.run.stopping import ProbeWatch, SampleWatch
from gameday.run.undoing import Undoing
from gameday.runbook import load_runbook
from gameday.traffic.windows import Recovery, Window
from gameday.verdict import judge, recovery_of
from gameday.verdict.samples import fault_applied_at

_FROM_WORKERS: Final[tuple[type[Event], ...]] = (
    ActivityEnded,
    ChangeApplied,
    ChangeFailed,
    ChangeLanded,
    Noted,
    PhaseEnded,
    PhaseStarted,
    ProbeMeasured,
    StepEnded,
    StepStarted,
)
"""What a worker may have written: what it did and saw. What is owed, undone and judged is the guardian's word."""
_BY_TAG: Final = {str(kind.__struct_config__.tag): kind for kind in _FROM_WORKERS}
_ABORTED_RECOVERY_SECONDS: Final = 8.0


class RoundPlayer:
    """Carries out one round."""

    def __init__(
        self,
        spec: RunSpec,
        log: LogWriter,
        undoing: Undoing,
        load: Load | None,
        item: Round,
        *,
        policy: Policy,
        stops: Sequence[Stop],
        died: Callable[[str, str], None],
    ) -> None:
        """Take the run's means, the round, what the guard is told, and what ends it; `died(by, why)` asks for an abort."""
        self._spec, self._log, self._undoing, self._load = spec, log, undoing, load
        self._round, self._policy, self._died = item, policy, died
        self._directory = Path(spec.directory)
        self._process: asyncio.subprocess.Process | None = None
        self._worker: ProcessId | None = None
        self._line: Line | None = None
        self._done = False
        self._armed = False
        self._ended_why = ""
        self._loop = asyncio.get_running_loop()
        self._samples = [SampleWatch(stop) for stop in stops if isinstance(stop, StopOnSamples)]
        self._probes = [self._probe_watch(stop) for stop in stops if isinstance(stop, StopOnProbe)]

    async def play(self) -> None:
        """Carry the round out from its first event to its last."""
        self._begin()
        await asyncio.to_thread(self._owe_rollbacks)
        await self._work()
        await self._finish()

    async def play_attached(self, done: asyncio.Event) -> None:
        """Do the same where whoever started us is the worker: wait until it says that it is done."""
        self._begin()
        await asyncio.to_thread(self._owe_rollbacks)
        await done.wait()
        await self._finish()

    def end_worker(self, why: str) -> None:
        """End the worker's whole process tree, at once."""
        self._watch_no_more()
        worker, self._worker = self._worker, None
        if worker is None:
            return
        self._ended_why = why
        if self._line is not None:
            self._line.close()
        end_tree(worker)
        self._end_orphans()

    async def heard(self, message: Mapping[str, Any]) -> dict[str, Any] | None:
        """Serve the worker: write what it did, decide what it asks."""
        match message:
            case {"log": data}:
                self._write(data)
            case {"done": True}:
                self._done = True
            case {"ask": "round"}:
                return self._task()
            case {"ask": str(what)}:
                return await self._decide(what, message)
        return None

    async def _decide(self, what: str, message: Mapping[str, Any]) -> dict[str, Any]:
        desk, round_id = self._undoing.desk, self._round.id
        if desk is None:
            return {"refused": f"this run touches no cluster, so there is no {what} for it"}
        if what == "change":
            return await asyncio.to_thread(desk.change, message, self._policy, round_id)
        if what == "look":
            return await asyncio.to_thread(desk.look, message, self._policy)
        return await asyncio.to_thread(desk.compare, message, self._policy, round_id)

    async def close_aborted(self, hurry: asyncio.Event) -> None:
        """After an abort and its undo: watch for a moment whether checkout recovers, and look the orders up.

        `hurry` cuts the watching short: whoever aborts twice wants to leave.
        """
        if self._fault_at() is not None:
            watching = asyncio.create_task(self._watch_recovery(_ABORTED_RECOVERY_SECONDS))
            hurrying = asyncio.create_task(hurry.wait())
            await asyncio.wait({watching, hurrying}, return_when=asyncio.FIRST_COMPLETED)
            for task in (watching, hurrying):
                task.cancel()
        if not hurry.is_set():
            await self._check_orders()

    # ------------------------------------------------------------------------------------------------ phases

    def _probe_watch(self, stop: StopOnProbe) -> ProbeWatch:
        observations = self._undoing.observations(self._directory, self._round.id)

        def breached(why: str) -> None:
            self._loop.call_soon_threadsafe(self._breached, why)

        return ProbeWatch(stop, observations, breached=breached)

    def _breached(self, why: str) -> None:
        self._died("stop condition", why)

    def _window(self, window: Window) -> None:
        for watch in self._samples:
            why = watch.take(window)
            if why:
                self._breached(why)

    def _arm(self, applied_mono: float) -> None:
        """Stop conditions hold from the round's first fault on; before it, a red baseline ends the round by itself."""
        if self._armed:
            return
        self._armed = True
        for watch in self._samples:
            watch.armed_at = applied_mono
        for probe in self._probes:
            probe.start()

    def _watch_no_more(self) -> None:
        if self._load is not None:
            self._load.listeners.discard(self._window)
        for probe in self._probes:
            probe.stop()

    def _begin(self) -> None:
        if self._load is not None and self._samples:
            self._load.listeners.add(self._window)
        experiment = self._round.experiment
        objectives = {
            "rto_seconds": experiment.objectives.rto_seconds,
            "rpo_seconds": experiment.objectives.rpo_seconds,
        }
        self._started = self._log.write(
            RoundStarted(
                title=experiment.title,
                experiment=str(experiment.path.name),
                experiment_digest=experiment.digest,
                hypothesis=experiment.hypothesis_title,
                runbook=experiment.runbook,
                runbook_mode=self._round.runbook_mode,
                runbook_steps=_steps_of(experiment),
                expected=self._round.expect,
                objectives={name: value for name, value in objectives.items() if value is not None},
                owners=list(experiment.owners),
                foreign=[item.name for item in experiment.activities if item.type == "action" and not item.ours],
                rollbacks=[item.name for item in experiment.rollbacks],
                round=self._round.id,
            )
        )

    async def _work(self) -> None:
        """Start the worker and serve it until it ends; a worker that dies is reported."""
        ours, theirs = socket.socketpair()
        with (self._directory / "worker.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gameday.run.worker",
                "--run",
                str(self._directory),
                "--line",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        theirs.close()
        self._worker = process_id(self._process.pid)
        worker = self._worker
        self._log.write(ProcessStarted(role="worker", pid=worker.pid, start_ticks=worker.start_ticks, round=self._round.id))
        self._line = Line(ours, handle=self.heard, lost=self._line_lost)
        self._line.start()
        code = await self._process.wait()
        self._worker = None
        if not self._done:
            # Its last words may still be on the line.
            await asyncio.sleep(0.05)
        self._line.close()
        end_tree(worker)
        self._end_orphans()
        exit_code, number, told = how_ended(code)
        reason = self._ended_why or ("done" if self._done else "it died")
        self._log.write(
            ProcessEnded(role="worker", pid=worker.pid, reason=reason, exit_code=exit_code, signal=number, round=self._round.id)
        )
        if not self._done and not self._ended_why:
            self._died("worker", f"the worker (pid {worker.pid}) died: {told}; see worker.log")
            # The abort cancels us here.
            await asyncio.Event().wait()

    async def _finish(self) -> None:
        self._watch_no_more()
        changed = self._fault_at() is not None
        if self._round.runbook_mode == "execute":
            await self._recover(changed=changed)
            await self._undo()
        else:
            await self._undo()
            await self._recover(changed=changed)
        await self._check_orders()
        give_verdict(self._log, self._directory, self._round.id)
        self._log.write(RoundEnded(round=self._round.id), durable=True)

    async def _undo(self) -> None:
        self._log.write(PhaseStarted(phase="undo", round=self._round.id))
        await self._undoing.undo(f"{self._round.id} is over", round_id=self._round.id)
        left = [entry for entry in self._undoing.debt.entries if not entry.is_settled]
        self._log.write(PhaseEnded(phase="undo", outcome="failed" if left else "ok", round=self._round.id))

    async def _recover(self, *, changed: bool) -> None:
        if changed and self._load is not None:
            await self._watch_recovery(self._round.experiment.recovery_timeout_seconds)

    async def _watch_recovery(self, seconds: float) -> None:
        """Wait until the samples show recovery, or for as long as that may take."""
        self._log.write(PhaseStarted(phase="recovery", round=self._round.id))
        deadline = time.monotonic() + seconds
        while True:
            found = await asyncio.to_thread(lambda: recovery_of(read(self._directory), self._round.id))
            if found is not None or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.25)
        outcome, detail = ("ok", _recovered(found)) if found else ("red", f"not seen within {seconds:g} s")
        self._log.write(PhaseEnded(phase="recovery", outcome=outcome, detail=detail, round=self._round.id))

    async def _check_orders(self) -> None:
        if self._load is not None:
            self._log.write(PhaseStarted(phase="ledger", round=self._round.id))
            await self._load.check_orders(self._round.id)
            self._log.write(PhaseEnded(phase="ledger", outcome="ok", round=self._round.id))

    # ------------------------------------------------------------------------------------------------ the worker's line

    def _owe_rollbacks(self) -> None:
        rollbacks = self._round.experiment.rollbacks
        if rollbacks:
            names = [item.name for item in rollbacks]
            self._undoing.debt.owe_rollbacks(self._round.experiment.path, names, round_id=self._round.id)

    def _task(self) -> dict[str, Any]:
        return {
            "round": self._round.id,
            "experiment": str(self._round.experiment.path),
            "since": self._started.mono,
            "traffic": self._load is not None,
            "execute_runbook": self._round.runbook_mode == "execute",
        }

    def _write(self, data: Mapping[str, Any]) -> None:
        kind = _BY_TAG.get(str(data.get("type")))
        if kind is None:
            self._log.write(Noted(level="warning", text=f"the worker sent an event it may not write: {data.get('type')}"))
            return
        event = msgspec.convert({**data, "round": self._round.id}, kind)
        if self._undoing.desk is not None:
            self._undoing.desk.heard(event)
        self._log.write(event)
        if isinstance(event, ChangeApplied):
            self._arm(event.applied_mono)
        if isinstance(event, ActivityEnded) and event.phase == "rollbacks" and event.status == "succeeded":
            self._undoing.rolled_back(event.name, self._round.id)

    def _line_lost(self, why: str) -> None:
        """Report a worker that is frozen or hung up without having said that it is done; its end is seen by `_work`."""
        if not self._done and why.startswith("was silent") and self._worker is not None:
            self._died("worker", f"the worker (pid {self._worker.pid}) {why}")

    def _end_orphans(self) -> None:
        """End what the worker's activities left behind: orphans that came to us as their subreaper."""
        known = {self._load.pid if self._load else 0, self._process.pid if self._process else 0}
        for pid in adopted_children(but=frozenset(known)):
            end_process(process_id(pid))
            with contextlib.suppress(ChildProcessError):
                _reap(pid)

    def _fault_at(self) -> float | None:
        return fault_applied_at(read(self._directory), self._round.id)


def _steps_of(experiment: Experiment) -> list[dict[str, Any]]:
    """Return a runbook's steps as the log has them; none for an experiment without one."""
    if experiment.runbook_path is None:
        return []
    return [
        {"phase": step.phase, "title": step.title, "role": step.role, "expected_seconds": step.expected_seconds}
        for step in load_runbook(experiment.runbook_path).steps
    ]


def _recovered(found: Recovery) -> str:
    return f"{found.seconds:.1f} s after the fault" if found.ever_out else "customers noticed nothing"


def _reap(pid: int) -> None:

    os.waitpid(pid, 0)


def give_verdict(log: LogWriter, directory: Path, round_id: str) -> None:
    """Judge a round by the log so far and write the verdict; the newest phase's failure is part of what is judged."""
    found = judge(read(directory), round_id)
    recovery = found.recovery
    log.write(
        VerdictGiven(
            verdict=found.verdict,
            expected=found.expected,
            reasons=list(found.reasons),
            recovery=None
            if recovery is None
            else {
                "seconds": round(recovery.seconds, 3),
                "low_seconds": round(recovery.low_seconds, 3),
                "high_seconds": round(recovery.high_seconds, 3),
                "ever_out": recovery.ever_out,
            },
            within_objective=found.within_objective,
            runbook=found.runbook,
            round=round_id,
        ),
        durable=True,
    )


def close_open_rounds(log: LogWriter, events: Sequence[AnyEvent]) -> None:
    """Give a verdict to rounds that an abort or a death left without one."""
    judged = {event.round for event in events if isinstance(event, VerdictGiven)}
    for event in events:
        if isinstance(event, RoundStarted) and event.round not in judged:
            give_verdict(log, log.path.parent, event.round)
            log.write(RoundEnded(outcome="aborted", round=event.round), durable=True)
