"""What a step's shell block did to the cluster: looked at before and after, owed, and told as changes of the run.

The look before is kept in the run's folder too (readable by its owner only, since it holds Secrets) until the block has been
compared, so that a successor of a guardian that was killed meanwhile can still tell what there was. What cannot be told, or
not be brought back, is named as left behind. Nothing is undone here.

A block is compared before the undo that follows it, or else told from what an undo did (`blocks_writes`): `close` comes before
each undo, waits for a comparison that is on, and from a look that it overtakes no block is begun any more. It has the last
word on a block that could not be compared when it ended, too: nothing is named as left behind for that before.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec

from gameday.change import shown
from gameday.cluster import Cluster, Json, ObjectRef
from gameday.errors import GamedayError
from gameday.log import LogWriter
from gameday.log.events import ChangeApplied, ChangeOwed, Noted, UndoEnded
from gameday.run.blocks_writes import as_undone, blocks_writes
from gameday.run.shell import SHELL_SECONDS
from gameday.run.snapshot import PATIENCE_SECONDS, Snapshot, Writes, compare, look, look_patiently
from gameday.run.wording import in_words
from gameday.undo.owing import Debt
from gameday.undo.record import Entry

_FILES: Final = "look-*.json"
_KEPT: Final = "kept-"
"""Before the name of a look that nothing compares any more, and that is left for a person to read."""
_MISSED: Final = ".missed"
"""In the name of a look whose block has ended and could not be compared then."""
_SLACK_SECONDS: Final = 15.0
"""From a look to the block's beginning, and from the end of its time to that of its processes."""
LATEST_SECONDS: Final = 900.0
"""A look that is older says nothing any more of whose writes differ from it: a block ends after 300 s, and its run's record is
anybody's to undo 60 s after its guardian's death."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What there was before a shell block, and whose block it is."""

    by: str
    round: str
    namespaces: tuple[str, ...]
    found: Snapshot
    file: Path
    at: float
    """By this host's clock, since a successor reads it on the same one; seconds since the epoch."""
    over_at: float = math.inf
    """When the block is over at the latest, by the server's clock."""
    owed: tuple[Entry, ...] = ()
    """What was not settled when the look began, so that an undo of it is not taken for the block's doing."""

    @property
    def was_missed(self) -> bool:
        """Whether its block has ended, and could not be compared then."""
        return _MISSED in self.file.suffixes

    def may_lie_under(self, entries: Sequence[Entry]) -> bool:
        """Say whether the run has owed more since the look, so that what its block wrote is not all to be seen any more."""
        return self.was_missed and any(entry not in self.owed for entry in entries if not entry.is_settled)


