"""What must be true in the end, whatever was planned, whoever wrote in between and however often somebody died.

Every field is as before the run, or as somebody else wrote it last and then reported as left alone; nothing of ours remains;
undoing once more changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday.change import get_field
from gameday.cluster import Cluster, ObjectRef, Selection
from gameday.undo.orphans import Recovered
from gameday.undo.owing import Debt, blank_shard
from gameday.undo.record import Shard
from gameday.undo.settling import Undoer, undo_until_settled
from gameday.undo.storing import RUN_LABEL, SecretStore, Stored
from tests.crash.plans import FIELDS, Field, Stage, configured

_MARK = "gameday.dev/"


@dataclass(slots=True)
class Ending:
    """One case when it is over."""

    stage: Stage
    run_id: str
    first: Mapping[str, Any]
    """The objects before the run."""
    owed: Sequence[Stored]
    """The record before anything was undone."""
    history: Sequence[tuple[str, Field, Any]]
    reports: Sequence[Recovered]
    wrong: list[str] = field(default_factory=list)

    def check(self) -> list[str]:
        """Return what is wrong."""
        now = self.stage.look()
        for name, path in FIELDS:
            self._field((name, path), get_field(now[name], path))
        self._nothing_of_ours(now)
        again = self._undone_again()
        if {name: configured(obj) for name, obj in now.items()} != {name: configured(obj) for name, obj in again.items()}:
            self.wrong.append(f"undoing once more changed something: {now} became {again}")
        return self.wrong

    def _field(self, which: Field, final: Any) -> None:
        first = get_field(self.first[which[0]], which[1])
        befores = [
            entry.fields[which[1]].before
            for item in self.owed
            for entry in item.shard.entries.values()
            if entry.target.name == which[0] and which[1] in entry.fields
        ]
        edits = [number for number, (who, field_, _) in enumerate(self.history) if who == "others" and field_ == which]
        last = self.history[edits[-1]][2] if edits else first
        later = self.history[edits[-1] + 1 :] if edits else self.history
        if not befores or not edits:
            # Nobody but the others has anything to say here, or nobody but the run.
            expected = last
        elif ("run", which) in [(who, field_) for who, field_, _ in later]:
            expected = befores[0]
        else:
            expected = last
            was_seen = ("looked", which[0]) in [(who, field_[0]) for who, field_, _ in later]
            if was_seen and last != befores[0] and not self._is_reported(which):
                self.wrong.append(f"{which} was left as {last!r}, and nobody said so: {self.reports}")
        if final != expected:
            self.wrong.append(f"{which} is {final!r}, expected {expected!r}; it was {first!r}, owed is {befores}")

    def _is_reported(self, which: Field) -> bool:
        name, path = which
        entries = [entry for report in self.reports for entry in report.entries]
        return any(
            entry["outcome"] == "left_alone" and entry["object"].endswith(f"/{name}") and path in entry["detail"]
            for entry in entries
        )

    def _nothing_of_ours(self, now: Mapping[str, Any]) -> None:
        cluster = self.stage.scratch.cluster
        for name, obj in now.items():
            metadata = obj["metadata"]
            marks = [key for key in {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})} if _MARK in key]
            self.wrong += [f"{key} is left on {name}" for key in marks]
        for kind in ("ConfigMap", "Pod"):
            for obj in cluster.list(Selection("v1", kind, self.stage.scratch.name, f"{RUN_LABEL}={self.run_id}")):
                self.wrong.append(f"{kind} {obj['metadata']['name']} is left")
        kept = [
            entry for item in SecretStore(cluster).read(self.run_id) for entry in item.shard.owes if entry.outcome != "left_alone"
        ]
        self.wrong += [f"still owed: {entry}" for entry in kept]

    def _undone_again(self) -> dict[str, Any]:
        """Carry out the same record a second time, from a copy."""
        cluster = self.stage.scratch.cluster
        blank = blank_shard(self.run_id, Path("/nowhere"), cluster_uid=cluster.identity().uid)
        debt = Debt(_Copy(), cluster, blank, stored=self.owed)
        undoer = Undoer(cluster, "again", self.run_id, sleep=lambda seconds: time.sleep(seconds / 20))
        undo_until_settled(debt, undoer, settled=lambda _: None)
        return self.stage.look()


class _Copy:
    """A store of which nothing is kept."""

    def read(self, run_id: str = "") -> Sequence[Stored]:
        del run_id
        return []

    def write(self, name: str, shard: Shard, *, version: str) -> Stored:
        return Stored(name, f"{version}+", shard)

    def remove(self, stored: Stored) -> None:
        del stored


def forget(cluster: Cluster, run_id: str) -> None:
    """Remove the record of a case that ended with something left alone."""
    for item in SecretStore(cluster).read(run_id):
        cluster.delete(ObjectRef("v1", "Secret", "gameday-system", item.name))
