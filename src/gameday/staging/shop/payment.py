"""Payment: authorise an amount, capture it, give it back.

The card never comes here, only the word that a card network's form gave the customer's browser for it, and even that is
not kept. An authorisation is a sealed value; a capture's number follows from its authorisation, so capturing twice is the
same capture, on whichever replica it happens. That one authorisation pays for one order is the orders' database's rule.
"""

from __future__ import annotations

import secrets

from gameday.staging.shop.apology import Sorry
from gameday.staging.shop.sealing import BrokenSealError, derive, seal, unseal
from gameday.staging.shop.server import Request, Response, answer
from gameday.staging.shop.service import Service, routed
from gameday.staging.shop.settings import Environment

DECLINED_CARD = "tok_declined"


def build(environment: Environment) -> Service:
    """Return the payment service."""
    key = environment.text("PAYMENT_SIGNING_KEY")
    environment.check()

    async def authorise(request: Request) -> Response:
        body = request.json()
        amount, card = body["amount"], str(body["card"])
        if not isinstance(amount, int) or amount <= 0:
            raise Sorry(400, "bad_amount", "We could not read the amount. Please reload the page.")
        if card == DECLINED_CARD:
            raise Sorry(402, "declined", "The payment did not go through. Another card or payment method may work.")
        facts = {"id": "P-" + secrets.token_hex(8), "amount": amount, "customer": str(body["customer"])}
        return answer(201, {"payment": seal(key, "payment", facts), "amount": amount, "currency": "EUR"})

    async def look(request: Request) -> Response:
        return answer(200, _opened(key, request.json().get("payment")))

    async def capture(request: Request) -> Response:
        body = request.json()
        facts = _opened(key, body.get("payment"))
        if facts["amount"] != body["amount"]:
            message = "The amount has changed since it was authorised. Nothing was charged; please pay again."
            raise Sorry(409, "amount_differs", message, reason=f"{facts['amount']} authorised, {body['amount']} asked")
        return answer(200, {"capture": "C-" + derive(key, "capture", str(facts["id"])), "amount": facts["amount"]})

    async def refund(request: Request) -> Response:
        captured = str(request.json()["capture"])
        return answer(200, {"refund": "R-" + derive(key, "refund", captured), "capture": captured})

    return Service(
        routed(
            {
                "POST /payments": authorise,
                "POST /payments/open": look,
                "POST /captures": capture,
                "POST /refunds": refund,
            }
        )
    )


def _opened(key: str, word: object) -> dict[str, object]:
    try:
        return unseal(key, "payment", word)
    except BrokenSealError as error:
        raise Sorry(400, "unknown_payment", "We cannot find this payment. Please pay again.", reason=str(error)) from None
