"""Checkout: turns a cart and an authorised payment into an order, once.

The order of the steps is the point. Each one is keyed by the customer's Idempotency-Key and may be repeated, and nothing is
kept here, so a pod may die between any two of them and whoever asks again with the same key gets the same order:

1. open the cart and the payment (both sealed, nothing changes);
2. hold the stock (expires by itself);
3. write the order down as *pending*, which takes the key and the payment for this order alone;
4. capture the payment (the same authorisation is always the same capture);
5. mark the order as paid;
6. only now answer 201 with its reference.

A customer is never charged without an order in the database, and never told of an order that is not there as paid. Dying
between 3 and 5 leaves a pending order, which the same key completes and which is no order until then; one whose payment was
captured the orders service completes by itself (see `pending`).

CAPTURE=first is a weakness: the payment is captured before the order is written down. It saves a step where all goes well,
and charges customers for nothing where the orders are away.

SHIPPING=charged is a release that adds SHIPPING_CENTS to what an order costs. Without that number the process ends before it
listens. With it, customers must have authorised the sum, and a storefront that does not know of it yet has them authorise
the cart alone: checkout then works and refuses every order. That such a release must come after the storefront's is what
rehearsals of a bad one are about.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gameday.staging.shop.apology import NOT_KNOWN, NOT_NOW, Sorry, away, passed_on
from gameday.staging.shop.client import Call, CallFailedError, Neighbour, carried
from gameday.staging.shop.server import Request, Response, answer
from gameday.staging.shop.service import Service, routed
from gameday.staging.shop.settings import Environment
from gameday.staging.shop.speech import say

PATIENCE_SECONDS = 1.6
"""How long all the steps may take together; below the storefront's patience, so that ours is the better answer."""

LONGEST_KEY = 128
NEIGHBOURS = ("cart", "inventory", "orders", "payment")


@dataclass(frozen=True, slots=True)
class Step:
    """One call to a neighbour, made within what is left of the time for the whole checkout."""

    neighbour: Neighbour
    path: str
    body: dict[str, Any]
    deadline: float
    message: str = NOT_NOW
    """What a customer is told if it fails; from the moment on that an order may exist, that it is not known."""
    headers: Mapping[str, str] = field(default_factory=dict)

    async def take(self) -> dict[str, Any]:
        """Return the neighbour's answer; anything but success is raised as what to tell the customer."""
        left = max(self.deadline - asyncio.get_running_loop().time(), 0.001)
        data = json.dumps(self.body, separators=(",", ":")).encode()
        try:
            reply = await self.neighbour.call(Call("POST", self.path, data, self.headers, left, repeatable=True))
        except CallFailedError as error:
            raise away(self.neighbour.name, error, self.message) from None
        if not reply.ok:
            raise passed_on(self.neighbour.name, reply, self.message)
        return reply.json()


def build(environment: Environment) -> Service:
    """Return the checkout service."""
    retries = int(environment.number("RETRIES", 1))
    inner = {name: Neighbour(name, environment.neighbour(name), retries=retries) for name in NEIGHBOURS}
    capture_first = environment.choice("CAPTURE", "after-order", "first") == "first"
    shipping = _shipping(environment)
    environment.check()

    async def submit(request: Request) -> Response:
        key = request.headers.get("idempotency-key", "")
        if not 0 < len(key) <= LONGEST_KEY:
            message = "We could not read this request. Please reload the page and try again."
            raise Sorry(400, "no_idempotency_key", message, reason="expected the header Idempotency-Key")
        how = How(capture_first=capture_first, shipping_cents=shipping)
        placing = Placing(inner, key, request.json(), carried(request.headers), how)
        order = await placing.place()
        say("info", "order placed", reference=order["reference"], amount=order["amount"])
        shown = {name: order[name] for name in ("reference", "amount", "currency", "key")}
        return answer(201, shown)

    return Service(routed({"POST /checkout": submit}))


def _shipping(environment: Environment) -> int:
    """Return what shipping adds to an order, in cents; a release that charges for it has to be told how much."""
    if environment.choice("SHIPPING", "free", "charged") == "free":
        return 0
    return int(environment.number("SHIPPING_CENTS", 0)) if environment.text("SHIPPING_CENTS") else 0


@dataclass(frozen=True, slots=True)
class How:
    """What this shop does differently from others: see the settings above."""

    capture_first: bool
    shipping_cents: int


@dataclass(slots=True)
class Placing:
    """One customer's order on its way, with what is left of the time for it."""

    inner: Mapping[str, Neighbour]
    key: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    how: How
    deadline: float = field(default_factory=lambda: asyncio.get_running_loop().time() + PATIENCE_SECONDS)

    async def place(self) -> dict[str, Any]:
        """Return the order, paid; whatever keeps it from that is raised as what to tell the customer."""
        cart, payment = await asyncio.gather(
            self._step("cart", "/carts/open", {"cart": self.body.get("cart")}),
            self._step("payment", "/payments/open", {"payment": self.body.get("payment")}),
        )
        shipping = self.how.shipping_cents
        total = cart["total"] + shipping
        if payment["amount"] != total:
            message = "Your cart has changed since you paid. Nothing was charged; please pay again."
            reason = f"{payment['amount']} authorised, {total} due: {cart['total']} in the cart, {shipping} for shipping"
            raise Sorry(409, "amount_differs", message, reason=reason)
        await self._step("inventory", "/reservations", {"key": self.key, "lines": cart["lines"]})
        if self.how.capture_first:
            await self._capture(total)
        wanted = {
            "key": self.key,
            "customer": str(self.body.get("customer", "")),
            "amount": total,
            "lines": cart["lines"],
            "payment": payment["id"],
        }
        order = await self._step("orders", "/orders", wanted, NOT_KNOWN)
        if order["state"] == "paid":
            return order
        captured = await self._capture(order["amount"])
        path = f"/orders/{order['reference']}/paid"
        return await self._step("orders", path, {"capture": captured["capture"]}, NOT_KNOWN)

    async def _capture(self, amount: int) -> dict[str, Any]:
        asked = {"payment": self.body.get("payment"), "amount": amount, "key": self.key}
        return await self._step("payment", "/captures", asked, NOT_KNOWN)

    async def _step(self, name: str, path: str, asked: dict[str, Any], message: str = NOT_NOW) -> dict[str, Any]:
        return await Step(self.inner[name], path, asked, self.deadline, message, self.headers).take()
