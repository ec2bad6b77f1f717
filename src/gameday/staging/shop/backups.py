"""Taking copies of the orders' database, as often as BACKUP_EVERY_SECONDS says, and answering what they are worth.

A copy is due so long after the newest one, also across restarts; one that would be the same is not taken, the label of the
newest says then when that was seen. BACKUP_KEEP of them are kept. The answers are looked up in the bucket each time: what this
process believes to have stored is no backup.

The weaknesses are ordinary: an interval that somebody made too long; BACKUP_METHOD=file, which copies the file as it lies
there; BACKUP_VERIFY=off, which stores a copy without having looked whether it can be opened. Each looks healthy until a restore.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, TypeVar

from gameday.staging.shop import copies
from gameday.staging.shop.apology import Sorry
from gameday.staging.shop.copies import DamagedError, Label
from gameday.staging.shop.database import DRILL, Database, Restored, described
from gameday.staging.shop.offsite import NoSuchObjectError, Offsite, OffsiteError
from gameday.staging.shop.server import Handler, Request, Response, answer
from gameday.staging.shop.settings import Environment
from gameday.staging.shop.speech import say

_T = TypeVar("_T")

LONGEST_PAUSE_AFTER_FAILURE_SECONDS = 5.0
SHOWN = 3
MOST_SHOWN = 20
_NO_BACKUPS = "No copies are taken here: BACKUP_ENDPOINT is not set."


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often a copy is taken, in what way, and how many are kept."""

    every_seconds: float
    keep: int
    snapshot: bool
    verify: bool

    @staticmethod
    def from_environment(environment: Environment) -> Schedule:
        """Return what the pod's environment says."""
        return Schedule(
            every_seconds=environment.number("BACKUP_EVERY_SECONDS", 300.0, lowest=0.1),
            keep=int(environment.number("BACKUP_KEEP", 12, lowest=1)),
            snapshot=environment.choice("BACKUP_METHOD", "snapshot", "file") == "snapshot",
            verify=environment.choice("BACKUP_VERIFY", "on", "off") == "on",
        )


