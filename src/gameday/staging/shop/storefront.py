"""The storefront: the one door for customers. It owns nothing; it passes on what the inner services answer.

Where one of them is away, or not in time, the customer gets a 503 with a reference and a contact within two seconds,
and the rest of the shop stays open.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from gameday.staging.shop.apology import NOT_KNOWN, NOT_NOW, Sorry, away, passed_on
from gameday.staging.shop.client import Call, CallFailedError, Neighbour
from gameday.staging.shop.server import Handler, Request, Response
from gameday.staging.shop.service import Service, routed
from gameday.staging.shop.settings import Environment

PATIENCE_SECONDS = 1.8
"""How long an inner service may take; below the two seconds in which a customer has an answer."""

NEIGHBOURS = ("cart", "checkout", "payment", "inventory", "orders")


async def forward(neighbour: Neighbour, call: Call, message: str = NOT_NOW) -> Response:
    """Return what the neighbour answers, or what to tell a customer where it does not."""
    try:
        reply = await neighbour.call(call)
    except CallFailedError as error:
        raise away(neighbour.name, error, message if error.sent else NOT_NOW) from None
    content_type = reply.headers.get("content-type", "")
    if not reply.ok and b'"reference"' not in reply.body:
        raise passed_on(neighbour.name, reply, message)
    return Response(reply.status, reply.body, content_type)


def build(environment: Environment) -> Service:
    """Return the storefront service."""
    inner = neighbours(environment)
    environment.check()
    return Service(routed(pages(inner)))


def neighbours(environment: Environment) -> dict[str, Neighbour]:
    """Return the services behind the storefront."""
    retries = int(environment.number("RETRIES", 1))
    return {name: Neighbour(name, environment.neighbour(name), retries=retries) for name in NEIGHBOURS}


def pages(inner: Mapping[str, Neighbour]) -> dict[str, Handler]:
    """Return what customers can ask for, and who answers it."""

    async def products(_: Request) -> Response:
        return await forward(inner["inventory"], _call("GET", "/products", repeatable=True))

    async def add(request: Request) -> Response:
        path = f"/carts/{quote(request.parameters['id'], safe='')}/items"
        # Adding gives out a new sealed cart and keeps nothing, so that doing it twice is harmless.
        return await forward(inner["cart"], _call("POST", path, request.body, repeatable=True))

    async def pay(request: Request) -> Response:
        return await forward(inner["payment"], _call("POST", "/payments", request.body))

    async def submit(request: Request) -> Response:
        key = request.headers.get("idempotency-key", "")
        if not key:
            message = "We could not read this request. Please reload the page and try again."
            raise Sorry(400, "no_idempotency_key", message, reason="expected the header Idempotency-Key")
        call = _call("POST", "/checkout", request.body, {"idempotency-key": key}, repeatable=True)
        return await forward(inner["checkout"], call, NOT_KNOWN)

    async def by_key(request: Request) -> Response:
        path = f"/orders/by-key/{quote(request.parameters['key'], safe='')}"
        return await forward(inner["orders"], _call("GET", path, repeatable=True))

    async def lookup(request: Request) -> Response:
        return await forward(inner["orders"], _call("POST", "/orders/lookup", request.body, repeatable=True))

    return {
        "GET /": products,
        "GET /products": products,
        "POST /cart/{id}/items": add,
        "POST /payments": pay,
        "POST /checkout": submit,
        "GET /orders/by-key/{key}": by_key,
        "POST /orders/lookup": lookup,
    }


def _call(
    method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, repeatable: bool = False
) -> Call:
    return Call(method, path, body, headers or {}, PATIENCE_SECONDS, repeatable)
