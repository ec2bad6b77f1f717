"""One round: a worker of its own, then undo, recovery, the ledger and the verdict, in an order that the runbook decides.

Where the runbook's steps were executed, recovery is watched before the undo, because the runbook shall have brought it about;
otherwise the undo comes first and recovery is what it brings. In a rehearsal people carry the runbook out, beside the run: the
fault stays until they say that it is resolved, and the rest is as if it had been executed. A drill that repoints to a copy of a
database is about what the shop restored, so there recovery is watched and orders are looked up in the copy before the undo, and
again after it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from gameday.experiment.stops import Stop
from gameday.gameday import Round
from gameday.guard import Policy
from gameday.log import LogWriter, read
from gameday.log.events import (
    ActivityEnded,
    ChangeApplied,
    ChangeFailed,
    ChangeLanded,
    Event,
    Noted,
    PhaseEnded,
    PhaseStarted,
    ProbeMeasured,
    RoundEnded,
    RoundStarted,
    StepEnded,
    StepStarted,
)
from gameday.run.closing import give_verdict
from gameday.run.load import SETTLE_SECONDS, Load
from gameday.run.people import People
from gameday.run.people_desk import PeopleDesk
from gameday.run.stopping import Watches
from gameday.run.undoing import Undoing
from gameday.run.worker_process import WorkerProcess
from gameday.runbook import Runbook, Step, load_runbook
from gameday.runbook.acting import acts_unseen
from gameday.runbook.opened import opened
from gameday.runbook.proof import digest_without_proof
from gameday.traffic.windows import Recovery
from gameday.verdict import recovery_of
from gameday.verdict.samples import fault_applied_at, repointed_again
from gameday.yamlfile import read_text

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
_LOOK_SECONDS: Final = 2.0
"""How often is looked at what people wrote: it is not owed before it was seen, and a guardian may die."""


class RoundPlayer:
    """Carries out one round."""

    def __init__(
        self,
        directory: Path,
        log: LogWriter,
        undoing: Undoing,
        load: Load | None,
        item: Round,
        *,
        policy: Policy,
        stops: Sequence[Stop],
        died: Callable[[str, str], None],
        people: People | None = None,
    ) -> None:
        """Take the run's means, the round, what the guard is told, and what ends it; `died(by, why)` asks for an abort.

        With `people`, they carry the runbook out.
        """
        self._people = people
        self._people_desk: PeopleDesk | None = None
        if people is not None:
            item = replace(item, runbook_mode="people")
        self._directory, self._log, self._undoing, self._load = directory, log, undoing, load
        self._round, self._policy = item, policy
        self._watches = Watches(
            stops,
            load,
            undoing.observations(self._directory, item.id),
            breached=lambda why: died("stop condition", why),
        )
        self._worker = WorkerProcess(
            self._directory, log, round_id=item.id, handle=self.heard, died=lambda why: died("worker", why)
        )

    async def play(self) -> None:
        """Carry the round out from its first event to its last."""
        self._begin()
        await asyncio.to_thread(self._owe_rollbacks)
        if self._people is not None:
            await self._open_runbook()
        await self._worker.run(spare=self._ours)
        if self._people is not None and await self._has_fault():
            await self._with_people(self._people)
        await self._finish()

    async def play_attached(self, done: asyncio.Event) -> None:
        """Do the same where whoever started us is the worker: wait until it says that it is done."""
        self._begin()
        await asyncio.to_thread(self._owe_rollbacks)
        await done.wait()
        await self._finish()

    async def _open_runbook(self) -> None:
        """Let people have the runbook, and look at what they may write to before they do."""
        path = self._round.experiment.runbook_path
        if path is not None:
            self._log.write(opened(load_runbook(path), round_id=self._round.id))
        self._people_desk = self._undoing.people_desk(self._policy, self._round.id)
        if self._people_desk is not None:
            await asyncio.to_thread(self._people_desk.watch)

    async def _with_people(self, people: People) -> None:
        """Let people work until they say that it is resolved; what they write meanwhile is owed within seconds."""
        # The verdict has to know: what was measured without the fault shows nothing of it.
        early = await asyncio.to_thread(self._people_desk.set_back) if self._people_desk is not None else ""
        self._log.write(PhaseStarted(phase="people", detail=early and f"set back already: {early}", round=self._round.id))
        resolved = asyncio.create_task(people.until_resolved(self._round.id))
        try:
            while not resolved.done():
                await asyncio.to_thread(self.owe_people)
                await asyncio.wait({resolved}, timeout=_LOOK_SECONDS)
            await asyncio.to_thread(self.owe_people)
        finally:
            resolved.cancel()
        self._log.write(PhaseEnded(phase="people", outcome="ok", round=self._round.id))

    async def _await_closing(self, people: People) -> None:
        """Let people close the incident; what they wrote since it was resolved is set back, too."""
        self._log.write(PhaseStarted(phase="closing", round=self._round.id))
        await people.until_closed(self._round.id)
        await asyncio.to_thread(self.owe_people)
        await self._undoing.undo("people are done", round_id=self._round.id)
        self._log.write(PhaseEnded(phase="closing", outcome="ok", round=self._round.id))

    def owe_people(self) -> None:
        """Owe what people wrote since the last look, if there are any people."""
        if self._people_desk is not None:
            self._people_desk.owe()

    def end_worker(self, why: str) -> None:
        """End the worker's whole process tree, at once."""
        self._watches.stop()
        self._worker.end(why, spare=self._ours)

    @property
    def _ours(self) -> frozenset[int]:
        """Children of ours that a worker's end does not concern."""
        return frozenset({self._load.pid} if self._load else ())

    async def heard(self, message: Mapping[str, Any]) -> dict[str, Any] | None:
        """Serve the worker: write what it did, decide what it asks."""
        match message:
            case {"log": data}:
                self._write(data)
            case {"done": True}:
                self._worker.done()
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
        if what == "load":
            # Not in a thread: nothing may come between the look at what is owed and the change.
            return desk.change_load(message)
        if what == "look":
            return await asyncio.to_thread(desk.look, message, self._policy, round_id)
        return await asyncio.to_thread(desk.compare, message)

    async def close_aborted(self, hurry: asyncio.Event) -> None:
        """After an abort and its undo: watch for a moment whether checkout recovers, and look the orders up.

        `hurry` cuts the watching short: whoever aborts twice wants to leave.
        """
        if self._load is not None and await self._fault_at() is not None:
            watching = asyncio.create_task(self._watch_recovery(_ABORTED_RECOVERY_SECONDS))
            hurrying = asyncio.create_task(hurry.wait())
            await asyncio.wait({watching, hurrying}, return_when=asyncio.FIRST_COMPLETED)
            for task in (watching, hurrying):
                task.cancel()
        if not hurry.is_set():
            await self._check_orders(settle_seconds=0.0)

    # ------------------------------------------------------------------------------------------------ phases

    def _begin(self) -> None:
        experiment = self._round.experiment
        objectives = {
            "rto_seconds": experiment.objectives.rto_seconds,
            "rpo_seconds": experiment.objectives.rpo_seconds,
        }
        path = self._round.runbook_path
        runbook = load_runbook(path) if path is not None else None
        self._started = self._log.write(
            RoundStarted(
                title=experiment.title,
                experiment=str(experiment.path.name),
                experiment_digest=experiment.digest,
                hypothesis=experiment.hypothesis_title,
                runbook=runbook.id if runbook else experiment.runbook,
                runbook_mode=self._round.runbook_mode,
                runbook_without=list(self._round.without),
                verifies=self._round.verifies,
                expected=self._round.expect,
                objectives={name: value for name, value in objectives.items() if value is not None},
                drill_orders=experiment.drill_orders,
                owners=list(experiment.owners),
                foreign=[item.name for item in experiment.activities if item.type == "action" and not item.ours],
                rollbacks=[item.name for item in experiment.rollbacks],
                round=self._round.id,
                **_about(runbook, self._policy.namespaces),
            )
        )

    async def _finish(self) -> None:
        self._watches.stop()
        changed = await self._fault_at() is not None
        if self._round.experiment.drill_orders and changed:
            await self._recover(changed=changed)
            await self._check_copy()
            await self._undo()
            await self._await_original()
        elif self._round.runbook_mode in {"execute", "people"}:
            await self._recover(changed=changed)
            await self._undo()
        else:
            await self._undo()
            await self._recover(changed=changed)
        await self._check_orders()
        await _to_its_end(give_verdict, self._log, self._round.id)
        await self._undo_preparation()
        if self._people is not None and await self._has_fault():
            await self._await_closing(self._people)
        self._log.write(RoundEnded(round=self._round.id), durable=True)

    async def _undo(self) -> None:
        self._log.write(PhaseStarted(phase="undo", round=self._round.id))
        await self._undoing.undo(f"{self._round.id} is over", round_id=self._round.id, keep_prepared=True)
        left = [entry for entry in self._undoing.debt.entries if not entry.is_settled and not entry.prepares]
        self._log.write(PhaseEnded(phase="undo", outcome="failed" if left else "ok", round=self._round.id))

    async def _undo_preparation(self) -> None:
        """Take away what prepared the round, now that it is judged, and wait until what was set back is itself again."""
        prepared = [entry for entry in self._undoing.debt.entries if entry.prepares and not entry.is_settled]
        if not prepared:
            return
        self._log.write(PhaseStarted(phase="restore", round=self._round.id))
        await self._undoing.undo(f"{self._round.id} is judged", round_id=self._round.id)
        left = [entry for entry in self._undoing.debt.entries if not entry.is_settled]
        detail = await asyncio.to_thread(self._undoing.await_rolled_out, prepared)
        self._log.write(
            PhaseEnded(phase="restore", outcome="failed" if left or detail else "ok", detail=detail, round=self._round.id)
        )

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

    async def _check_orders(self, settle_seconds: float = SETTLE_SECONDS) -> None:
        if self._load is not None:
            self._log.write(PhaseStarted(phase="ledger", round=self._round.id))
            await self._load.check_orders(self._round.id, since=self._started.mono, settle_seconds=settle_seconds)
            self._log.write(PhaseEnded(phase="ledger", outcome="ok", round=self._round.id))

    async def _check_copy(self) -> None:
        """Look the orders up in the copy that the method repointed to, as long as it is what the shop has."""
        fault_at = await self._fault_at()
        if self._load is not None and fault_at is not None:
            self._log.write(PhaseStarted(phase="ledger", detail="in the copy", round=self._round.id))
            repointed = await asyncio.to_thread(lambda: repointed_again(read(self._directory), self._round.id))
            await self._load.check_copy(self._round.id, fault_at=fault_at, repointed=repointed)
            self._log.write(PhaseEnded(phase="ledger", outcome="ok", round=self._round.id))

    async def _await_original(self) -> None:
        """Wait until what was set back is what runs: the orders are looked up there next."""
        undone = [entry for entry in self._undoing.debt.entries if entry.is_settled and not entry.prepares]
        await asyncio.to_thread(self._undoing.await_rolled_out, undone)

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
            "runbook": str(self._round.runbook_path or ""),
            "without": list(self._round.without),
            "verifies": self._round.verifies,
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
            self._watches.arm(event.applied_mono)
        if isinstance(event, ActivityEnded) and event.phase == "rollbacks" and event.status == "succeeded":
            self._undoing.rolled_back(event.name, self._round.id)

    async def _has_fault(self) -> bool:
        """Whether there is anything for people to respond to: a red baseline, or a refusal of the guard, is none."""
        foreign = [item for item in self._round.experiment.activities if item.type == "action" and not item.ours]
        return bool(foreign) or await self._fault_at() is not None

    async def _fault_at(self) -> float | None:
        return await asyncio.to_thread(lambda: fault_applied_at(read(self._directory), self._round.id))


