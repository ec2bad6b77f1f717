"""What a storefront does about a submit that failed: it writes down who it was, before the customer hears of it.

The orders service keeps the list, since that is where it survives a storefront and a checkout. Where it cannot be reached in
a moment the customer does not wait: what is owed is kept here and written again and again until it is there. A storefront that
dies before that loses it, which is why it is tried first. TRACK_FAILURES=off is the weakness: nobody knows who saw an error.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from gameday.staging.shop.client import Call, CallFailedError, Neighbour
from gameday.staging.shop.server import Request, Response
from gameday.staging.shop.speech import say

PATIENCE_SECONDS = 0.15
"""How long a customer waits for it: with the storefront's own patience it stays below two seconds."""
PAUSE_SECONDS = 0.25
TIMEOUT_SECONDS = 1.0
MOST_WAITING = 20_000
MOST_AT_ONCE = 200


@dataclass(slots=True)
class Failures:
    """The failed submits of one storefront that are not written down yet."""

    orders: Neighbour
    on: bool
    waiting: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def note(self, request: Request, response: Response) -> None:
        """Write down that this submit was answered with an error, now or as soon as can be."""
        if not self.on:
            return
        failure = _failure(request, response)
        if not await self._write([failure], PATIENCE_SECONDS):
            self.waiting.append(failure)
            self.wake.set()

    async def write_owed(self) -> None:
        """Write what is owed, for as long as the service lives."""
        while True:
            await self.wake.wait()
            await self.flush()
            if self.waiting:
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                self.wake.clear()

    async def flush(self) -> None:
        """Write what is owed, once; what is not taken stays owed."""
        while self.waiting:
            batch = list(islice(self.waiting, MOST_AT_ONCE))
            if not await self._write(batch, TIMEOUT_SECONDS):
                return
            for _ in batch:
                self.waiting.popleft()

    async def close(self) -> None:
        """Try a last time; what cannot be written then goes to the log, which is better than nowhere."""
        await self.flush()
        for failure in self.waiting:
            say("error", "a failed order could not be written down", **failure)

    async def _write(self, failures: list[dict[str, Any]], timeout_seconds: float) -> bool:
        body = json.dumps({"failures": failures}, separators=(",", ":")).encode()
        try:
            reply = await self.orders.call(Call("POST", "/failures", body, {}, timeout_seconds, repeatable=True))
        except CallFailedError:
            return False
        return reply.ok


def _failure(request: Request, response: Response) -> dict[str, Any]:
    error = _object(_object_in(response.body).get("error"))
    return {
        "key": request.headers.get("idempotency-key", ""),
        "reference": str(error.get("reference", "")),
        "customer": str(_object_in(request.body).get("customer", "")),
        "cohort": request.headers.get("x-cohort", ""),
        "code": str(error.get("code", response.status)),
        "at": time.time(),
    }


def _object_in(body: bytes) -> Mapping[str, Any]:
    try:
        return _object(json.loads(body or b"{}"))
    except ValueError:
        return {}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
