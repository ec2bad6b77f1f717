"""Where what people wrote in a rehearsal is owed, so that it is set back at the end like any other write of the run.

It goes beside the desk, which decides what a worker may do: people ask nobody. How their writes are told from the run's is in
`people_writes`. Nothing is undone here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

from gameday.change import shown
from gameday.cluster import Cluster, ObjectRef
from gameday.errors import GamedayError
from gameday.guard import Policy
from gameday.log import LogWriter
from gameday.log.events import ChangeApplied, ChangeOwed, Noted, UndoEnded
from gameday.run.people_writes import peoples_writes, set_back
from gameday.run.snapshot import PATIENCE_SECONDS, Snapshot, look, look_patiently
from gameday.run.wording import in_words
from gameday.undo.owing import Debt

BY_PEOPLE: Final = "step by people"
"""Whose writes these are, in the log: a step's, and so no part of the fault."""


class PeopleDesk:
    """What people write in one round; called in threads."""

    def __init__(self, cluster: Cluster, debt: Debt, log: LogWriter, policy: Policy, *, round_id: str) -> None:
        """Take the cluster to read, the record to owe in, the log, the plan's namespaces, and the round."""
        self._cluster, self._debt, self._log = cluster, debt, log
        self._namespaces, self._round = policy.namespaces, round_id
        self._before: Snapshot | None = None
        self._has_missed = self._is_left = False
        self._one_at_a_time = threading.Lock()
        self._deleted: set[ObjectRef] = set()
        # Another numbering than the desk's.
        self._numbers = (f"p{number}.{round_id}" for number in count(1))

    def watch(self) -> None:
        """Look at the namespaces before anybody writes to them."""
        try:
            self._before = look(self._cluster, self._namespaces)
        except GamedayError as error:
            self._warn(f"what people write in this round can neither be told nor set back: {error}")

    def set_back(self) -> str:
        """Name the fields of the fault that are as before already; what cannot be looked at is not named."""
        try:
            return ", ".join(set_back(look(self._cluster, self._namespaces), self._debt.entries))
        except GamedayError:
            return ""

    def owe(self) -> None:
        """Look again, while they are at work or after it, and owe what they wrote since."""
        with self._one_at_a_time:
            try:
                self._owe(0.0)
            except Exception as error:  # noqa: BLE001  # what it is about must keep nothing from being undone
                self._has_missed = True
                self._warn(f"what people wrote could not be recorded: {in_words(error)}")

    def owe_missed(self) -> None:
        """Before an undo, do again what failed last time, with more patience; what then cannot be told is left behind."""
        with self._one_at_a_time:
            if not self._has_missed:
                return
            try:
                self._owe(PATIENCE_SECONDS)
            except Exception as error:  # noqa: BLE001  # the undo comes next, whatever cannot be told here
                why = in_words(error)
                self._end("residue", f"could not be told, so what they wrote since the look before was not undone: {why}")
                self._is_left = True

    def _owe(self, patience_seconds: float) -> None:
        if self._before is None:
            return
        now = look_patiently(self._cluster, self._namespaces, patience_seconds)
        writes = peoples_writes(self._before, now, self._debt.entries)
        for ref, fields in writes.fields.items():
            entry = self._debt.owe_writes(now[ref], fields, was=self._before[ref], by=BY_PEOPLE, round_id=self._round)
            self._tell(ref, fields, entry=entry.id)
        for ref in writes.created:
            self._tell(ref, {}, entry=self._debt.owe_created(ref, by=BY_PEOPLE, round_id=self._round).id)
        self._has_missed = False
        if self._is_left:
            self._is_left = False
            self._end("undone", "could be told after all, and is owed like the rest")
        for ref in set(writes.deleted) - self._deleted:
            self._deleted.add(ref)
            self._warn(f"{ref} was deleted, which is not brought back")

    def _end(self, outcome: str, detail: str) -> None:
        """Say whether what people wrote last is left behind; the last word counts."""
        what = "what people wrote last"
        entry = f"unrecorded {what} in {self._round}"
        event = UndoEnded(entry=entry, object=what, outcome=outcome, detail=detail, round=self._round)
        self._log.write(event, durable=True)

    def _tell(self, ref: ObjectRef, fields: Mapping[str, tuple[Any, Any]], *, entry: str) -> None:
        """Log what has been written already, as owed and applied in one."""
        change_id = next(self._numbers)
        told = [
            {"path": path, "before": shown(ref.kind, path, before), "after": shown(ref.kind, path, after)}
            for path, (before, after) in fields.items()
        ]
        owed = ChangeOwed(
            change_id=change_id,
            by=BY_PEOPLE,
            kind="patch" if fields else "create",
            object=str(ref),
            summary=f"wrote {', '.join(fields)} of {ref}" if fields else f"created {ref}",
            fields=told,
            entry=entry,
            round=self._round,
        )
        self._log.write(owed, durable=True)
        self._log.write(ChangeApplied(change_id=change_id, applied_mono=time.monotonic(), round=self._round))

    def _warn(self, text: str) -> None:
        self._log.write(Noted(level="warning", text=text, round=self._round))
