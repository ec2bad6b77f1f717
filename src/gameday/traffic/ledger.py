"""The ledger: every order that was acknowledged to a customer, and whether the shop still has it, once.

The generator writes it, one line of JSON an order, in a file of its own, and always before the window that counts the order
as a success. A submit that failed stands in it too: no answer is no proof that there is no order, so its key is looked
up as well, but missing is then no loss. What must not be is that money was taken for it, and that nobody knows of it. After a
round `check_ledger` asks the shop; it never looks into the shop's database.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from pathlib import Path
from typing import Any

from gameday.errors import NoMeasurementError
from gameday.traffic.journey import KeyLookUp, Ledger, LookUp, MissingValueError
from gameday.traffic.wire import Target

LOOKED_UP_AT_ONCE = 200
LOOK_UP_SECONDS = 10.0
SERVER_ERROR = "status_5"
"""How the kinds of failure begin that are the shop's own answer, and its own fault."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One submit; `reference` and `amount` are the answer's, and None where it failed."""

    key: str
    customer: str
    due: float
    ended: float
    """CLOCK_MONOTONIC, like `due`."""
    wall: float
    reference: str | None = None
    amount: Any = None
    error: str = ""
    drill: bool = False
    """A drill's copy of the database has it, as its reference says; it goes with that copy (see `drill`)."""

    @property
    def acknowledged(self) -> bool:
        """Whether the customer was told that there is an order."""
        return self.reference is not None

    @property
    def known_to_fail(self) -> bool:
        """Whether the shop itself answered that it failed, through no fault of the customer's; silence it may know nothing of."""
        return self.error.startswith(SERVER_ERROR)


@dataclass(slots=True)
class LedgerWriter:
    """Appends to a ledger file; what was flushed outlives the process."""

    path: Path
    drill_marks: tuple[str, ...] = ()
    """What the references of orders begin with that are a drill's."""
    _waiting: list[str] = field(default_factory=list)
    _descriptor: int = -1

    def open(self) -> None:
        """Open the file, creating it if need be."""
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def add(self, entry: Entry) -> None:
        """Take an entry; it is in the file after the next flush."""
        fields = {name: getattr(entry, name) for name in Entry.__slots__}
        fields["drill"] = entry.acknowledged and str(entry.reference).startswith(self.drill_marks)
        self._waiting.append(json.dumps(fields, separators=(",", ":")) + "\n")

    def flush(self) -> None:
        """Write what is waiting; raise OSError where the file does not take it."""
        data = "".join(self._waiting).encode()
        while data:
            data = data[os.write(self._descriptor, data) :]
        self._waiting.clear()

    def close(self) -> None:
        """Flush, and close the file."""
        try:
            self.flush()
        finally:
            os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """An order that the shop has, and that counts."""

    reference: str
    key: str
    amount: Any


@dataclass(frozen=True, slots=True)
class Doubled:
    """One key with more than one order."""

    key: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LedgerResult:
    """What became of the acknowledged orders."""

    acknowledged: int
    found: int
    lost: tuple[Entry, ...]
    """Acknowledged, and the shop has no such order for this key."""
    doubled: tuple[Doubled, ...]
    altered: tuple[Entry, ...]
    """Found, with another amount than the customer was told."""
    indeterminate: int
    """Submits that failed, so that nobody knew."""
    recovered_indeterminate: int
    """Those of them for which there is an order after all."""
    drill: int = 0
    """Acknowledged too, and not looked for: taken into the copy of a drill that is over (see `drill`)."""
    unrecorded: tuple[Entry, ...] = ()
    """Failed, but money was taken for it, and there is no order. An acknowledged order that is gone is lost, which says more."""
    untracked: tuple[Entry, ...] = ()
    """The shop answered that it failed, there is no order, and it is not among those who are to be told either."""
    failed: int = 0
    """How many submits the shop answered that they failed, of those that were asked about."""

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, doubled or altered, nobody was charged for nothing, and whoever waits is known."""
        return not (self.lost or self.doubled or self.altered or self.unrecorded or self.untracked)


NOTHING_FOUND = LedgerResult(0, 0, (), (), (), 0, 0)

FindOrders = Callable[[Sequence[str], Sequence[str]], Iterable[FoundOrder]]
"""Finds orders by references and keys."""
FindKeys = Callable[[Sequence[str]], Iterable[str]]
"""Says of which of many keys something is known."""


@dataclass(frozen=True, slots=True)
class Books:
    """What else the shop can be asked about keys; None for what it keeps no book of."""

    charges: FindKeys | None = None
    failures: FindKeys | None = None


NO_BOOKS = Books()


def read_ledger(path: Path) -> Iterator[Entry]:
    """Yield the entries of a ledger file; a last line that is torn was never counted, and is left out."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield Entry(**json.loads(line))


