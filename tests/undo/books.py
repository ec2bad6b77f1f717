"""Records, debts and undoers on the real cluster, with a clock that a test winds on by hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gameday.change import Change, PatchObject
from gameday.cluster import ObjectRef
from gameday.errors import ConflictError
from gameday.kube import KubeCluster
from gameday.run.inject import perform
from gameday.undo.owing import Debt, Owed, blank_shard
from gameday.undo.settling import Settled, Undoer, undo_until_settled
from gameday.undo.storing import SecretStore

_ATTEMPTS = 20
_numbers = count(1)


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []
        self.between: Callable[[], None] = lambda: None

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.slept.append(seconds)
        self.between()


@dataclass
class Books:
    """What one run owes on the cluster, and everything that is done about it."""

    cluster: KubeCluster
    run_id: str
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.store = SecretStore(self.cluster)
        self.debt = self.opened()

    def opened(self) -> Debt:
        """Read the record as another process would."""
        uid = self.cluster.identity().uid
        shard = blank_shard(self.run_id, Path("/nowhere"), cluster_uid=uid)
        return Debt(self.store, self.cluster, shard, stored=self.store.read(self.run_id))

    def owe(self, change: Change, *, by: str = "act", round_id: str = "r1", refused_before: bool = False) -> Owed:
        return self.debt.owe(change, by=by, round_id=round_id, refused_before=refused_before)

    def change(self, change: Change, **names: Any) -> Owed:
        """Owe a change and make it; again, as a worker does, where a controller wrote to the object between the look and that."""
        owed = self.owe(change, **names)
        for _ in range(_ATTEMPTS):
            try:
                perform(self.cluster, owed.operation)
            except ConflictError:
                owed = self.owe(change, **{**names, "refused_before": True})
            else:
                return owed
        raise AssertionError(f"{change.ref} never stood still for as long as a change takes")

    def patch(self, ref: ObjectRef, **names: Any) -> Owed:
        fields = names.pop("fields")
        return self.change(PatchObject(ref, fields), **names)

    def undo(self, debt: Debt | None = None, *, holder: str = "undoer", confirmed: bool = True, **more: Any) -> list[Settled]:
        """Undo everything; return what was settled. Not confirmed means that any request may still come late."""
        debt = debt or self.debt
        ids = frozenset(entry.id for entry in debt.entries) if confirmed else frozenset()
        settings = {"now": self.clock.now, "sleep": self.clock.sleep, "confirmed": ids, **more}
        results: list[Settled] = []
        undo_until_settled(debt, Undoer(self.cluster, holder, self.run_id, **settings), settled=results.append)
        return results


@pytest.fixture
def books(cluster: KubeCluster) -> Iterator[Books]:
    """Return the books of a run of the test's own; its record goes with it."""
    found = Books(cluster, f"run-{os.getpid()}-{next(_numbers)}")
    yield found
    for stored in found.store.read(found.run_id):
        found.cluster.delete(ObjectRef("v1", "Secret", "gameday-system", stored.name))
