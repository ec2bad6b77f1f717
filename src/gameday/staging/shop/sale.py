"""The sale: a storefront whose replicas can each serve so many customers and no more, as `door` says.

It has a Service and a Deployment of its own, so that a crowd at the sale is a crowd there. What customers find inside is the
storefront's.
"""

from __future__ import annotations

from typing import Final

from gameday.staging.shop.client import Neighbour
from gameday.staging.shop.door import Door
from gameday.staging.shop.service import Service, routed
from gameday.staging.shop.settings import Environment
from gameday.staging.shop.storefront import neighbours, pages

ENTRANCES: Final = ("GET /", "GET /products")
INSIDE: Final = ("POST /cart/{id}/items", "POST /payments", "POST /checkout")


def build(environment: Environment) -> Service:
    """Return the sale's storefront."""
    door, scaler = Door.of(environment), Neighbour("scaler", environment.neighbour("scaler"), retries=0)
    table = pages(neighbours(environment))
    environment.check()
    table |= {name: door.entrance(table[name]) for name in ENTRANCES}
    table |= {name: door.inside(table[name]) for name in INSIDE}

    async def report() -> None:
        await door.report(scaler)

    return Service(routed(table), background=report)