@dataclass(frozen=True, slots=True)
class _Write:
    """One thing that a block did to one object."""

    kind: str
    ref: ObjectRef
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The write in one line of plain words."""
        match self.kind:
            case "delete":
                return f"took away {self.ref}" if self.ref.kind == "Pod" else f"deleted {self.ref}"
            case "create":
                return f"created {self.ref}"
            case _:
                return f"wrote {', '.join(self.fields)} of {self.ref}"


class Looks:
    """The looks of one run; called in threads."""

    def __init__(
        self,
        cluster: Cluster,
        debt: Debt,
        log: LogWriter,
        directory: Path,
        *,
        announced: Callable[[str, str], None] = lambda _change, _entry: None,
    ) -> None:
        """Take the cluster to read, the record to owe in, the log, the run's folder, and who hears of each change."""
        self._cluster, self._debt, self._log, self._directory = cluster, debt, log, directory
        self._announced = announced
        self._open: dict[str, _Look] = {}
        self._closings = 0
        self._lock = threading.Lock()
        self._comparing = threading.Lock()
        # Another numbering than the desk's, and than that of a guardian which came before.
        self._numbers = (f"s{os.getpid()}.{number}" for number in count(1))

    def look(self, by: str, namespaces: Sequence[str], round_id: str) -> dict[str, Any]:
        """Look before a block; say why it must not be executed, if what it will write could not be told."""
        with self._lock:
            closings = self._closings
        owed = tuple(entry for entry in self._debt.entries if not entry.is_settled)
        try:
            found = look(self._cluster, namespaces)
            over_at = self._cluster.server_time() + SHELL_SECONDS + _SLACK_SECONDS
            file = self._directory / f"look-{re.sub(r'[^A-Za-z0-9]+', '-', by)}.json"
            made = _Look(by, round_id, tuple(namespaces), found, file, time.time(), over_at, owed)
            with self._lock:
                if self._closings != closings or self._debt.is_closed:
                    return {"refused": "not executed: what is owed was undone while the cluster was looked at"}
                _save(made)
                self._open[by] = made
        except (GamedayError, OSError) as error:
            return {"refused": f"not executed, since what it would write could not be told afterwards: {error}"}
        return {}

    def compare(self, by: str) -> dict[str, Any]:
        """Look again after a block, owe what it did, and return it in words; `refused` says what could not be told."""
        with self._comparing:
            with self._lock:
                made = self._open.pop(by, None)
            if made is None:
                return {"refused": "what it wrote could not be told: there was no look before it"}
            try:
                answer = self._compared(made, made.found, lambda now: compare(made.found, now))
            except Exception as error:  # noqa: BLE001  # whatever it is, whoever asks is told
                with contextlib.suppress(OSError):
                    made.file.rename(made.file.with_suffix(f"{_MISSED}{made.file.suffix}"))
                return {"refused": f"what it wrote could not be recorded: {in_words(error)}"}
            with contextlib.suppress(OSError):
                made.file.unlink()
            return answer

    def close(self) -> None:
        """Compare what is still open: blocks that were cut short or missed, in this process or in one that is lost.

        Each look is closed once, whatever comes of it.
        """
        with self._lock:
            # A look that is still on has no file yet, and is refused when it ends.
            self._closings += 1
        with self._comparing:
            for made in self._unfinished():
                try:
                    self._close(made)
                except Exception as error:  # noqa: BLE001  # the undo comes next, whatever cannot be told here
                    kept = _kept_as(made.file)
                    self._left(made, f"what {made.by} wrote", f"could not be told: {in_words(error)}; before it: {kept}")
                with contextlib.suppress(OSError):
                    made.file.rename(_kept_as(made.file))

    def _unfinished(self) -> list[_Look]:
        with self._lock:
            unfinished = {made.file: made for made in self._open.values()}
            self._open.clear()
            for file in sorted(self._directory.glob(_FILES)):
                if file not in unfinished:
                    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, msgspec.MsgspecError):
                        unfinished[file] = _loaded(file)
        return list(unfinished.values())

    def _close(self, made: _Look) -> None:
        how = "could not be compared when it ended" if made.was_missed else "was cut short"
        self._log.write(Noted(level="warning", text=f"{made.by} {how}; what it wrote is looked for", round=made.round))
        age_seconds = time.time() - made.at
        if not 0 <= age_seconds <= LATEST_SECONDS:
            since = f"in the {age_seconds / 60:.0f} minutes since"
            detail = f"cannot be told from what others wrote {since}; what there was before it: {_kept_as(made.file)}"
            self._left(made, f"what {made.by} wrote", detail)
            return
        undone, is_hidden = as_undone(made.found, made.owed), made.may_lie_under(self._debt.entries)
        self._compared(made, undone, lambda now: blocks_writes(made.found, now, made.owed, until=made.over_at))
        if is_hidden:
            detail = f"may in part lie under what the run wrote since; what there was before it: {_kept_as(made.file)}"
            self._left(made, f"what {made.by} wrote", detail)
            return
        with contextlib.suppress(OSError):
            made.file.unlink()

    def _compared(self, made: _Look, as_before: Snapshot, told_apart: Callable[[Snapshot], Writes]) -> dict[str, Any]:
        """Look again, and owe what is told of it; what was deleted is made again `as_before`."""
        now = look_patiently(self._cluster, made.namespaces, PATIENCE_SECONDS)
        # Deletions first, so that what came in the place of something is removed before that is made again.
        told = [self._one(made, write, owe) for write, owe in self._writes(made, (as_before, now), told_apart(now))]
        failed = [text for text, failure in told if failure]
        answer: dict[str, Any] = {"written": [text for text, _ in told]}
        return answer | ({"refused": f"could not be recorded: {'; '.join(failed)}"} if failed else {})

    def _writes(
        self, made: _Look, looks: tuple[Snapshot, Snapshot], writes: Writes
    ) -> Iterator[tuple[_Write, Callable[[], Entry | None]]]:
        before, now = looks
        debt, whose = self._debt, {"by": made.by, "round_id": made.round}
        for ref in writes.deleted:
            yield _Write("delete", ref), partial(debt.owe_deleted, before[ref], **whose)
        for ref in writes.pods_taken:
            yield _Write("delete", ref), partial(debt.owe_pod, made.found[ref], **whose)
        for ref in writes.created:
            yield _Write("create", ref), partial(debt.owe_created, ref, **whose)
        for ref, fields in writes.fields.items():
            yield _Write("patch", ref, fields), partial(debt.owe_writes, now[ref], fields, was=made.found[ref], **whose)

    def _one(self, made: _Look, write: _Write, owe: Callable[[], Entry | None]) -> tuple[str, str]:
        """Owe and tell one write; return it in words, and what failed."""
        ref, summary = write.ref, write.summary
        entry, failure = "", ""
        try:
            owed = owe()
            entry = owed.id if owed is not None else ""
        except Exception as error:  # noqa: BLE001  # the other writes are owed, and the undo comes, whatever this one is
            failure = in_words(error)
            self._left(made, str(ref), f"{made.by} {summary}, which could not be written down, and is not undone: {failure}")
        change_id = next(self._numbers)
        told = [
            {"path": path, "before": shown(ref.kind, path, before), "after": shown(ref.kind, path, after)}
            for path, (before, after) in write.fields.items()
        ]
        self._log.write(
            ChangeOwed(
                change_id=change_id,
                by=made.by,
                kind=write.kind,
                object=str(ref),
                summary=summary,
                fields=told,
                entry=entry,
                by_shell=True,
                round=made.round,
            ),
            durable=True,
        )
        self._log.write(ChangeApplied(change_id=change_id, applied_mono=time.monotonic(), round=made.round))
        if entry:
            self._announced(change_id, entry)
        return summary, failure

    def _left(self, made: _Look, what: str, detail: str) -> None:
        """Name what is left behind although no record owes it."""
        event = UndoEnded(entry=f"unrecorded {what}", object=what, outcome="residue", detail=detail, round=made.round)
        self._log.write(event, durable=True)


