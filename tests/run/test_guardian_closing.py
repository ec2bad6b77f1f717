"""The end of a run: what is owed when its guardian undoes for the last time is all that there will be."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.log import LogWriter
from gameday.run.guardian import Guardian
from gameday.run.spec import RunSpec
from gameday.run.undoing import Undoing
from gameday.undo.owing import Debt, blank_shard
from gameday.undo.storing import FileStore


@dataclass
class Ending:
    """What was opened for a run without a cluster, as far as its end needs it."""

    undoing: Undoing
    lease: None = None

    def give_back(self) -> None:
        self.undoing.debt.clear()


async def test_nothing_can_be_owed_behind_the_last_undo_of_a_run(tmp_path: Path) -> None:
    debt = Debt(FileStore(tmp_path), None, blank_shard("run", tmp_path, cluster_uid=""))
    log = LogWriter(tmp_path)
    undoing, was_closed = Undoing(log, debt, None, run_id="run", desk=None), []

    class Watched(Undoing):
        async def undo(self, reason: str, *, round_id: str = "", keep_prepared: bool = False) -> None:
            was_closed.append(debt.is_closed)
            await undoing.undo(reason, round_id=round_id, keep_prepared=keep_prepared)

    opened: Any = Ending(Watched(log, debt, None, run_id="run", desk=None))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        guardian = Guardian(RunSpec(run_id="run", directory=str(tmp_path), file="f", shown_file="f"), log, ours)
        await guardian._close(opened, asyncio.create_task(asyncio.sleep(30)), "")
    log.close()
    assert was_closed == [False, True]
