"""What the reaper does: look at the undo records of a cluster, and undo those whose guardian has let the deadline pass.

It never injects, and takes nothing from a guardian that lives. The undo itself is that of `gameday recover`. A record of a
newer format, and whatever only one host can undo, is left alone and said: in the log, and as an Event in gameday-system.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

import structlog

from gameday.cluster import Cluster
from gameday.errors import ClusterError, GamedayError
from gameday.undo.orphans import Recovered, let_go, undo_record
from gameday.undo.settling import Undoer, holder_here
from gameday.undo.sightings import Sightings
from gameday.undo.storing import SecretStore, Stored, Unread
from gameday.undo.telling import Told, tell

POLL_SECONDS: Final = 5.0
_SOON_SECONDS: Final = 0.5
_FIRST_RETRY_SECONDS: Final = 30.0
_LAST_RETRY_SECONDS: Final = 600.0
_log = structlog.get_logger("gameday.reaper")


class StoppingError(Exception):
    """The reaper is told to end; raised out of whatever it waits for."""


@dataclass(slots=True)
class _Retry:
    """When a run of which something is left behind is tried again."""

    wait_seconds: float = _FIRST_RETRY_SECONDS
    at: float = 0.0


@dataclass(slots=True)
class Reaper:
    """Undoes what dead runs owe in one cluster, each run in a thread of its own, so that none waits for another's pods."""

    cluster: Cluster
    stop: threading.Event
    is_dry_run: bool = False
    now: Callable[[], float] = time.monotonic
    left_alone: frozenset[str] = frozenset()
    """Names of the records that are left alone, as of the last look."""
    _at_work: dict[str, threading.Thread] = field(default_factory=dict)
    _retries: dict[str, _Retry] = field(default_factory=dict)
    _said: set[tuple[str, str]] = field(default_factory=set)
    _sightings: Sightings = field(default_factory=Sightings)

    def __post_init__(self) -> None:
        """Watch by the same clock."""
        self._sightings.now = self.now

    def look(self) -> float:
        """Look at all records once and start to undo what is due; return after how many seconds to look again."""
        stored, unread = SecretStore(self.cluster).survey()
        self._leave_alone(unread)
        runs = {run: list(items) for run, items in groupby(sorted(stored, key=_run_of), key=_run_of)}
        self._forget(runs)
        waits = [POLL_SECONDS]
        for run_id in runs.keys() - {item.run_id for item in unread}:
            left = self._sightings.seconds_until_due(run_id, runs[run_id], self.cluster.server_time())
            if left > 0:
                waits.append(left)
            elif self._is_free(run_id):
                self._begin(run_id, runs[run_id])
        return max(_SOON_SECONDS, min(waits))

    def finish(self, timeout_seconds: float) -> None:
        """Wait for what is being undone; with `stop` set, it is given back rather than finished."""
        end = time.monotonic() + timeout_seconds
        for thread in self._at_work.values():
            thread.join(max(0.0, end - time.monotonic()))

    # ------------------------------------------------------------------------------------------------ one run

    def _is_free(self, run_id: str) -> bool:
        working = self._at_work.get(run_id)
        retry = self._retries.get(run_id)
        return not (working and working.is_alive()) and (retry is None or self.now() >= retry.at)

    def _begin(self, run_id: str, shards: Sequence[Stored]) -> None:
        owed = [f"{entry.target.kind.lower()} {entry.target.name}" for item in shards for entry in item.shard.owes]
        if self.is_dry_run:
            self._say(run_id, "would undo", run=run_id, owed=owed)
            return
        _log.info("undoing", run=run_id, owed=owed, of_host=shards[0].shard.host)
        thread = threading.Thread(target=self._undo, args=(run_id, shards), name=f"undo {run_id}", daemon=True)
        self._at_work[run_id] = thread
        thread.start()

    def _undo(self, run_id: str, shards: Sequence[Stored]) -> None:
        undoer = Undoer(self.cluster, holder_here("reaper"), run_id, sleep=self._sleep)
        try:
            found = undo_record(undoer, shards)
        except StoppingError:
            self._let_go(undoer)
        except Exception:  # noqa: BLE001  # a record that nobody foresaw must not keep the others from being undone
            _log.exception("failed", run=run_id)
            self._try_again_later(run_id)
        else:
            self._conclude(found, shards[0].name)

    def _conclude(self, found: Recovered, record: str) -> None:
        if found.state == "residue":
            self._try_again_later(found.run_id)
            if self._say(found.run_id, "left behind", run=found.run_id, detail=found.detail, entries=found.entries):
                self._tell(Told("LeftBehind", f"{found.run_id}: {found.detail}", record, warns=True))
            return
        self._retries.pop(found.run_id, None)
        _log.info(found.state, run=found.run_id, detail=found.detail, entries=found.entries)
        if found.state == "undone":
            undone = ", ".join(entry["object"] for entry in found.entries) or "nothing was left to undo"
            self._tell(Told("Undone", f"{found.run_id}: {undone}", record))

    def _try_again_later(self, run_id: str) -> None:
        retry = self._retries.setdefault(run_id, _Retry())
        retry.at = self.now() + retry.wait_seconds
        retry.wait_seconds = min(2 * retry.wait_seconds, _LAST_RETRY_SECONDS)

    def _let_go(self, undoer: Undoer) -> None:
        try:
            let_go(undoer)
        except GamedayError as error:
            _log.warning("could not be given back", run=undoer.run_id, error=str(error))
        else:
            _log.info("given back", run=undoer.run_id)

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise StoppingError

    # ------------------------------------------------------------------------------------------------ saying

    def _leave_alone(self, unread: Sequence[Unread]) -> None:
        self.left_alone = frozenset(item.name for item in unread)
        for item in unread:
            if self._say(item.name, "left alone", record=item.name, run=item.run_id, reason=item.reason):
                self._tell(Told("LeftAlone", item.reason, item.name, warns=True))

    def _say(self, about: str, what: str, **facts: Any) -> bool:
        """Log what stays as it is, once; return whether it is news."""
        key = about, f"{what} {facts}"
        if key in self._said:
            return False
        self._said.add(key)
        _log.warning(what, **facts)
        return True

    def _tell(self, told: Told) -> None:
        if self.is_dry_run:
            return
        try:
            tell(self.cluster, told)
        except ClusterError as error:
            _log.warning("no event could be written", error=str(error))

    def _forget(self, runs: Mapping[str, Sequence[Stored]]) -> None:
        """Keep nothing of runs that have no record any more, since a reaper lives for months."""
        self._at_work = {run: thread for run, thread in self._at_work.items() if thread.is_alive()}
        self._retries = {run: retry for run, retry in self._retries.items() if run in runs}
        self._sightings.keep(runs)
        self._said = {key for key in self._said if key[0] in runs or key[0] in self.left_alone}


def _run_of(item: Stored) -> str:
    return item.shard.run_id
