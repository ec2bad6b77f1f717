"""A cluster as one process reaches it that may die at any call, beside others who write: deaths are exceptions of the test.

A process that is dead makes no more calls, whatever its `finally` blocks try. A write that was kept back is made calls later, by
when somebody else is undoing; it carries the preconditions that it was made with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gameday.change import patch_operations
from gameday.cluster import Access, Cluster, HttpAnswer, Identity, Json, ObjectRef, Permission, Selection
from gameday.errors import RefusedError
from tests.crash.plans import Death, Edit, Field, Stage, Step
from tests.crash.traps import AFTER, BEFORE, LATE

T = TypeVar("T")


class DiedError(BaseException):
    """The process is dead; no product code may catch this."""


@dataclass(slots=True)
class World:
    """What goes on around a run, counted in calls and writes to the cluster."""

    stage: Stage
    edits: list[Edit]
    deaths: list[Death]
    calls: int = 0
    writes: int = 0
    history: list[tuple[str, Field, Any]] = field(default_factory=list)
    """Who (`run`, `others`, `looked`) did what to which field, in order; `looked` is an undoer's reading of the object."""
    step: Step | None = None
    """What the run is at."""
    _late: list[tuple[int, Callable[[], Any]]] = field(default_factory=list)

    def before_call(self) -> None:
        """Let others write, and late writes come, whose time it is."""
        self.calls += 1
        for edit in [edit for edit in self.edits if edit.at_call <= self.calls]:
            self.edits.remove(edit)
            self.edit(edit)
        for item in [item for item in self._late if item[0] <= self.calls]:
            self._late.remove(item)
            self.apply(item[1])

    def edit(self, edit: Edit) -> None:
        cluster, ref = self.stage.scratch.cluster, self.stage.ref(edit.name)
        obj = cluster.get(ref)
        assert obj is not None
        cluster.patch(ref, patch_operations(obj, edit.path, edit.value))
        self.history.append(("others", (edit.name, edit.path), edit.value))

    def everything_comes(self) -> None:
        """Let all late writes come, at last."""
        late, self._late = self._late, []
        for _, call in late:
            self.apply(call)

    def next_death(self) -> Death | None:
        """Return the death that this write is, if it is one."""
        self.writes += 1
        if self.deaths and self.deaths[0].at_write <= self.writes:
            self.writes = 0
            return self.deaths.pop(0)
        return None

    def keep_back(self, death: Death, call: Callable[[], Any]) -> None:
        self._late.append((self.calls + death.calls_later, call))

    def apply(self, call: Callable[[], Any]) -> None:
        """Make a call to which nobody hears the answer."""
        try:
            call()
        except RefusedError:
            # Its preconditions do not hold any more, which is what they are for.
            return


@dataclass(slots=True)
class Mortal:
    """Implements `gameday.cluster.Cluster` for one process; `role` is run or undoer."""

    real: Cluster
    world: World
    role: str
    dead: bool = False

    def _call(self, make: Callable[[], T]) -> T:
        if self.dead:
            raise DiedError
        self.world.before_call()
        return make()

    def _write(self, make: Callable[[], T]) -> T:
        if self.dead:
            raise DiedError
        self.world.before_call()
        death = self.world.next_death()
        if death is None:
            return make()
        self.dead = True
        if death.mode == AFTER:
            self.world.apply(make)
        if death.mode == LATE:
            self.world.keep_back(death, make)
        assert death.mode in {BEFORE, AFTER, LATE}
        raise DiedError

    def get(self, ref: ObjectRef) -> Json | None:
        found = self._call(lambda: self.real.get(ref))
        if found is not None and self.role == "undoer":
            self.world.history.append(("looked", (ref.name, ""), None))
        return found

    def list(self, selection: Selection) -> Sequence[Json]:
        return self._call(lambda: self.real.list(selection))

    def identity(self) -> Identity:
        return self._call(self.real.identity)

    def may(self, access: Access) -> Permission:
        return self._call(lambda: self.real.may(access))

    def connects(self, host: str, port: int, *, timeout_seconds: float = 1.0) -> bool | None:
        return self.real.connects(host, port, timeout_seconds=timeout_seconds)

    def ask(self, ref: ObjectRef, port: int | str, path: str) -> HttpAnswer:
        return self._call(lambda: self.real.ask(ref, port, path))

    def server_time(self) -> float:
        return self.real.server_time()

    def in_pod(self) -> bool:
        return self.real.in_pod()

    def acting_as(self, namespace: str, account: str) -> Cluster:
        raise NotImplementedError(f"{namespace}/{account} dies a death of its own")

    def renew(self) -> None:
        self._call(self.real.renew)

    def create(self, manifest: Json) -> Json:
        return self._write(lambda: self.real.create(manifest))

    def patch(self, ref: ObjectRef, operations: Sequence[Json]) -> Json:
        step = self.world.step

        def make() -> Json:
            obj = self.real.patch(ref, operations)
            if self.role == "run" and step is not None:
                self.world.history += [("run", (step.name, path), value) for path, value in step.fields.items()]
            return obj

        return self._write(make)

    def replace(self, obj: Json) -> Json:
        return self._write(lambda: self.real.replace(obj))

    def delete(self, ref: ObjectRef, *, grace_seconds: int | None = None, resource_version: str = "") -> None:
        self._write(lambda: self.real.delete(ref, grace_seconds=grace_seconds, resource_version=resource_version))

    def evict(self, ref: ObjectRef, *, grace_seconds: int | None = None) -> None:
        self._write(lambda: self.real.evict(ref, grace_seconds=grace_seconds))

    def sleep(self, seconds: float) -> None:
        """Let a twentieth of the time pass, and what is late come while a process waits for just that."""
        if seconds >= 1.0:
            self.world.everything_comes()
        time.sleep(seconds / 20)
