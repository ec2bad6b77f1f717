"""Cart: what a customer is about to buy.

A cart is a sealed value that the customer holds and sends along with every step (see `sealing`). This service keeps
nothing: any replica can add to any cart, a killed pod loses none, and no database or object store has to be up for a
customer to go on filling one. What it costs is that a cart cannot follow a customer to another device.
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import quote

from gameday.staging.shop.apology import Sorry, away, passed_on
from gameday.staging.shop.client import Call, CallFailedError, Neighbour
from gameday.staging.shop.sealing import BrokenSealError, seal, unseal
from gameday.staging.shop.server import Request, Response, answer
from gameday.staging.shop.service import Service, routed
from gameday.staging.shop.settings import Environment

MOST_LINES = 20
MOST_PIECES = 10


def build(environment: Environment) -> Service:
    """Return the cart service."""
    key = environment.text("CART_SIGNING_KEY")
    retries = int(environment.number("RETRIES", 1))
    inventory = Neighbour("inventory", environment.neighbour("inventory"), retries=retries)
    environment.check()

    async def add(request: Request) -> Response:
        body = request.json()
        quantity = body.get("quantity", 1)
        if not isinstance(quantity, int) or not 1 <= quantity <= MOST_PIECES:
            raise Sorry(400, "bad_quantity", f"Please choose from 1 to {MOST_PIECES} pieces.")
        cart = _opened(key, body["cart"]) if body.get("cart") else _new(request.parameters["id"])
        if len(cart["lines"]) >= MOST_LINES:
            raise Sorry(409, "cart_full", f"A cart holds {MOST_LINES} lines. Please check out, then begin another.")
        product = await _product(inventory, str(body["product"]))
        cart["lines"].append({"sku": product["sku"], "quantity": quantity, "price": product["price"]})
        return answer(201, {**_shown(cart), "cart": seal(key, "cart", cart)})

    async def look(request: Request) -> Response:
        return answer(200, _shown(_opened(key, request.json().get("cart"))))

    return Service(routed({"POST /carts/{id}/items": add, "POST /carts/open": look}))


def _new(identity: str) -> dict[str, Any]:
    return {"id": identity[:64], "nonce": secrets.token_hex(6), "lines": []}


def _opened(key: str, word: object) -> dict[str, Any]:
    try:
        return unseal(key, "cart", word)
    except BrokenSealError as error:
        raise Sorry(400, "unknown_cart", "We cannot open this cart. Please begin a new one.", reason=str(error)) from None


def _shown(cart: dict[str, Any]) -> dict[str, Any]:
    total = sum(line["price"] * line["quantity"] for line in cart["lines"])
    return {"id": cart["id"], "lines": cart["lines"], "total": total, "currency": "EUR"}


async def _product(inventory: Neighbour, sku: str) -> dict[str, Any]:
    try:
        reply = await inventory.call(Call("GET", f"/products/{quote(sku, safe='')}", repeatable=True))
    except CallFailedError as error:
        raise away("inventory", error) from None
    if not reply.ok:
        raise passed_on("inventory", reply)
    return reply.json()
