"""The machine under every controller: watch, queue keys without doubles, reconcile, try again.

Controllers are level-triggered: a write only says *look at this object again*, never what to do. All of them hang on one
watch of the store, reconcile synchronously in its event loop, and sleep when nothing is written. A reconcile is therefore
a transaction: nothing changes between what it reads and what it writes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from gameday.staging.errors import ApiError, Expired
from gameday.staging.history import Entry
from gameday.staging.resources import RESOURCES, Resource
from gameday.staging.store import Store

Keys = Callable[[Entry], Iterable[Hashable]]
_FIRST_RETRY_SECONDS: Final = 0.005
_LONGEST_RETRY_SECONDS: Final = 30.0
_log = structlog.get_logger("gameday.staging")


@dataclass(frozen=True, slots=True, eq=False)
class Controller:
    """One controller: which writes matter to which keys, and what to do about a key.

    `reconcile` may return after how many seconds it wants to see the key again.
    """

    name: str
    sources: Mapping[Resource, Keys]
    reconcile: Callable[..., float | None]


def own_key(entry: Entry) -> Iterable[Hashable]:
    """Return namespace and name of the object that was written."""
    metadata = entry.stored.body["metadata"]
    yield metadata.get("namespace", ""), metadata["name"]


def owner_key(kind: str) -> Keys:
    """Return the keys function that names the controlling owner of a kind."""

    def keys(entry: Entry) -> Iterable[Hashable]:
        metadata = entry.stored.body["metadata"]
        for reference in metadata.get("ownerReferences") or ():
            if reference.get("controller") and reference["kind"] == kind:
                yield metadata["namespace"], reference["name"]

    return keys


class ControllerLoop:
    """Runs controllers over one store until stopped."""

    def __init__(self, store: Store, controllers: Sequence[Controller]) -> None:
        self._store = store
        self._controllers = controllers
        self._pending: dict[tuple[Controller, Hashable], None] = {}
        self._later: dict[tuple[Controller, Hashable], asyncio.TimerHandle] = {}
        self._failures: dict[tuple[Controller, Hashable], int] = {}
        self._draining: asyncio.Handle | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look at everything that is there, and from now on at everything that is written."""
        self._task = asyncio.create_task(self._follow(), name="controllers")

    async def stop(self) -> None:
        """Reconcile nothing any more."""
        for handle in (*self._later.values(), *((self._draining,) if self._draining else ())):
            handle.cancel()
        self._later.clear()
        self._pending.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        """Note what is there and what is written; start over if the watch fell behind."""
        while True:
            with contextlib.closing(self._store.watch(None)) as watch, contextlib.suppress(Expired):
                for resource in RESOURCES:
                    for stored in self._store.listed(resource):
                        self._note(Entry("ADDED", resource, stored, None, 0))
                while True:
                    self._note(await watch.next_entry())

    def _note(self, entry: Entry) -> None:
        for controller in self._controllers:
            keys = controller.sources.get(entry.resource)
            if keys is not None:
                for key in keys(entry):
                    self._add(controller, key)

    def _add(self, controller: Controller, key: Hashable) -> None:
        self._pending[controller, key] = None
        if self._draining is None:
            self._draining = asyncio.get_running_loop().call_soon(self._drain)

    def _drain(self) -> None:
        """Reconcile what is queued by now; what that queues has its turn after other work of the event loop."""
        self._draining = None
        batch, self._pending = self._pending, {}
        for controller, key in batch:
            self._reconcile(controller, key)

    def _reconcile(self, controller: Controller, key: Hashable) -> None:
        work = controller, key
        if work in self._later:
            self._later.pop(work).cancel()
        try:
            again_seconds = controller.reconcile(key)
        except ApiError as error:
            self._retry(work, str(error))
        except Exception as error:  # noqa: BLE001 - one object that nobody foresaw must not stop the cluster
            _log.exception("a controller failed", controller=controller.name, key=key)
            self._retry(work, repr(error))
        else:
            self._failures.pop(work, None)
            if again_seconds is not None:
                self._schedule(work, again_seconds)

    def _retry(self, work: tuple[Controller, Hashable], why: str) -> None:
        failures = self._failures[work] = self._failures.get(work, 0) + 1
        _log.debug("a controller tries again", controller=work[0].name, key=work[1], failures=failures, why=why)
        self._schedule(work, min(_FIRST_RETRY_SECONDS * 2 ** min(failures, 20), _LONGEST_RETRY_SECONDS))

    def _schedule(self, work: tuple[Controller, Hashable], delay_seconds: float) -> None:
        self._later[work] = asyncio.get_running_loop().call_later(delay_seconds, self._come_back, work)

    def _come_back(self, work: tuple[Controller, Hashable]) -> None:
        self._later.pop(work, None)
        self._add(*work)