def check_ledger(
    path: Path, find_orders: FindOrders, *, books: Books = NO_BOOKS, failed_between: tuple[float, float] = (-inf, inf)
) -> LedgerResult:
    """Look up every order of a ledger file that is not a drill's; raise `NoMeasurementError` where the shop cannot be asked.

    Failed submits are looked for in the shop's list of them only if their answer came in the interval (CLOCK_MONOTONIC).
    """
    everything = list(read_ledger(path))
    entries = [entry for entry in everything if not entry.drill]
    by_key = found_by_key(entries, find_orders)
    acknowledged = [entry for entry in entries if entry.acknowledged]
    lost = [entry for entry in acknowledged if entry.reference not in by_key[entry.key]]
    unknown = [entry for entry in entries if not entry.acknowledged]
    without_order = [entry for entry in unknown if not by_key[entry.key]]
    since, until = failed_between
    known = [entry for entry in unknown if entry.known_to_fail and since <= entry.ended <= until]
    return LedgerResult(
        acknowledged=len(acknowledged),
        found=len(acknowledged) - len(lost),
        lost=tuple(lost),
        doubled=tuple(Doubled(key, tuple(found)) for key, found in by_key.items() if len(found) > 1),
        altered=tuple(entry for entry in acknowledged if _altered(entry, by_key[entry.key])),
        indeterminate=len(unknown),
        recovered_indeterminate=len(unknown) - len(without_order),
        drill=len(everything) - len(entries),
        unrecorded=tuple(_in_book(without_order, books.charges)),
        untracked=tuple(_missing([entry for entry in known if not by_key[entry.key]], books.failures)),
        failed=len(known),
    )


def found_by_key(entries: Iterable[Entry], find_orders: FindOrders) -> dict[str, dict[str, FoundOrder]]:
    """Look up orders, many at a time; return for each key what the shop has, by reference."""
    by_key: dict[str, dict[str, FoundOrder]] = {}
    for batch in _batches(entries):
        by_key.update((entry.key, {}) for entry in batch if entry.key not in by_key)
        references = [entry.reference for entry in batch if entry.reference is not None]
        for order in find_orders(references, [entry.key for entry in batch]):
            by_key.setdefault(order.key, {})[order.reference] = order
    return by_key


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    remaining = iter(entries)
    while batch := list(islice(remaining, LOOKED_UP_AT_ONCE)):
        yield batch


def _in_book(entries: Iterable[Entry], find: FindKeys | None) -> Iterator[Entry]:
    for batch in _batches(entries) if find is not None else ():
        known = set(find([entry.key for entry in batch])) if find is not None else set()
        yield from (entry for entry in batch if entry.key in known)


def _missing(entries: Sequence[Entry], find: FindKeys | None) -> Iterator[Entry]:
    if find is not None:
        known = {entry.key for entry in _in_book(entries, find)}
        yield from (entry for entry in entries if entry.key not in known)


def _altered(entry: Entry, found: dict[str, FoundOrder]) -> bool:
    order = found.get(entry.reference or "")
    return order is not None and order.amount != entry.amount


def finder(look_up: LookUp, url: str, *, timeout_seconds: float = LOOK_UP_SECONDS) -> FindOrders:
    """Return what finds orders in a shop over HTTP, as the journey's `ledger.lookup` says."""
    desk = _Desk(Target.of(url), url, timeout_seconds)

    def find(references: Sequence[str], keys: Sequence[str]) -> list[FoundOrder]:
        body = look_up.body.fill({"references": list(references), "keys": list(keys)})
        where, answer = desk.ask(look_up.method, look_up.path, body, "the orders of the ledger")
        return _orders(look_up, where, answer)

    return find


def books_of(ledger: Ledger, url: str, *, timeout_seconds: float = LOOK_UP_SECONDS) -> Books:
    """Return what else the shop can be asked over HTTP, as the journey's `ledger.charges` and `ledger.failures` say."""
    desk = _Desk(Target.of(url), url, timeout_seconds)
    return Books(
        None if ledger.charges is None else _by_key(ledger.charges, desk, "the charges for keys"),
        None if ledger.failures is None else _by_key(ledger.failures, desk, "the failed submits with keys"),
    )


def _by_key(look_up: KeyLookUp, desk: _Desk, what: str) -> FindKeys:
    def find(keys: Sequence[str]) -> list[str]:
        body = look_up.body.fill({"keys": list(keys)})
        where, answer = desk.ask(look_up.method, look_up.path, body, what)
        try:
            return [str(look_up.key.find(item)) for item in look_up.found.find(json.loads(answer))]
        except (ValueError, TypeError, MissingValueError) as error:
            raise NoMeasurementError(f"{where}: expected {what} as a list, found something else ({error})") from None

    return find


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where the shop is asked."""

    target: Target
    url: str
    timeout_seconds: float

    def ask(self, method: str, path: str, body: bytes, what: str) -> tuple[str, bytes]:
        """Return the request as people write it, and the body of its answer; NoMeasurementError where it is none."""
        where = f"{method} {self.url}{path}"
        connection = http.client.HTTPConnection(self.target.host, self.target.port, timeout=self.timeout_seconds)
        try:
            connection.request(method, path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            status, data = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoMeasurementError(f"{where}: expected {what}, found no answer ({error})") from None
        finally:
            connection.close()
        if status != http.client.OK:
            raise NoMeasurementError(f"{where}: expected {what} with status 200, found {status}")
        return where, data


def _orders(look_up: LookUp, where: str, body: bytes) -> list[FoundOrder]:
    try:
        found = look_up.orders.find(json.loads(body))
        counting = [order for order in found if look_up.state is None or look_up.state.find(order) == look_up.counts_when]
        return [
            FoundOrder(look_up.reference.find(order), look_up.key.find(order), look_up.amount.find(order)) for order in counting
        ]
    except (ValueError, TypeError, MissingValueError) as error:
        raise NoMeasurementError(f"{where}: expected a list of orders, found something else ({error})") from None
