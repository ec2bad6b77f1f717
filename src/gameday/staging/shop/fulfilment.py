"""Fulfilment: ships what was paid for, each order once.

It claims paid orders from the orders' database, writes them down as a picking list on its own disk, picks, and says that they
have left. The list is local data: a container that is started again finds it and goes on at once; a pod that is stopped
takes it along, and what stood on it is shipped only when its claim has run out and somebody claims it again. Saying the
same twice is harmless, so a list is only thrown away when the database has heard of it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.staging.shop.apology import away, passed_on
from gameday.staging.shop.client import Call, CallFailedError, Neighbour
from gameday.staging.shop.server import Request, Response, answer
from gameday.staging.shop.service import Service, routed
from gameday.staging.shop.settings import Environment
from gameday.staging.shop.speech import say

MOST_ON_A_LIST = 100
PAUSE_SECONDS = 1.0
"""How long it waits when there is nothing to pick, or nobody to ask."""


def build(environment: Environment) -> Service:
    """Return the fulfilment service."""
    desk = PackingDesk(
        folder=environment.folder("DATA_DIR"),
        orders=Neighbour("orders", environment.neighbour("orders"), retries=int(environment.number("RETRIES", 1))),
        picker=environment.text("HOSTNAME", "fulfilment"),
        pick_seconds=environment.number("PICK_SECONDS", 0.3),
        claim_seconds=environment.number("CLAIM_SECONDS", 10),
    )
    environment.check()
    return Service(routed({"GET /backlog": desk.ask, "GET /shipments": desk.ask, "GET /lists": desk.lists}), desk.work)


@dataclass(frozen=True, slots=True)
class PackingDesk:
    """Where orders are picked, and the lists of what is being picked."""

    folder: Path
    orders: Neighbour
    picker: str
    pick_seconds: float
    claim_seconds: float

    async def ask(self, request: Request) -> Response:
        """Pass on what the orders' database says of the backlog, or of what has left."""
        try:
            reply = await self.orders.call(Call("GET", request.raw_path, repeatable=True))
        except CallFailedError as error:
            raise away("orders", error) from None
        if not reply.ok:
            raise passed_on("orders", reply)
        return answer(reply.status, reply.json())

    async def lists(self, _: Request) -> Response:
        """Say which orders stand on the picking lists of this pod."""
        return answer(200, {"picking": [reference for path in self._on_disk() for reference in _references(path)]})

    async def work(self) -> None:
        """Pick and ship for as long as the service lives; lists that were begun before a restart come first."""
        for path in self._on_disk():
            say("info", "goes on with a picking list", list=path.name)
            await self._ship(path)
        while True:
            claimed = await self._claim()
            if not claimed:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            path = self._write_down(claimed)
            await asyncio.sleep(self.pick_seconds)
            await self._ship(path)

    def _on_disk(self) -> list[Path]:
        return sorted(self.folder.glob("*.json"))

    async def _claim(self) -> list[dict[str, Any]]:
        wanted = {"picker": self.picker, "limit": MOST_ON_A_LIST, "seconds": self.claim_seconds}
        answered = await self._tell("/claims", wanted)
        return [] if answered is None else list(answered["orders"])

    def _write_down(self, orders: list[dict[str, Any]]) -> Path:
        path = self.folder / f"{secrets.token_hex(8)}.json"
        coming = path.with_suffix(".coming")
        coming.write_text(json.dumps(orders), encoding="utf-8")
        coming.replace(path)
        return path

    async def _ship(self, path: Path) -> None:
        """Say that a list has left, as often as it takes to be heard, and throw it away."""
        left = {"picker": self.picker, "references": _references(path)}
        while True:
            if await self._tell("/shipments", left) is not None:
                _throw_away(path)
                return
            await asyncio.sleep(PAUSE_SECONDS)

    async def _tell(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """Return what the orders service answers; None, and a line in the log, if it does not."""
        try:
            reply = await self.orders.call(Call("POST", path, json.dumps(body).encode(), repeatable=True))
        except CallFailedError as error:
            say("warning", "orders cannot be asked", path=path, reason=str(error))
            return None
        if not reply.ok:
            say("warning", "orders cannot be asked", path=path, reason=f"it answered {reply.status}")
            return None
        return reply.json()


def _throw_away(path: Path) -> None:
    path.unlink()


def _references(path: Path) -> list[str]:
    return [str(order["reference"]) for order in json.loads(path.read_text(encoding="utf-8"))]
