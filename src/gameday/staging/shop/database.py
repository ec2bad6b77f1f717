"""Which file the orders service opens, and how it comes to be one that can be opened.

DATABASE names it. One that is not there is restored from the newest good copy of the database that RESTORE_FROM names (or of
the one copy whose key it is); where no copy was ever taken, as on the day a shop opens, it begins empty. One that SQLite finds
damaged is put aside, never removed, and then is not there. A copy that does not keep its promise is passed over for the one
before it, and named; with no good one left the service does not start, because an empty shop would look like a healthy one.

A name that begins with `drill-` is a drill's: orders taken into it have references that say so, and it goes, with the
copies that were taken of it, once the service is started with another database. With DATABASE_COPY it begins as a copy of
another one, damaged on the way (`orders:damaged`), or altered so that nothing but its content tells (`orders:corrupted`):
this is how a drill harms a database, since the original is never touched.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gameday.staging.shop import copies
from gameday.staging.shop.copies import DamagedError, Label
from gameday.staging.shop.offsite import NoSuchObjectError, Offsite, OffsiteError
from gameday.staging.shop.settings import Environment
from gameday.staging.shop.speech import say

DRILL = "drill-"
DRILL_REFERENCE = "DRILL-"
REFERENCE = "SO-"
NONE = "none"
DAMAGED, CORRUPTED = "damaged", "corrupted"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PAUSE_SECONDS = 0.2
_CORRUPT = "UPDATE orders SET amount = amount + 100 WHERE rowid % 3 = 0"


class NothingToRestoreError(Exception):
    """There are copies, and none of them is good; or the store of copies did not answer."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a database was restored from; `key` is empty where it was not restored, and `at` is when it began."""

    key: str = ""
    at: float = 0.0
    newest_order: float | None = None
    confirmed_at: float = 0.0
    """Until when the copy held everything."""
    orders: int = 0
    passed_over: list[dict[str, str]] = field(default_factory=list)
    """Newer copies that were damaged: `key` and `reason`."""
    copies: int | None = None
    """How many copies there were to choose from when it was not there; with none it began empty. None where it was there."""
    looked_for: str = ""
    """Whose copies those were; `none` where it was to be restored from nobody's."""

    def to_json(self) -> dict[str, Any]:
        """Return it as the service shows it."""
        return {"restored": bool(self.key), **asdict(self)}


