"""Undo as the guardian does it: in a thread of its own, each result into the log, and the debt at hand for everybody else."""

from __future__ import annotations

import asyncio

from gameday.change import shown
from gameday.cluster import Cluster
from gameday.errors import GamedayError
from gameday.log import LogWriter
from gameday.log.events import UndoEnded, UndoStarted
from gameday.run.desk import Desk
from gameday.run.owing import Debt, ref_of
from gameday.run.undo import Settled, Undoer, holder_here, undo_until_settled


class Undoing:
    """What a guardian undoes with."""

    def __init__(self, log: LogWriter, debt: Debt, cluster: Cluster | None, *, run_id: str, desk: Desk | None) -> None:
        """Take the log, the run's record, the cluster, and the desk, which knows what was seen to be applied."""
        self.debt, self.desk = debt, desk
        self._log, self._cluster, self._run_id = log, cluster, run_id
        self.holder = holder_here(run_id)

    async def undo(self, reason: str, *, round_id: str = "") -> None:
        """Undo everything that is owed; what cannot be undone is in the log as residue."""
        await asyncio.to_thread(self.undo_now, reason, round_id)

    def undo_now(self, reason: str, round_id: str = "") -> None:
        """Do the same, blocking."""
        owed = [entry for entry in self.debt.entries if not entry.is_settled]
        if not owed or self._cluster is None:
            return
        self._log.write(UndoStarted(reason=reason, holder=self.holder, owed=len(owed), round=round_id), durable=True)
        confirmed = self.desk.confirmed if self.desk else frozenset()
        undoer = Undoer(self._cluster, self.holder, self._run_id, confirmed=confirmed)
        told: set[str] = set()

        def settled(result: Settled) -> None:
            told.add(result.entry.id)
            self._log.write(_event(result), durable=True)

        try:
            undo_until_settled(self.debt, undoer, settled=settled)
        except GamedayError as error:
            for entry in owed:
                if entry.id not in told:
                    self._log.write(_event(Settled(entry, "residue", f"could not be undone: {error}")), durable=True)


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
