"""Receipts: one object for every paid order, written to the object store over the S3 API.

The name follows from the order's reference and the content from the order, so writing one twice leaves one. What is owed
stands in the orders' database (see `order_book`); here is only how it is written and how often it is tried.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from gameday.staging.shop import order_book as book_of
from gameday.staging.shop.client import Call, CallFailedError, Neighbour, Reply
from gameday.staging.shop.order_book import Book
from gameday.staging.shop.s3_signature import Keys, Signable, sign
from gameday.staging.shop.settings import Environment
from gameday.staging.shop.speech import say

BUCKET = "receipts"
AT_ONCE = 8
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0
NOT_FOUND = 404


class ReceiptFailedError(Exception):
    """The object store did not take a receipt."""


@dataclass(slots=True)
class Receipts:
    """The object store as the orders service sees it."""

    store: Neighbour
    keys: Keys
    timeout_seconds: float
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a receipt is newly owed."""

    @staticmethod
    def from_environment(environment: Environment) -> Receipts:
        """Return the store that the pod's environment names."""
        keys = Keys(environment.text("S3_ACCESS_KEY_ID"), environment.text("S3_SECRET_ACCESS_KEY"))
        store = Neighbour("objects", environment.neighbour("objects"), retries=int(environment.number("RETRIES", 1)))
        return Receipts(store, keys, environment.number("S3_TIMEOUT_SECONDS", 1.0, lowest=0.05))

    async def make_bucket(self) -> bool:
        """Create the bucket in good time; return whether it is there. If it never is, the first receipt tries again."""
        try:
            await self._put(f"/{BUCKET}", b"")
        except ReceiptFailedError:
            return False
        return True

    async def write(self, order: dict[str, Any]) -> None:
        """Put one order's receipt, creating the bucket if it is missing; raise `ReceiptFailedError`."""
        names = ("reference", "amount", "currency", "lines", "capture", "placed")
        body = json.dumps({name: order[name] for name in names}, sort_keys=True).encode()
        path = f"/{BUCKET}/{order['reference']}.json"
        reply = await self._put(path, body)
        if reply.status == NOT_FOUND:
            await self._put(f"/{BUCKET}", b"")
            reply = await self._put(path, body)
        if not reply.ok:
            raise ReceiptFailedError(f"the object store answered {reply.status}: {reply.body[:200].decode('utf-8', 'replace')}")

    async def _put(self, path: str, body: bytes) -> Reply:
        headers = {"host": f"{self.store.address.host}:{self.store.address.port}"}
        signed = sign(self.keys, Signable("PUT", path, "", headers, body), time.time())
        del signed["host"]  # the client writes it
        call = Call("PUT", path, body, {**signed, "content-type": "application/json"}, self.timeout_seconds, repeatable=True)
        try:
            return await self.store.call(call)
        except CallFailedError as error:
            raise ReceiptFailedError(str(error)) from None


async def write_owed(book: Book, receipts: Receipts) -> None:
    """Write the receipts that are owed, for as long as the service lives; what was owed before a crash comes first."""
    has_bucket = False
    while True:
        has_bucket = has_bucket or await receipts.make_bucket()
        receipts.wake.clear()
        owed = await book.do(lambda connection: book_of.owed_receipts(connection, time.time(), AT_ONCE))
        # Together, so that what is noted about them shares a commit.
        await asyncio.gather(*(_write_one(book, receipts, order, attempts) for order, attempts in owed))
        if not owed:
            await _wait(receipts.wake, FIRST_PAUSE_SECONDS)


async def _write_one(book: Book, receipts: Receipts, order: dict[str, Any], attempts: int) -> None:
    reference = order["reference"]
    try:
        await receipts.write(order)
    except ReceiptFailedError as error:
        pause = min(FIRST_PAUSE_SECONDS * 2 ** min(attempts, 8), LONGEST_PAUSE_SECONDS)
        next_try = time.time() + pause
        say("warning", "a receipt is late", order=reference, attempts=attempts + 1, reason=str(error))
        await book.do(lambda connection: book_of.receipt_failed(connection, reference, next_try))
    else:
        await book.do(lambda connection: book_of.receipt_written(connection, reference))


async def _wait(event: asyncio.Event, longest_seconds: float) -> None:
    try:
        async with asyncio.timeout(longest_seconds):
            await event.wait()
    except TimeoutError:
        return