def _kept_as(file: Path) -> Path:
    return file.with_name(f"{_KEPT}{file.name}")


def _save(made: _Look) -> None:
    """Write a look where a successor finds it; readable by its owner only."""
    data = json.dumps(
        {
            "by": made.by,
            "round": made.round,
            "namespaces": made.namespaces,
            "at": made.at,
            "over_at": made.over_at,
            "objects": [_kept(obj) for obj in made.found.values()],
            "owed": msgspec.to_builtins(made.owed),
        }
    ).encode()
    handle = os.open(made.file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)


def _kept(obj: Json) -> Json:
    """Return an object without what only servers read."""
    return {**obj, "metadata": {name: value for name, value in obj["metadata"].items() if name != "managedFields"}}


def _loaded(file: Path) -> _Look:
    """Read a look that another process wrote; ValueError, KeyError or TypeError for one that was cut off in the writing.

    Before it was written no block was begun, so one that cannot be read has nothing to tell.
    """
    data = json.loads(file.read_bytes())
    found = {ObjectRef.of(obj): obj for obj in data["objects"]}
    owed = msgspec.convert(data.get("owed", []), tuple[Entry, ...])
    over_at = float(data.get("over_at", math.inf))
    return _Look(data["by"], data["round"], tuple(data["namespaces"]), found, file, float(data["at"]), over_at, owed)
