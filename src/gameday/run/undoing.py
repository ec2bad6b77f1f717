"""Undo as the guardian does it: in a thread of its own, each result into the log, and the debt at hand for everybody else."""

from __future__ import annotations

import asyncio
import shlex
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from gameday.change import RATE, shown
from gameday.cluster import Cluster, View
from gameday.cluster.reading import is_rolled_out
from gameday.errors import ClusterError, GamedayError, NoMeasurementError
from gameday.guard import Policy
from gameday.guard.accounts import UndoAccount
from gameday.log import LogWriter
from gameday.log.events import Noted, ProcessEnded, ProcessStarted, UndoEnded, UndoStarted
from gameday.processes import ProcessId, how_ended
from gameday.run.desk import Desk
from gameday.run.load import Load
from gameday.run.observing import RunObservations
from gameday.run.people_desk import PeopleDesk
from gameday.run.rollbacks import carry_out, command_for
from gameday.undo.owing import Debt, ref_of
from gameday.undo.record import UNDONE, Entry
from gameday.undo.settling import Settled, Undoer, holder_here, settle, undo_until_settled

_ROLL_OUT_SECONDS: Final = 60.0


class Undoing:
    """What a guardian undoes with."""

    def __init__(
        self,
        log: LogWriter,
        debt: Debt,
        cluster: Cluster | None,
        *,
        run_id: str,
        desk: Desk | None,
        account: UndoAccount | None = None,
    ) -> None:
        """Take the log, the run's record, the cluster, the desk, which knows what was seen to be applied, and who undoes."""
        self.debt, self.desk = debt, desk
        self._account = account
        self._log, self._cluster, self._run_id = log, cluster, run_id
        self.holder = holder_here(run_id)
        self._load: Load | None = None
        self._people: list[PeopleDesk] = []
        self._one_at_a_time = threading.Lock()

    def attach(self, load: Load) -> None:
        """Say which load it is whose rate may be changed, and has to be set back."""
        self._load = load
        if self.desk is not None:
            self.desk.load = load

    def observations(self, directory: Path, round_id: str) -> RunObservations:
        """Return what the probes of a stop condition look at, from this process."""

        def view() -> View:
            if self._cluster is None:
                raise NoMeasurementError("this run touches no cluster")
            return self._cluster

        return RunObservations(directory, view, round_id=round_id, since=time.monotonic())

    def people_desk(self, policy: Policy, round_id: str) -> PeopleDesk | None:
        """Return where what people write in a round is owed; None for a run that touches no cluster."""
        if self._cluster is None:
            return None
        self._people.append(PeopleDesk(self._cluster, self.debt, self._log, policy, round_id=round_id))
        return self._people[-1]

    def renew(self) -> None:
        """Renew in time what this undoes with; a refusal is noted, and ends nothing before the old one does."""
        if self._account is None:
            return
        try:
            self._account.cluster.renew()
        except ClusterError as error:
            self._log.write(Noted(level="warning", text=f"no new token of {self._account.name} to undo with: {error}"))

    async def undo(self, reason: str, *, round_id: str = "", keep_prepared: bool = False) -> None:
        """Undo everything that is owed; what cannot be undone is in the log as residue.

        With `keep_prepared`, what a round's preparation put in place stays, since it is still to be judged.
        """
        await asyncio.to_thread(self.undo_now, reason, round_id, keep_prepared=keep_prepared)

    def undo_now(self, reason: str, round_id: str = "", *, keep_prepared: bool = False) -> None:
        """Do the same, blocking; while another one is on, wait for it, and undo what it leaves."""
        with self._one_at_a_time:
            # A thread cannot be cancelled: of a round that is aborted while it undoes, the rollbacks are still being played.
            self._undo_now(reason, round_id, keep_prepared=keep_prepared)

    def _undo_now(self, reason: str, round_id: str, *, keep_prepared: bool) -> None:
        if self.desk is not None:
            # A shell block that was cut short has written what nobody has compared yet.
            self.desk.close_looks()
        for people in self._people:
            people.owe_missed()

        def concerns(entry: Entry) -> bool:
            return not (keep_prepared and entry.prepares)

        owed = [entry for entry in self.debt.entries if not entry.is_settled and concerns(entry)]
        if not owed:
            return
        # What is owed stands in the record, so nothing waits for this to be synced; what was undone is.
        self._log.write(UndoStarted(reason=reason, holder=self.holder, owed=len(owed), round=round_id))
        # First, since it takes no time, and whatever else is undone recovers sooner without a crowd.
        for entry in owed:
            if entry.is_load and self._load is not None:
                self._settle(_calmed(self._load, entry))
        if self._cluster is not None:
            left = [entry for entry in owed if entry.rollback is None and not (entry.is_load and self._load is not None)]
            self._undo_in_cluster(self._cluster, left, concerns)
        for entry in owed:
            if entry.rollback is not None:
                self._roll_back(entry)

    def await_rolled_out(self, entries: Sequence[Entry]) -> str:
        """Wait until the workloads among these have rolled out what was set back; return what has not, or nothing.

        Not a part of the undo, which is over when the fields are as before; but the next round begins on what stands then.
        """
        waiting = {ref_of(entry.target).anonymous for entry in entries if entry.fields and not entry.is_load}
        deadline = time.monotonic() + _ROLL_OUT_SECONDS
        while self._cluster is not None and waiting:
            try:
                waiting = {ref for ref in waiting if not is_rolled_out(self._cluster.get(ref))}
            except ClusterError as error:
                return f"could not look: {error}"
            if time.monotonic() > deadline:
                return f"not rolled out {_ROLL_OUT_SECONDS:g} s later: {', '.join(sorted(map(str, waiting)))}"
            time.sleep(0.2 if waiting else 0.0)
        return ""

    def rolled_back(self, name: str, round_id: str) -> None:
        """Settle a rollback that the worker has played to its end."""
        for entry in self.debt.entries:
            if entry.rollback is not None and not entry.is_settled and (entry.by, entry.round) == (name, round_id):
                self._settle(Settled(entry, "undone", "carried out with the experiment"))
                return

    def _roll_back(self, entry: Entry) -> None:
        """Carry out a rollback that was not seen to finish; one that fails does not stop the others."""
        failure = carry_out(entry, told=partial(self._tell_rollback, entry.round))
        if failure:
            told = f"{failure}. By hand: {shlex.join(command_for(entry))}"
            self._settle(Settled(entry, "residue", told))
        else:
            self._settle(Settled(entry, "undone", "carried out by the guardian"))

    def _tell_rollback(self, round_id: str, process: ProcessId, returncode: int | None) -> None:
        if returncode is None:
            began = ProcessStarted(role="rollback", pid=process.pid, start_ticks=process.start_ticks, round=round_id)
            self._log.write(began, durable=True)
            return
        code, number, _ = how_ended(returncode)
        reason = "failed" if returncode else "done"
        self._log.write(
            ProcessEnded(role="rollback", pid=process.pid, exit_code=code, signal=number, reason=reason, round=round_id)
        )

    def _settle(self, result: Settled) -> None:
        self._log.write(_event(result), durable=True)
        entry = msgspec.structs.replace(result.entry, state=UNDONE, outcome=result.outcome, detail=result.detail)
        try:
            self.debt.update(entry)
        except GamedayError as error:
            self._log.write(Noted(level="warning", text=f"the undo record could not be written: {error}"))

    def _undo_in_cluster(self, cluster: Cluster, owed: Sequence[Entry], concerns: Callable[[Entry], bool]) -> None:
        confirmed = self.desk.confirmed if self.desk else frozenset()
        acting = self._account.cluster if self._account is not None else cluster
        undoer = Undoer(acting, self.holder, self._run_id, confirmed=confirmed, concerns=concerns)
        told: set[str] = set()

        def settled(result: Settled) -> None:
            told.add(result.entry.id)
            self._log.write(_event(result), durable=True)

        try:
            undo_until_settled(self.debt, undoer, settled=settled)
            self._undo_unrecorded(undoer, [entry for entry in owed if entry.id not in told], settled)
        except GamedayError as error:
            for entry in owed:
                if entry.id not in told:
                    self._log.write(_event(Settled(entry, "residue", f"could not be undone: {error}")), durable=True)

    def _undo_unrecorded(self, undoer: Undoer, untold: Sequence[Entry], settled: Callable[[Settled], None]) -> None:
        """Undo what is owed although its record is gone: whoever removed it may have undone it, or may not have."""
        recorded = {entry.id for entry in self.debt.entries}
        for entry in untold:
            if entry.id not in recorded:
                self._log.write(Noted(level="error", text=f"the undo record of {entry.id} is gone; undoing from memory"))
                settled(settle(undoer, entry))


def _calmed(load: Load, entry: Entry) -> Settled:
    """Let customers come as often as before; a rate that this run did not ask for is somebody else's, and stays."""
    owed, found = entry.fields[RATE], load.rate_per_second
    if found == owed.before:
        outcome, detail = "already", f"{found:g} customers a second come, as before"
    elif found in owed.wrote:
        load.change_rate(owed.before)
        outcome, detail = "undone", f"{owed.before:g} customers a second come again, instead of {found:g}"
    else:
        outcome, detail = "left_alone", f"{found:g} customers a second come, which this entry did not ask for"
    return Settled(entry, outcome, detail, ({"path": RATE, "before": owed.before, "found": found, "outcome": outcome},))


def _event(result: Settled) -> UndoEnded:
    kind = result.entry.target.kind
    fields = [
        {
            "path": field["path"],
            "before": shown(kind, field["path"], field["before"]),
            "found": shown(kind, field["path"], field["found"]),
            "outcome": field["outcome"],
        }
        for field in result.fields
    ]
    return UndoEnded(
        entry=result.entry.id,
        object=str(ref_of(result.entry.target)),
        outcome=result.outcome,
        detail=result.detail,
        fields=fields,
        round=result.entry.round,
    )
