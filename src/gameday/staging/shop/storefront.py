"""The storefront: the one door for customers. It owns nothing; it passes on what the inner services answer.

Where one of them is away, or not in time, the customer gets a 503 with a reference and a contact within two seconds,
and the rest of the shop stays open. A submit that failed is written down, so that its customer can be told (see `failures`).

ERRORS=bare is the weakness: whatever went wrong inside, the customer is told to look at what they entered, without a
reference and with nobody to ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from gameday.staging.shop.apology import NOT_KNOWN, NOT_NOW, OUR_FAULT, Sorry, away, passed_on, sorry
from gameday.staging.shop.client import Call, CallFailedError, Neighbour, carried
from gameday.staging.shop.failures import Failures
from gameday.staging.shop.server import Handler, Request, Response, answer
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
    pages = Pages.of(environment)
    environment.check()
    return Service(routed(pages.shown()), pages.failures.write_owed if pages.failures.on else None, pages.failures.close)


def bare(handler: Handler) -> Handler:
    """Return a handler whose errors say nothing of use, and blame the customer: no reference, nobody to ask."""

    async def answered(request: Request) -> Response:
        try:
            response = await handler(request)
        except Sorry as error:
            response = sorry(error)
        if response.status < HTTPStatus.BAD_REQUEST:
            return response
        message = "Invalid request. Please check what you entered and try again."
        return answer(response.status, {"error": {"code": "invalid_request", "message": message}})

    return answered


@dataclass(frozen=True, slots=True)
class Pages:
    """What customers may ask for, and who inside answers it."""

    inner: Mapping[str, Neighbour]
    failures: Failures
    honest: bool = True
    """Whether errors say what they should."""

    @staticmethod
    def of(environment: Environment) -> Pages:
        """Return the pages as the settings describe them."""
        retries = int(environment.number("RETRIES", 1))
        inner = {name: Neighbour(name, environment.neighbour(name), retries=retries) for name in NEIGHBOURS}
        honest = environment.choice("ERRORS", "honest", "bare") == "honest"
        tracked = environment.choice("TRACK_FAILURES", "on", "off") == "on"
        return Pages(inner, Failures(inner["orders"], on=tracked), honest)

    def shown(self) -> dict[str, Handler]:
        """Return what answers which path, with its errors as customers see them."""
        table = self.routes()
        return table if self.honest else {route: bare(handler) for route, handler in table.items()}

    def routes(self) -> dict[str, Handler]:
        """Return what answers which path."""
        return {
            "GET /": self.products,
            "GET /products": self.products,
            "POST /cart/{id}/items": self.add,
            "POST /payments": self.pay,
            "POST /checkout": self.submit,
            "GET /orders/by-key/{key}": self.by_key,
            "POST /orders/lookup": self.lookup("orders", "/orders/lookup"),
            "POST /captures/lookup": self.lookup("payment", "/captures/lookup"),
            "POST /failures/lookup": self.lookup("orders", "/failures/lookup"),
        }

    async def products(self, request: Request) -> Response:
        """Show what there is to buy."""
        return await forward(self.inner["inventory"], _call(request, "GET", "/products", repeatable=True))

    async def add(self, request: Request) -> Response:
        """Put something into a cart, and give out the new one."""
        path = f"/carts/{quote(request.parameters['id'], safe='')}/items"
        # Adding gives out a new sealed cart and keeps nothing, so that doing it twice is harmless.
        return await forward(self.inner["cart"], _call(request, "POST", path, repeatable=True))

    async def pay(self, request: Request) -> Response:
        """Have an amount authorised."""
        return await forward(self.inner["payment"], _call(request, "POST", "/payments"))

    async def submit(self, request: Request) -> Response:
        """Place the order; one that fails through no fault of the customer's is written down as such."""
        key = request.headers.get("idempotency-key", "")
        if not key:
            message = "We could not read this request. Please reload the page and try again."
            raise Sorry(400, "no_idempotency_key", message, reason="expected the header Idempotency-Key")
        call = _call(request, "POST", "/checkout", {"idempotency-key": key}, repeatable=True)
        try:
            response = await forward(self.inner["checkout"], call, NOT_KNOWN)
        except Sorry as error:
            response = sorry(error)
        if response.status >= OUR_FAULT:
            await self.failures.note(request, response)
        return response

    async def by_key(self, request: Request) -> Response:
        """Return the orders with a key."""
        path = f"/orders/by-key/{quote(request.parameters['key'], safe='')}"
        return await forward(self.inner["orders"], _call(request, "GET", path, repeatable=True))

    def lookup(self, name: str, path: str) -> Handler:
        """Return what looks many things up at once."""

        async def found(request: Request) -> Response:
            return await forward(self.inner[name], _call(request, "POST", path, repeatable=True))

        return found


def _call(
    request: Request, method: str, path: str, headers: Mapping[str, str] | None = None, *, repeatable: bool = False
) -> Call:
    body = request.body if method == "POST" else b""
    along = {**carried(request.headers), **(headers or {})}
    return Call(method, path, body, along, PATIENCE_SECONDS, repeatable)