async def _to_its_end(work: Callable[..., None], *arguments: Any) -> None:
    """Do it in a thread, since the beats of a guardian may not stop for it; an abort waits until it is over."""
    working = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        await working
        raise


def _about(runbook: Runbook | None, namespaces: Sequence[str]) -> dict[str, Any]:
    """Return what the log has to know of a runbook; nothing for a round without one."""
    if runbook is None:
        return {}
    objectives = {"rto_seconds": runbook.objectives.rto_seconds, "rpo_seconds": runbook.objectives.rpo_seconds}
    return {
        "runbook_steps": [_about_step(step, namespaces) for step in runbook.steps],
        "runbook_file": str(runbook.path),
        "runbook_digest": digest_without_proof(read_text(runbook.path).text),
        "runbook_objectives": {name: value for name, value in objectives.items() if value is not None},
        "runbook_warnings": [caution.as_dict() for caution in runbook.cautions],
    }


def _about_step(step: Step, namespaces: Sequence[str]) -> dict[str, Any]:
    does = "shell" if step.shell else "" if step.action is None else "action" if step.action.is_action else "probe"
    return {
        "id": step.id,
        "phase": step.phase,
        "title": step.title,
        "role": step.role,
        "expected_seconds": step.expected_seconds,
        "does": does,
        "acts_unseen": acts_unseen(step, namespaces),
        "checked": step.check is not None,
    }


def _recovered(found: Recovery) -> str:
    return f"{found.seconds:.1f} s after the fault" if found.ever_out else "customers noticed nothing"
