"""Copies of the orders' database: how one is taken, what is promised of it, and whether a copy keeps that promise.

A copy is two objects: the database, packed, and beside it a label of JSON that says what it holds (how many paid orders, the
newest one's time, its checksum). The label is written from the database itself before the copy is made, so a copy can be
held against what should be in it. Three things can be wrong with one, and `unpack` finds each: other bytes than were sent, a
file that SQLite finds damaged, and a sound file in which orders are missing. The last is what copying the file as it lies
there leads to (BACKUP_METHOD=file): what still stands in the write-ahead log is not in it, and nothing but the label tells.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

PACKED = ".db.z"
LABEL = ".json"
SCRATCH = ".scratch-"
"""How the names of files begin that nobody needs after a crash."""
_FACTS = "SELECT count(*), max(paid) FROM orders WHERE state = 'paid'"
_LEVEL = 1
"""Of compression: a copy is taken often, and orders pack well at any level."""


class DamagedError(Exception):
    """The copy is not what its label promises; the text says in what."""


@dataclass(frozen=True, slots=True)
class Label:
    """What is promised of a copy. Times are seconds since the epoch, by the clock of the pod that took it."""

    key: str
    """Of the packed database."""
    database: str
    taken_at: float
    confirmed_at: float
    """When it was last seen that nothing had changed since: the copy was still whole then."""
    orders: int
    """Paid orders that it holds at least."""
    newest_order: float | None
    """When the newest of them was paid; None if there are none."""
    sha256: str
    """Of the packed bytes."""

    def to_json(self) -> bytes:
        """Return the label as it is stored."""
        return json.dumps(asdict(self), sort_keys=True).encode()

    @staticmethod
    def from_json(data: bytes) -> Label:
        """Return the label that was stored; `DamagedError` where it is none."""
        try:
            return Label(**json.loads(data))
        except (ValueError, TypeError) as error:
            raise DamagedError(f"its label cannot be read ({error})") from None

    @property
    def label_key(self) -> str:
        """Where the label itself is stored."""
        return label_of(self.key)


def key_of(database: str, taken_at: float) -> str:
    """Return a copy's key; keys sort as the copies were taken."""
    return f"{database}/{datetime.fromtimestamp(taken_at, UTC):%Y%m%dT%H%M%S.%fZ}{PACKED}"


def label_of(key: str) -> str:
    """Return where the label of the copy with this key is stored."""
    return key.removesuffix(PACKED) + LABEL


def take(source: Path, database: str, taken_at: float, *, snapshot: bool) -> tuple[Label, bytes]:
    """Copy the database in `source`, which may be written meanwhile; return the label and the packed copy."""
    with scratch(source) as place:
        with closing(sqlite3.connect(source)) as connection:
            orders, newest = connection.execute(_FACTS).fetchone()
            if snapshot:
                connection.execute("VACUUM INTO ?", (str(place),))
            else:
                shutil.copyfile(source, place)
        packed = zlib.compress(place.read_bytes(), _LEVEL)
    digest = hashlib.sha256(packed).hexdigest()
    return Label(key_of(database, taken_at), database, taken_at, taken_at, orders, newest, digest), packed


def unpack(label: Label, packed: bytes, place: Path) -> None:
    """Unpack a copy to `place` and hold it against its label; `DamagedError`, with nothing at `place`, if it does not fit."""
    try:
        _unpack(label, packed, place)
    except BaseException:
        remove(place)
        raise


def verify(label: Label, packed: bytes, beside: Path) -> None:
    """Hold a copy against its label; `DamagedError` if it does not fit. Needs room for it beside a file."""
    with scratch(beside) as place:
        unpack(label, packed, place)


def newest_order_in(path: Path) -> float | None:
    """Return when the newest paid order of a database was paid."""
    with closing(sqlite3.connect(path)) as connection:
        newest: float | None = connection.execute(_FACTS).fetchone()[1]
        return newest


def problem_of(path: Path) -> str:
    """Return what SQLite finds wrong with a database, or nothing."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            said = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)
    return "" if said == "ok" else " ".join(said.split())


def differing(live: Path, copy: Path) -> tuple[int, list[str]]:
    """Return how many paid orders a good copy holds, and the references of those that are not the same in the live database.

    A paid order never changes, so every difference is a loss or an alteration.
    """
    same = "live.key = old.key AND live.amount = old.amount AND live.payment = old.payment AND live.lines = old.lines"
    query = (
        "SELECT old.reference FROM copy.orders old LEFT JOIN main.orders live"
        f" ON live.reference = old.reference AND {same} AND live.state = 'paid'"
        " WHERE old.state = 'paid' AND live.reference IS NULL ORDER BY old.reference"
    )
    with closing(sqlite3.connect(live)) as connection:
        connection.execute("ATTACH DATABASE ? AS copy", (str(copy),))
        compared = connection.execute("SELECT count(*) FROM copy.orders WHERE state = 'paid'").fetchone()[0]
        return compared, [row[0] for row in connection.execute(query)]


def _unpack(label: Label, packed: bytes, place: Path) -> None:
    if hashlib.sha256(packed).hexdigest() != label.sha256:
        raise DamagedError("its bytes are not those that were stored: the checksum differs")
    try:
        place.write_bytes(zlib.decompress(packed))
    except zlib.error as error:
        raise DamagedError(f"it cannot be unpacked ({error})") from None
    problem = problem_of(place)
    if problem:
        raise DamagedError(f"SQLite finds it damaged: {problem}")
    try:
        with closing(sqlite3.connect(place)) as connection:
            found, newest = connection.execute(_FACTS).fetchone()
    except sqlite3.Error as error:
        raise DamagedError(f"{label.orders} paid orders were promised, none can be read from it ({error})") from None
    if found < label.orders or (newest or 0.0) < (label.newest_order or 0.0):
        raise DamagedError(f"{label.orders} paid orders were promised, {found} are in it")


@contextmanager
def scratch(beside: Path) -> Iterator[Path]:
    """Lend a name on the same disk that nothing has, and leave nothing at it."""
    place = beside.with_name(f"{SCRATCH}{secrets.token_hex(6)}")
    try:
        yield place
    finally:
        remove(place)


def remove(database: Path) -> None:
    """Remove a database with the files that SQLite keeps beside it."""
    for file in (database, *(database.with_name(database.name + end) for end in ("-journal", "-wal", "-shm"))):
        file.unlink(missing_ok=True)
