"""The sale: a storefront whose replicas can each serve so many customers and no more, as `door` says.

It has a Service and a Deployment of its own, so that a crowd at the sale is a crowd there. What customers find inside is the
storefront's, and so is what becomes of a submit that fails. ERRORS=bare is about what goes wrong inside: the waiting page
is the door's, and has a setting of its own.
"""

from __future__ import annotations

import asyncio
from typing import Final

from gameday.staging.shop.client import Neighbour
from gameday.staging.shop.door import Door
from gameday.staging.shop.service import Service, routed
from gameday.staging.shop.settings import Environment
from gameday.staging.shop.storefront import Pages

ENTRANCES: Final = ("GET /", "GET /products")
INSIDE: Final = ("POST /cart/{id}/items", "POST /payments", "POST /checkout")


def build(environment: Environment) -> Service:
    """Return the sale's storefront."""
    pages, door = Pages.of(environment), Door.of(environment)
    scaler = Neighbour("scaler", environment.neighbour("scaler"), retries=0)
    environment.check()
    table = pages.shown()
    table |= {name: door.entrance(table[name]) for name in ENTRANCES}
    table |= {name: door.inside(table[name]) for name in INSIDE}

    async def besides() -> None:
        await asyncio.gather(door.report(scaler), pages.failures.write_owed())

    return Service(routed(table), besides, pages.failures.close)
