"""Inventory: what the shop sells, and holds on it while somebody is checking out.

Holds live in memory, on purpose: a hold only keeps two customers from being promised the same piece for a minute, and it
expires by itself. The order is what counts, and that is in the orders' database. Each replica gives out an allotment of
its own, so two replicas never promise the same piece; losing one loses holds, never an order.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from gameday.staging.shop.apology import Sorry
from gameday.staging.shop.server import Request, Response, answer
from gameday.staging.shop.service import Service, routed
from gameday.staging.shop.settings import Environment

PRODUCTS = {
    "lamp": ("Desk lamp", 4900),
    "chair": ("Chair", 12900),
    "kettle": ("Kettle", 3900),
    "rug": ("Wool rug", 8900),
    "clock": ("Wall clock", 2900),
    "vase": ("Vase", 1900),
    "shelf": ("Shelf", 6900),
    "mirror": ("Mirror", 5900),
}
"""Each product with its name and its price in cents."""

MOST_HELD = 100_000
"""Holds kept at once; a bound on memory that no staging cluster should ever reach."""


@dataclass(slots=True)
class Stock:
    """Pieces that may still be promised here, and the holds that make up the difference."""

    pieces: dict[str, int]
    hold_seconds: float
    held: dict[str, tuple[float, dict[str, int]]] = field(default_factory=dict)
    """By key: when the hold ends, and how many of what. Oldest first, since every hold lasts equally long."""

    def hold(self, key: str, wanted: dict[str, int], now: float) -> None:
        """Hold pieces for this key; a key that holds already holds the same on."""
        self.expire(now)
        if key in self.held:
            return
        short = [sku for sku, count in wanted.items() if self.pieces.get(sku, 0) < count]
        if short:
            raise Sorry(409, "out_of_stock", f"We have run out of: {', '.join(short)}. Nothing was charged.")
        for sku, count in wanted.items():
            self.pieces[sku] -= count
        self.held[key] = (now + self.hold_seconds, wanted)

    def release(self, key: str) -> bool:
        """Give a key's pieces back; return whether it held any."""
        _, wanted = self.held.pop(key, (0.0, {}))
        for sku, count in wanted.items():
            self.pieces[sku] += count
        return bool(wanted)

    def expire(self, now: float) -> None:
        """Give back what was held for too long."""
        while self.held:
            key = next(iter(self.held))
            if self.held[key][0] > now and len(self.held) < MOST_HELD:
                return
            self.release(key)


def build(environment: Environment) -> Service:
    """Return the inventory service."""
    pieces = int(environment.number("STOCK", 1_000_000))
    stock = Stock(dict.fromkeys(PRODUCTS, pieces), environment.number("HOLD_SECONDS", 60))
    environment.check()
    listed = answer(200, {"products": [_product(sku) for sku in PRODUCTS]})

    async def products(_: Request) -> Response:
        return listed

    async def product(request: Request) -> Response:
        sku = request.parameters["sku"]
        if sku not in PRODUCTS:
            raise Sorry(404, "no_such_product", "We do not sell this.", reason=sku)
        return answer(200, _product(sku))

    async def reserve(request: Request) -> Response:
        body = request.json()
        lines = body["lines"]
        if not isinstance(lines, list):
            raise TypeError("expected lines as a list")
        wanted: dict[str, int] = {}
        for line in lines:
            wanted[str(line["sku"])] = wanted.get(str(line["sku"]), 0) + int(line["quantity"])
        stock.hold(str(body["key"]), wanted, asyncio.get_running_loop().time())
        return answer(201, {"held": wanted})

    async def release(request: Request) -> Response:
        return answer(200, {"released": stock.release(request.parameters["key"])})

    return Service(
        routed(
            {
                "GET /products": products,
                "GET /products/{sku}": product,
                "POST /reservations": reserve,
                "DELETE /reservations/{key}": release,
            }
        )
    )


def _product(sku: str) -> dict[str, object]:
    name, price = PRODUCTS[sku]
    return {"sku": sku, "name": name, "price": price, "currency": "EUR"}
