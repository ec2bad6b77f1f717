"""Orders that stopped halfway: whose payment was captured, but who were never marked as paid.

Checkout may die, or lose the orders service, between the capture and the mark. The customer has been charged then, and the order
is there but does not count. So the orders service asks, for what has been pending longer than a checkout can take, whether the
money was taken, and if so completes the order. SETTLE=off leaves that to people.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from gameday.staging.shop import order_book as book_of
from gameday.staging.shop.apology import Sorry
from gameday.staging.shop.client import Call, CallFailedError, Neighbour
from gameday.staging.shop.order_book import Book
from gameday.staging.shop.speech import say

PAUSE_SECONDS = 1.0
YOUNGEST_SECONDS = 3.0
"""Above what checkout gives itself for all its steps: what is younger may still be on its way."""
OLDEST_SECONDS = 600.0
AT_ONCE = 200

Pay = Callable[[str, str], Awaitable[Any]]
"""Marks an order, by its reference, as paid with a capture."""


@dataclass(slots=True)
class Settler:
    """Completes what was charged, some of what is pending at a time: most of it was given up by its customer, and stays so."""

    book: Book
    payment: Neighbour
    pay: Pay
    _looked_until: float = 0.0
    """When the last one was placed that was looked at; the next ones come first, so that none waits behind those for ever."""

    async def work(self) -> None:
        """Go on for as long as the service lives."""
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            await self.once(time.time())

    async def once(self, now: float) -> None:
        """Look at the next orders that stopped halfway, and complete those that were charged."""
        since, until = max(now - OLDEST_SECONDS, self._looked_until), now - YOUNGEST_SECONDS
        orders = await self.book.do(lambda connection: book_of.pending(connection, since, until, AT_ONCE))
        self._looked_until = orders[-1]["placed"] if len(orders) == AT_ONCE else 0.0
        if orders:
            await self._settle({order["key"]: order["reference"] for order in orders})

    async def _settle(self, references: dict[str, str]) -> None:
        body = json.dumps({"keys": list(references)}).encode()
        try:
            reply = await self.payment.call(Call("POST", "/captures/lookup", body, repeatable=True))
            captures = reply.json()["captures"] if reply.ok else []
        except (CallFailedError, ValueError, KeyError):
            return
        for capture in captures:
            reference = references[capture["key"]]
            try:
                await self.pay(reference, capture["capture"])
            except Sorry as error:
                say("warning", "an order that was charged is not completed yet", order=reference, reason=str(error))
            else:
                say("info", "an order that was charged is completed", order=reference)
