"""Orders: the only place where it is decided whether an order exists.

Every write answers after its commit. When an order is paid its receipt is written to the object store:
RECEIPTS=queued (the default) owes it in the same commit and writes it afterwards, again and again until it is there, so an
object store that is away costs nobody an order; RECEIPTS=inline writes it before the order counts as paid, which is
simpler, and takes checkout down with the object store.

UNIQUE_KEYS=off is another weakness: a database without the unique columns, in which a repeated key is a second order.

Submits that failed are written down here too, since this is what survives when checkout does not: `/failures` is the list of
the customers who are to be told. Which file is the database, and what happens if it is lost or damaged, is for `database`;
copies of it are taken by `backups`.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from gameday.staging.shop import failure_book
from gameday.staging.shop import fulfilment_queue as parcels
from gameday.staging.shop import order_book as book_of
from gameday.staging.shop.apology import NOT_KNOWN, Sorry
from gameday.staging.shop.backups import Backups, Schedule
from gameday.staging.shop.client import Neighbour
from gameday.staging.shop.database import REFERENCE, Database, NothingToRestoreError
from gameday.staging.shop.offsite import Offsite
from gameday.staging.shop.order_book import Book
from gameday.staging.shop.pending import Settler
from gameday.staging.shop.receipts import ReceiptFailedError, Receipts, write_owed
from gameday.staging.shop.server import Handler, Request, Response, answer
from gameday.staging.shop.service import Service, routed
from gameday.staging.shop.settings import Environment

MOST_LOOKED_UP = 1000
MOST_LISTED = 100


def build(environment: Environment) -> Service:
    """Return the orders service, with its database open."""
    database = Database.from_environment(environment)
    store, schedule = Offsite.from_environment(environment), Schedule.from_environment(environment)
    receipts = Receipts.from_environment(environment)
    inline = environment.choice("RECEIPTS", "queued", "inline") == "inline"
    unique = environment.choice("UNIQUE_KEYS", "on", "off") == "on"
    sync = environment.choice("SYNC", "checkpoint", "commit")
    settles = environment.choice("SETTLE", "on", "off") == "on"
    payment = Neighbour("payment", environment.neighbour("payment"))
    environment.check()
    backups = Backups(store, database, schedule)
    book = _opened(backups, environment, unique=unique, sync_each_commit=sync == "commit")
    desk = Desk(book, receipts, inline=inline, reference_prefix=database.reference_prefix)

    async def work() -> None:
        settling = [Settler(book, payment, desk.paid).work()] if settles else []
        await asyncio.gather(write_owed(book, receipts), backups.run(), *settling)

    return Service(routed({**desk.routes(), **backups.routes()}), work, book.close)


def _opened(backups: Backups, environment: Environment, *, unique: bool, sync_each_commit: bool) -> Book:
    path = backups.database.path
    try:
        backups.restored = backups.database.make_ready(backups.store)
        return Book(path, unique=unique, sync_each_commit=sync_each_commit)
    except (sqlite3.Error, NothingToRestoreError) as error:
        environment.problems.append(f"DATABASE: expected a database in {path}, found that it cannot be opened ({error})")
        environment.check()
        raise


@dataclass(frozen=True, slots=True)
class Desk:
    """What the service answers, over its database and the object store."""

    book: Book
    receipts: Receipts
    inline: bool
    reference_prefix: str = REFERENCE

    def routes(self) -> dict[str, Handler]:
        """Return what answers which path."""
        return {
            "POST /orders": self.place,
            "POST /orders/{reference}/paid": self.pay,
            "GET /orders/{reference}": self.one,
            "GET /orders/by-key/{key}": self.by_key,
            "GET /orders": self.of_customer,
            "POST /orders/lookup": self.lookup,
            "GET /orders/counts": self.counts,
            "GET /receipts": self.receipts_of_orders,
            "POST /claims": self.claim,
            "POST /shipments": self.ship,
            "GET /shipments": self.shipments,
            "GET /backlog": self.backlog,
            "POST /failures": self.note_failures,
            "GET /failures": self.failures,
            "POST /failures/lookup": self.failures_with_keys,
        }

    async def place(self, request: Request) -> Response:
        """Write an order down as pending; the same key again is the same order."""
        wanted = request.json()
        order = await self.book.do(lambda connection: book_of.place(connection, wanted, self.reference_prefix))
        ask = "Please ask us if that is not what you expected."
        if order["key"] != wanted["key"]:
            raise Sorry(409, "payment_used", f"This payment has already paid for an order. {ask}", reason=order["reference"])
        if order["amount"] != wanted["amount"]:
            message = f"This order was already placed, with another content. {ask}"
            raise Sorry(409, "key_used", message, reason=order["reference"])
        return answer(201, order)

    async def pay(self, request: Request) -> Response:
        """Mark an order as paid, with its receipt written before or owed from now on."""
        reference, capture = request.parameters["reference"], str(request.json()["capture"])
        return _found(await self.paid(reference, capture), reference)

    async def paid(self, reference: str, capture: str) -> dict[str, Any] | None:
        """Mark an order as paid; `Sorry` where its receipt has to be written first and cannot be."""
        if self.inline:
            await self._write_receipt(reference)
        owe = not self.inline
        paid = await self.book.do(lambda connection: book_of.pay(connection, reference, capture, queue_receipt=owe))
        if owe:
            self.receipts.wake.set()
        return paid

    async def one(self, request: Request) -> Response:
        """Return the order with a reference."""
        reference = request.parameters["reference"]
        return _found(await self.book.do(lambda connection: book_of.by_reference(connection, reference)), reference)

    async def by_key(self, request: Request) -> Response:
        """Return the orders with a key; there should never be two."""
        key = request.parameters["key"]
        return _listed(await self.book.do(lambda connection: book_of.by_key(connection, key)))

    async def of_customer(self, request: Request) -> Response:
        """Return a customer's newest orders."""
        customer = request.query().get("customer", "")
        return _listed(await self.book.do(lambda connection: book_of.of_customer(connection, customer, MOST_LISTED)))

    async def lookup(self, request: Request) -> Response:
        """Return the orders that have any of many references or keys."""
        body = request.json()
        references, keys = _words(body.get("references", [])), _words(body.get("keys", []))
        return _listed(await self.book.do(lambda connection: book_of.lookup(connection, references, keys)))

    async def counts(self, _: Request) -> Response:
        """Return how many orders there are, how many are doubled, how many receipts are owed."""
        return answer(200, await self.book.do(book_of.counts))

    async def receipts_of_orders(self, request: Request) -> Response:
        """Return how many paid orders have no receipt yet, owed for `older_seconds` or longer, or not even owed."""
        older = float(request.query().get("older_seconds", "0"))
        return answer(200, await self.book.do(lambda connection: book_of.receipts(connection, time.time(), older)))

    async def claim(self, request: Request) -> Response:
        """Give whoever picks some of the orders that are still to be shipped."""
        body = request.json()
        wanted = parcels.Claim(str(body["picker"]), _count(body["limit"]), float(str(body["seconds"])))
        return _listed(await self.book.do(lambda connection: parcels.claim(connection, wanted, time.time())))

    async def ship(self, request: Request) -> Response:
        """Note which parcels have left; the same again changes nothing."""
        body = request.json()
        picker, references = str(body["picker"]), _words(body["references"])
        left = await self.book.do(lambda connection: parcels.ship(connection, picker, references, time.time()))
        return answer(200, {"left": left})

    async def shipments(self, _: Request) -> Response:
        """Return how many orders have left, and how many of them twice."""
        return answer(200, await self.book.do(parcels.shipped))

    async def backlog(self, _: Request) -> Response:
        """Return how many paid orders have not left, and how long the oldest has waited."""
        return answer(200, await self.book.do(lambda connection: parcels.backlog(connection, time.time())))

    async def note_failures(self, request: Request) -> Response:
        """Write down submits that failed."""
        told = request.json()["failures"]
        failures = [_failure(failure) for failure in told] if isinstance(told, list) else []
        return answer(200, {"noted": await self.book.do(lambda connection: failure_book.note(connection, failures))})

    async def failures(self, _: Request) -> Response:
        """Return the customers who are to be told: their newest failures, and how many there are."""
        newest, number = await self.book.do(
            lambda connection: (failure_book.to_be_told(connection, MOST_LISTED), failure_book.count(connection))
        )
        return answer(200, {"failures": newest, "count": number})

    async def failures_with_keys(self, request: Request) -> Response:
        """Return what is known of failed submits with any of many keys."""
        keys = _words(request.json().get("keys", []))
        found = await self.book.do(lambda connection: failure_book.with_keys(connection, keys))
        return answer(200, {"failures": found, "count": len(found)})

    async def _write_receipt(self, reference: str) -> None:
        order = await self.book.do(lambda connection: book_of.by_reference(connection, reference))
        if order is None:
            return
        try:
            await self.receipts.write(order)
        except ReceiptFailedError as error:
            raise Sorry(503, "receipt_not_written", NOT_KNOWN, reason=f"{reference}: {error}") from None


def _listed(orders: list[dict[str, Any]]) -> Response:
    return answer(200, {"orders": orders, "count": len(orders)})


def _found(order: dict[str, Any] | None, reference: str) -> Response:
    if order is None:
        raise Sorry(404, "no_such_order", "We cannot find this order. Please ask us.", reason=reference)
    return answer(200, order)


def _count(value: object) -> int:
    if not isinstance(value, int) or not 0 < value <= MOST_LOOKED_UP:
        raise TypeError(f"expected a whole number from 1 to {MOST_LOOKED_UP}")
    return value


def _failure(value: Any) -> dict[str, Any]:
    words = {name: str(value[name]) for name in failure_book.FIELDS if name != "at"}
    return {**words, "at": float(value["at"])}


def _words(value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > MOST_LOOKED_UP:
        raise TypeError(f"expected a list of at most {MOST_LOOKED_UP} words")
    return [str(word) for word in value]
