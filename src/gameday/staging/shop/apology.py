"""The shop's error bodies: what a customer needs to go on, which is a reference to quote, somebody to ask, and no blame.

The same reference stands in the log with the reason, so that whoever is asked can find it.
"""

from __future__ import annotations

import os
import secrets

from gameday.staging.shop.client import CallFailedError, Reply
from gameday.staging.shop.server import Response, answer
from gameday.staging.shop.speech import say

CONTACT = os.environ.get("CONTACT", "help@shop.example")
OUR_FAULT = 500

NOT_NOW = "We could not do this just now. Nothing was lost: please try again in a moment, or ask us."
NOT_KNOWN = (
    "We could not confirm your order in time. Trying again is safe: you will not be charged twice. If you would rather "
    "not, ask us and quote the reference."
)


class Sorry(Exception):  # noqa: N818 - an answer on its way out, not a failure of the program
    """An error answer, raised from wherever in a handler it became clear; `reason` is for the log only.

    `estimate_seconds` is when it is worth to come back, where that is known.
    """

    def __init__(self, status: int, code: str, message: str, *, reason: str = "", estimate_seconds: int = 0) -> None:
        super().__init__(reason or code)
        self.status = status
        self.code = code
        self.message = message
        self.reason = reason
        self.estimate_seconds = estimate_seconds


def sorry(error: Sorry) -> Response:
    """Return the answer for `error`, with a reference of its own, and log it."""
    reference = "E-" + secrets.token_hex(5).upper()
    level = "warning" if error.status < OUR_FAULT else "error"
    say(level, "answered with an error", status=error.status, code=error.code, reference=reference, reason=error.reason)
    body: dict[str, object] = {"code": error.code, "message": error.message, "reference": reference, "contact": CONTACT}
    if error.estimate_seconds:
        body["estimate_seconds"] = error.estimate_seconds
        return answer(error.status, {"error": body}, retry_after=str(error.estimate_seconds))
    return answer(error.status, {"error": body})


def away(neighbour: str, error: CallFailedError, message: str = NOT_NOW) -> Sorry:
    """Return what to say when a neighbour cannot be reached, or not in time."""
    return Sorry(503, f"{neighbour}_unavailable", message, reason=f"{neighbour}: {error}")


def passed_on(neighbour: str, reply: Reply, message: str = NOT_NOW) -> Sorry:
    """Return what to say when a neighbour answered with an error: its own words if it has any for customers."""
    try:
        inner = reply.json().get("error", {})
    except ValueError:
        inner = {}
    known = inner if isinstance(inner, dict) else {}
    code = str(known.get("code", f"{neighbour}_failed"))
    text = str(known.get("message", message)) if reply.status < OUR_FAULT else message
    status = reply.status if reply.status < OUR_FAULT else 503
    return Sorry(status, code, text, reason=f"{neighbour} answered {reply.status}: {known.get('reference', code)}")
