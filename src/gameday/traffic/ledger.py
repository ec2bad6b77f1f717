"""The ledger: every order that was acknowledged to a customer, and whether the shop still has it, once.

The generator writes it, one line of JSON an order, in a file of its own, and always before the window that counts the order
as a success. A submit that failed stands in it too: no answer is no proof that there is no order, so its key is looked
up as well, but missing is then no loss. After a round `check_ledger` asks the shop; it never looks into the shop's database.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from gameday.errors import NoMeasurementError
from gameday.traffic.journey import LookUp, MissingValueError
from gameday.traffic.wire import Target

LOOKED_UP_AT_ONCE = 200
LOOK_UP_SECONDS = 10.0


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

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, doubled or altered."""
        return not (self.lost or self.doubled or self.altered)


FindOrders = Callable[[Sequence[str], Sequence[str]], Iterable[FoundOrder]]
"""Finds orders by references and keys."""


def read_ledger(path: Path) -> Iterator[Entry]:
    """Yield the entries of a ledger file; a last line that is torn was never counted, and is left out."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield Entry(**json.loads(line))


def check_ledger(path: Path, find_orders: FindOrders) -> LedgerResult:
    """Look up every order of a ledger file that is not a drill's; raise `NoMeasurementError` where the shop cannot be asked."""
    everything = list(read_ledger(path))
    entries = [entry for entry in everything if not entry.drill]
    by_key = found_by_key(entries, find_orders)
    acknowledged = [entry for entry in entries if entry.acknowledged]
    lost = [entry for entry in acknowledged if entry.reference not in by_key[entry.key]]
    unknown = [entry for entry in entries if not entry.acknowledged]
    return LedgerResult(
        acknowledged=len(acknowledged),
        found=len(acknowledged) - len(lost),
        lost=tuple(lost),
        doubled=tuple(Doubled(key, tuple(found)) for key, found in by_key.items() if len(found) > 1),
        altered=tuple(entry for entry in acknowledged if _altered(entry, by_key[entry.key])),
        indeterminate=len(unknown),
        recovered_indeterminate=sum(bool(by_key[entry.key]) for entry in unknown),
        drill=len(everything) - len(entries),
    )


def found_by_key(entries: Iterable[Entry], find_orders: FindOrders) -> dict[str, dict[str, FoundOrder]]:
    """Look up orders, many at a time; return for each key what the shop has, by reference."""
    remaining = iter(entries)
    by_key: dict[str, dict[str, FoundOrder]] = {}
    while batch := list(islice(remaining, LOOKED_UP_AT_ONCE)):
        by_key.update((entry.key, {}) for entry in batch if entry.key not in by_key)
        references = [entry.reference for entry in batch if entry.reference is not None]
        for order in find_orders(references, [entry.key for entry in batch]):
            by_key.setdefault(order.key, {})[order.reference] = order
    return by_key


def _altered(entry: Entry, found: dict[str, FoundOrder]) -> bool:
    order = found.get(entry.reference or "")
    return order is not None and order.amount != entry.amount


def finder(look_up: LookUp, url: str, *, timeout_seconds: float = LOOK_UP_SECONDS) -> FindOrders:
    """Return what finds orders in a shop over HTTP, as the journey's `ledger.lookup` says."""
    target = Target.of(url)

    def find(references: Sequence[str], keys: Sequence[str]) -> list[FoundOrder]:
        body = look_up.body.fill({"references": list(references), "keys": list(keys)})
        where = f"{look_up.method} {url}{look_up.path}"
        connection = http.client.HTTPConnection(target.host, target.port, timeout=timeout_seconds)
        try:
            connection.request(look_up.method, look_up.path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            return _orders(look_up, where, answer.status, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise NoMeasurementError(f"{where}: expected the orders of the ledger, found no answer ({error})") from None
        finally:
            connection.close()

    return find


def _orders(look_up: LookUp, where: str, status: int, body: bytes) -> list[FoundOrder]:
    if status != http.client.OK:
        raise NoMeasurementError(f"{where}: expected the orders of the ledger with status 200, found {status}")
    try:
        found = look_up.orders.find(json.loads(body))
        counting = [order for order in found if look_up.state is None or look_up.state.find(order) == look_up.counts_when]
        return [
            FoundOrder(look_up.reference.find(order), look_up.key.find(order), look_up.amount.find(order)) for order in counting
        ]
    except (ValueError, TypeError, MissingValueError) as error:
        raise NoMeasurementError(f"{where}: expected a list of orders, found something else ({error})") from None
