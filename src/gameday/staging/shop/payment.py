"""Payment: authorise an amount, capture it, give it back.

The card never comes here, only the word that a card network's form gave the customer's browser for it, and even that is
not kept. An authorisation is a sealed value; a capture's number follows from its authorisation, so capturing twice is the
same capture, on whichever replica it happens. That one authorisation pays for one order is the orders' database's rule. What was
captured is written down at the bank, which can be asked for it by the keys of orders.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from gameday.staging.shop.apology import NOT_KNOWN, NOT_NOW, Sorry, away, passed_on
from gameday.staging.shop.client import Call, CallFailedError, Neighbour, carried
from gameday.staging.shop.sealing import BrokenSealError, derive, seal, unseal
from gameday.staging.shop.server import Request, Response, answer
from gameday.staging.shop.service import Service, routed
from gameday.staging.shop.settings import Environment

DECLINED_CARD = "tok_declined"


def build(environment: Environment) -> Service:
    """Return the payment service."""
    key = environment.text("PAYMENT_SIGNING_KEY")
    bank = Neighbour("bank", environment.neighbour("bank"), retries=int(environment.number("RETRIES", 1)))
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
        capture = "C-" + derive(key, "capture", str(facts["id"]))
        asked = {"capture": capture, "payment": facts["id"], "amount": facts["amount"], "key": str(body.get("key", ""))}
        await _at_bank(bank, "/captures", asked, request, NOT_KNOWN)
        return answer(200, {"capture": capture, "amount": facts["amount"]})

    async def captures(request: Request) -> Response:
        return answer(200, await _at_bank(bank, "/captures/lookup", request.json(), request))

    async def refund(request: Request) -> Response:
        captured = str(request.json()["capture"])
        await _at_bank(bank, "/refunds", {"capture": captured}, request)
        return answer(200, {"refund": "R-" + derive(key, "refund", captured), "capture": captured})

    return Service(
        routed(
            {
                "POST /payments": authorise,
                "POST /payments/open": look,
                "POST /captures": capture,
                "POST /captures/lookup": captures,
                "POST /refunds": refund,
            }
        )
    )


async def _at_bank(bank: Neighbour, path: str, asked: dict[str, Any], request: Request, message: str = NOT_NOW) -> dict[str, Any]:
    data = json.dumps(asked, separators=(",", ":")).encode()
    try:
        # One capture or refund stays one, so doing it twice is harmless.
        reply = await bank.call(Call("POST", path, data, carried(request.headers), repeatable=True))
    except CallFailedError as error:
        raise away("bank", error, message) from None
    if not reply.ok:
        raise passed_on("bank", reply, message)
    return reply.json()


def _opened(key: str, word: object) -> dict[str, object]:
    try:
        return unseal(key, "payment", word)
    except BrokenSealError as error:
        raise Sorry(400, "unknown_payment", "We cannot find this payment. Please pay again.", reason=str(error)) from None
