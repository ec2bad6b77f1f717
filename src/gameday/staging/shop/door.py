"""The door of one replica of the sale: how many pages it can work on at a time, and who is let in when that is not enough.

A replica has `PAGE_WORKERS` workers; each page keeps one busy for `PAGE_SECONDS` (templates, recommendations of somebody
else's: mostly waiting, hardly any processor time) and for as long as the services behind take. That is a real limit of each
replica, so twice the replicas serve twice the customers, also where all of them share two cores.

With `WAITING_PAGE=on`, a customer who comes while three times as many pages are open as there are workers is told honestly to
come back, and when; whoever is in stays in, and is served soon. `off` is the weakness: everybody is let in, and the queue
grows until nobody is served in time. Who asked to come in, and who was turned away, is reported twice a second to whoever
scales (`scaler`); while nobody comes, nothing is sent.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

from gameday.staging.shop.apology import Sorry
from gameday.staging.shop.client import Call, CallFailedError, Neighbour
from gameday.staging.shop.server import Handler, Request, Response
from gameday.staging.shop.settings import Environment

MOST_OPEN_PER_WORKER = 3
"""So a page takes at most three times as long as on an empty replica."""
REPORT_SECONDS = 0.5
FULL = (
    "So many customers are here right now that we cannot serve you at once. Nothing is lost and nothing was charged: please "
    "come back in about {seconds} seconds."
)


@dataclass(slots=True)
class Door:
    """The workers of one replica, what is open there, and who came since the last report."""

    name: str
    workers: int
    page_seconds: float
    has_waiting_page: bool = True
    wait_seconds: int = 10
    open: int = 0
    asked: int = 0
    turned_away: int = 0
    _free: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.workers)

    @staticmethod
    def of(environment: Environment) -> Door:
        """Return the door that the settings describe."""
        return Door(
            environment.text("POD_IP", "127.0.0.1"),
            int(environment.number("PAGE_WORKERS", 4, lowest=1)),
            environment.number("PAGE_SECONDS", 0.1),
            environment.choice("WAITING_PAGE", "on", "off") == "on",
            int(environment.number("WAITING_SECONDS", 10, lowest=1)),
        )

    def entrance(self, handler: Handler) -> Handler:
        """Return the handler of a page that visits begin with: who does not fit in sees the waiting page."""
        inside = self.inside(handler)

        async def answered(request: Request) -> Response:
            self.asked += 1
            if self.has_waiting_page and self.open >= MOST_OPEN_PER_WORKER * self.workers:
                self.turned_away += 1
                reason = f"{self.open} pages are open, for {self.workers} workers"
                told = FULL.format(seconds=self.wait_seconds)
                raise Sorry(503, "waiting_room", told, reason=reason, estimate_seconds=self.wait_seconds)
            return await inside(request)

        return answered

    def inside(self, handler: Handler) -> Handler:
        """Return the handler of a page for those who are in: it waits for a worker, and keeps it until it is done."""

        async def answered(request: Request) -> Response:
            self.open += 1
            try:
                async with self._free:
                    await asyncio.sleep(self.page_seconds)
                    return await handler(request)
            finally:
                self.open -= 1

        return answered

    async def report(self, scaler: Neighbour) -> None:
        """Tell who came, again and again; a scaler that is away is told the next time."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            if not self.asked:
                continue
            asked, turned_away = self.asked, self.turned_away
            said = {"door": self.name, "asked": asked, "turned_away": turned_away}
            call = Call("POST", "/visits", json.dumps(said).encode(), timeout_seconds=REPORT_SECONDS)
            try:
                await scaler.call(call)
            except CallFailedError:
                continue
            self.asked -= asked
            self.turned_away -= turned_away