@dataclass(slots=True)
class Backups:
    """The copies of one database in one bucket."""

    store: Offsite | None
    database: Database
    schedule: Schedule
    restored: Restored = field(default_factory=Restored)
    problem: str = ""
    """Why the last copy could not be taken, if it could not."""
    _newest: Label | None = None
    _next_due: float = 0.0
    _version: int = -1
    """SQLite's count of what others have written, as the newest copy saw it."""

    def routes(self) -> dict[str, Handler]:
        """Return what answers which path."""
        return {
            "GET /database": self.show_database,
            "GET /backups": self.show,
            "GET /backups/verified": self.show_verified,
            "GET /backups/differences": self.show_differences,
        }

    async def run(self) -> None:
        """Take copies for as long as the service lives."""
        if self.store is None:
            return
        store = self.store
        watching = await asyncio.to_thread(sqlite3.connect, self.database.path, check_same_thread=False)
        with closing(watching):
            begun = False
            while True:
                await asyncio.sleep(max(0.0, self._next_due - time.time()))
                if not begun:
                    done = begun = await self._tried(lambda: self._begin(store))
                else:
                    done = await self._tried(lambda: self._copy(store, watching))
                if not done:
                    self._next_due = time.time() + self._pause

    async def show_database(self, _: Request) -> Response:
        """Return which database is open, and what it was restored from."""
        return answer(200, {"database": self.database.name, "drill": self.database.is_drill, **self.restored.to_json()})

    async def show(self, request: Request) -> Response:
        """Return where copies are kept, how often they are taken, and the labels of the newest."""
        found = await _looked(self._labels, self._store(), self._of(request), _number(request))
        return answer(200, {**self._terms(), "copies": [asdict(label) for label in found]})

    async def show_verified(self, request: Request) -> Response:
        """Fetch the newest copies, hold each against its label, and return which are good."""
        checked = await _looked(self._verified, self._store(), self._of(request), _number(request))
        return answer(200, {**self._terms(), "copies": checked})

    async def show_differences(self, request: Request) -> Response:
        """Compare the newest good copy with the open database: a paid order never changes, so nothing in it may differ."""
        return answer(200, await _looked(self._differences, self._store(), self._of(request)))

    # ------------------------------------------------------------------------------------------------ taking copies

    @property
    def _pause(self) -> float:
        return min(self.schedule.every_seconds, LONGEST_PAUSE_AFTER_FAILURE_SECONDS)

    async def _tried(self, work: Callable[[], None]) -> bool:
        try:
            await asyncio.to_thread(work)
        except (OffsiteError, DamagedError, OSError, sqlite3.Error) as error:
            self.problem = str(error)
            say("error", "no copy was taken", database=self.database.name, reason=self.problem)
            return False
        self.problem = ""
        return True

    def _begin(self, store: Offsite) -> None:
        """Remove the copies of drills that are over, and find out when the next copy is due."""
        if not self.database.is_drill:
            for key in store.list(DRILL):
                store.delete(key)
        newest = next(iter(self._labels(store, self.database.name, 1)), None)
        self._next_due = newest.confirmed_at + self.schedule.every_seconds if newest else 0.0

    def _copy(self, store: Offsite, watching: sqlite3.Connection) -> None:
        began = time.time()
        version = int(watching.execute("PRAGMA data_version").fetchone()[0])
        if self._newest is not None and version == self._version:
            self._newest = _confirmed(self._newest, began)
            store.put(self._newest.label_key, self._newest.to_json())
        else:
            label, packed = copies.take(self.database.path, self.database.name, began, snapshot=self.schedule.snapshot)
            if self.schedule.verify:
                copies.verify(label, packed, self.database.path)
            store.put(label.key, packed)
            store.put(label.label_key, label.to_json())  # last: a copy without a label counts for nothing
            self._newest, self._version = label, version
            say("info", "a copy was taken", copy=label.key, orders=label.orders, seconds=round(time.time() - began, 3))
            self._retain(store)
        self._next_due = began + self.schedule.every_seconds

    def _retain(self, store: Offsite) -> None:
        keys = [key for key in store.list(f"{self.database.name}/") if key.endswith(copies.PACKED)]
        for key in keys[: -self.schedule.keep]:
            store.delete(copies.label_of(key))
            store.delete(key)

    # ------------------------------------------------------------------------------------------------ looking at them

    def _of(self, request: Request) -> str:
        """Return whose copies are asked about: those of the open database, or of the one that is named."""
        return request.query().get("of", self.database.name)

    def _terms(self) -> dict[str, Any]:
        store, schedule = self._store(), self.schedule
        return {
            "now": time.time(),
            "database": self.database.name,
            "endpoint": store.endpoint,
            "bucket": store.bucket,
            "every_seconds": schedule.every_seconds,
            "next_due": self._next_due,
            "problem": self.problem,
        }

    def _store(self) -> Offsite:
        if self.store is None:
            raise Sorry(404, "no_backups", _NO_BACKUPS)
        return self.store

    def _labels(self, store: Offsite, database: str, number: int) -> list[Label]:
        """Return the labels of the newest copies that can be read, newest first."""
        return [label for _, label in _found(store, database, number) if isinstance(label, Label)]

    def _verified(self, store: Offsite, database: str, number: int) -> list[dict[str, Any]]:
        checked: list[dict[str, Any]] = []
        for key, label in _found(store, database, number):
            reason = label if isinstance(label, str) else self._problem_of(store, label)
            if reason is None:
                continue
            confirmed_at = label.confirmed_at if isinstance(label, Label) else None
            checked.append({"key": key, "good": not reason, "reason": reason, "confirmed_at": confirmed_at})
        return checked

    def _problem_of(self, store: Offsite, label: Label) -> str | None:
        """Return what is wrong with a copy, or nothing; None for one that was removed since it was listed."""
        try:
            copies.verify(label, store.get(label.key), self.database.path)
        except NoSuchObjectError as error:
            return None if _label(store, label.key) is None else str(error)
        except DamagedError as error:
            return str(error)
        return ""

    def _differences(self, store: Offsite, database: str) -> dict[str, Any]:
        path = self.database.path
        for label in self._labels(store, database, MOST_SHOWN):
            with copies.scratch(path) as place:
                try:
                    copies.unpack(label, store.get(label.key), place)
                except (DamagedError, NoSuchObjectError):
                    continue
                compared, differing = copies.differing(path, place)
            found = {"compared": compared, "differing": len(differing), "some": differing[:MOST_SHOWN]}
            return {"database": self.database.name, "key": label.key, **found}
        return {"database": self.database.name, "key": "", "compared": 0, "differing": 0, "some": []}


async def _looked(look: Callable[..., _T], store: Offsite, *arguments: Any) -> _T:
    """Look into the store in a thread; a store that does not answer is said to be so."""
    try:
        return await asyncio.to_thread(look, store, *arguments)
    except OffsiteError as error:
        raise Sorry(503, "backups_unreachable", "The store of copies cannot be reached.", reason=str(error)) from None


def _found(store: Offsite, database: str, number: int) -> list[tuple[str, Label | str]]:
    """Return the newest copies, newest first, each with its label, or what is wrong with that."""
    keys = [key for key in store.list(f"{database}/") if key.endswith(copies.PACKED)]
    labelled = ((key, label) for key in reversed(keys) if (label := _label(store, key)) is not None)
    return list(islice(labelled, number))


def _label(store: Offsite, key: str) -> Label | str | None:
    """Return a copy's label, or what is wrong with that; None for what is no copy, or not yet: its label is stored last."""
    try:
        stored = described(store, key)
        return None if stored is None else Label.from_json(stored)
    except DamagedError as error:
        return f"its label cannot be had: {error}"


def _confirmed(label: Label, at: float) -> Label:
    return Label(**{**asdict(label), "confirmed_at": at})


def _number(request: Request) -> int:
    return min(max(int(request.query().get("newest", SHOWN)), 1), MOST_SHOWN)