@dataclass(frozen=True, slots=True)
class Database:
    """The file that is to be opened, and where it comes from if it is not there."""

    folder: Path
    name: str
    restore_from: str
    copy_of: str
    copy_state: str
    patience_seconds: float
    """How long the store of copies is waited for."""

    @staticmethod
    def from_environment(environment: Environment) -> Database:
        """Return what the pod's environment says."""
        name = environment.text("DATABASE", "orders")
        if not _NAME.fullmatch(name):
            environment.problems.append(f"DATABASE: expected a name of small letters, digits and dashes, found {name!r}")
        copy_of, copy_state = _copied(environment, name)
        return Database(
            folder=environment.folder("DATA_DIR"),
            name=name,
            restore_from=environment.text("RESTORE_FROM", NONE),
            copy_of=copy_of,
            copy_state=copy_state,
            patience_seconds=environment.number("RESTORE_PATIENCE_SECONDS", 10.0),
        )

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder / f"{self.name}.db"

    @property
    def is_drill(self) -> bool:
        """Whether it is a drill's."""
        return self.name.startswith(DRILL)

    @property
    def reference_prefix(self) -> str:
        """What references of orders that are taken into it begin with."""
        return DRILL_REFERENCE if self.is_drill else REFERENCE

    def make_ready(self, store: Offsite | None) -> Restored:
        """See to it that the file can be opened, and return what it was restored from, now or at an earlier start."""
        self._clear()
        if self.copy_of and not self.path.exists():
            make_copy(self.folder / f"{self.copy_of}.db", self.path, self.copy_state)
        if self.path.exists():
            problem = copies.problem_of(self.path)
            if not problem:
                return self._as_noted()
            say("error", "the database is damaged", database=self.name, reason=problem)
            self._put_aside()
        if self.restore_from == NONE or store is None:
            # Said as where a store has no copy: a loss that nobody provided for is one, and no start like any other.
            restored = Restored(at=time.time(), copies=0, looked_for=self.restore_from)
        else:
            restored = restore(store, self.restore_from, self.path, self.patience_seconds)
        self._note.write_text(json.dumps(asdict(restored)), encoding="utf-8")
        return restored

    @property
    def _note(self) -> Path:
        return self.folder / f"{self.name}.restored.json"

    def _as_noted(self) -> Restored:
        try:
            return Restored(**json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Restored()

    def _put_aside(self) -> None:
        """Keep what is damaged, for whoever wants to save something out of it, and what SQLite had beside it."""
        stamp = f"damaged-{int(time.time())}"
        for end in ("", "-wal", "-shm"):
            file = self.path.with_name(self.path.name + end)
            if file.exists():
                file.rename(file.with_name(f"{self.path.stem}.{stamp}.db{end}"))

    def _clear(self) -> None:
        """Remove what a crash has left of unfinished work, and every drill's files once another database is opened."""
        for file in self.folder.glob(f"{copies.SCRATCH}*"):
            file.unlink(missing_ok=True)
        if not self.is_drill:
            for file in self.folder.glob(f"{DRILL}*"):
                say("info", "a drill's file is removed", file=file.name)
                file.unlink(missing_ok=True)


def restore(store: Offsite, wanted: str, place: Path, patience_seconds: float) -> Restored:
    """Put the newest good copy of a database, or the one copy that is named, where the database is missing.

    Returns that there was none where no copy was ever taken under that name. Raises `NothingToRestoreError`.
    """
    keys = _keys(store, wanted, patience_seconds)
    passed_over: list[dict[str, str]] = []
    unlabelled = 0
    with copies.scratch(place) as unfinished:
        for key in keys:
            try:
                stored = described(store, key)
                if stored is None:
                    say("warning", "a copy without a label is none", copy=key)
                    unlabelled += 1
                    continue
                label = Label.from_json(stored)
                copies.unpack(label, store.get(key), unfinished)
            except (DamagedError, NoSuchObjectError) as error:
                say("error", "a copy is damaged", copy=key, reason=str(error))
                passed_over.append({"key": key, "reason": str(error)})
                continue
            except OffsiteError as error:
                raise NothingToRestoreError(str(error)) from None
            newest = copies.newest_order_in(unfinished)
            unfinished.replace(place)
            say("warning", "the database was restored", copy=key, orders=label.orders, newest_order=newest)
            there = len(keys) - unlabelled
            return Restored(key, time.time(), newest, label.confirmed_at, label.orders, passed_over, there, wanted)
    if keys:
        newest_problem = passed_over[0]["reason"] if passed_over else "it has no label"
        raise NothingToRestoreError(f"none of the {len(keys)} copies of {wanted} is good; newest: {newest_problem}")
    say("warning", "there is no copy to restore, so the database begins empty", of=wanted)
    return Restored(at=time.time(), copies=0, looked_for=wanted)


def described(store: Offsite, key: str) -> bytes | None:
    """Return a copy's label as it is stored; None for one that whoever stored or removed it did not bring to its end."""
    try:
        return store.get(copies.label_of(key))
    except NoSuchObjectError:
        return None


def make_copy(original: Path, place: Path, state: str) -> None:
    """Begin a database as a copy of another one, damaged or corrupted; the original is only read."""
    with copies.scratch(place) as unfinished:
        with closing(sqlite3.connect(original)) as source, closing(sqlite3.connect(unfinished)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
            if state == CORRUPTED:
                target.execute(_CORRUPT)
            target.commit()
        if state == DAMAGED:
            _damage(unfinished)
        unfinished.replace(place)


def _damage(place: Path) -> None:
    """Overwrite everything behind the first page, as a disk that lost its writes leaves it."""
    with place.open("r+b") as file:
        page = int.from_bytes(file.read(18)[16:18], "big")
        size = file.seek(0, 2)
        file.seek(page)
        file.write(b"\xde\xad" * ((size - page) // 2))


def _keys(store: Offsite, wanted: str, patience_seconds: float) -> list[str]:
    """Return the keys of the copies that are meant, newest first, waiting for a store that does not answer yet."""
    if wanted.endswith(copies.PACKED):
        return [wanted]
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            keys = store.list(f"{wanted}/")
        except OffsiteError as error:
            if time.monotonic() > deadline:
                raise NothingToRestoreError(str(error)) from None
            time.sleep(_PAUSE_SECONDS)
        else:
            return sorted((key for key in keys if key.endswith(copies.PACKED)), reverse=True)


def _copied(environment: Environment, name: str) -> tuple[str, str]:
    """Read DATABASE_COPY, which says what a database begins as a copy of, and in what state."""
    value = environment.text("DATABASE_COPY", NONE)
    if value == NONE:
        return "", ""
    original, _, state = value.partition(":")
    known = _NAME.fullmatch(original) and original != name and state in (DAMAGED, CORRUPTED)
    if not (known and name.startswith(DRILL)):
        wanted = f"{NONE}, or NAME:{DAMAGED} or NAME:{CORRUPTED} where DATABASE begins with {DRILL}"
        environment.problems.append(f"DATABASE_COPY: expected {wanted}, found {value!r}")
    return original, state
