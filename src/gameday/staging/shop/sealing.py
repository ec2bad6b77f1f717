"""Sealed values: facts that a service gives out and believes again later, because nobody else can have changed them.

A cart and a payment's authorisation travel with the customer, sealed, instead of being kept in a service. So any replica
can go on where another one died, and losing a pod loses nothing. Sealed is not secret: a value can be read by
whoever holds it, which is why no card data ever goes into one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any


class BrokenSealError(ValueError):
    """The value was not sealed with this key, or was changed since."""


def seal(key: str, purpose: str, facts: dict[str, Any]) -> str:
    """Return the facts as one word that only a holder of the key can have made for this purpose."""
    payload = base64.urlsafe_b64encode(json.dumps(facts, separators=(",", ":"), sort_keys=True).encode())
    return f"{payload.decode()}.{_mark(key, purpose, payload)}"


def unseal(key: str, purpose: str, word: object) -> dict[str, Any]:
    """Return the facts of a sealed word; raise `BrokenSealError` where it is not ours or for something else."""
    payload, _, mark = str(word).partition(".")
    if not hmac.compare_digest(mark.encode(), _mark(key, purpose, payload.encode()).encode()):
        raise BrokenSealError(f"expected a {purpose} that this shop has given out")
    facts = json.loads(base64.urlsafe_b64decode(payload))
    if not isinstance(facts, dict):
        raise BrokenSealError(f"expected the facts of a {purpose}")
    return facts


def derive(key: str, *parts: str) -> str:
    """Return the same short word for the same parts every time; without the key it cannot be guessed."""
    return hmac.new(key.encode(), "\0".join(parts).encode(), hashlib.sha256).hexdigest()[:20]


def _mark(key: str, purpose: str, payload: bytes) -> str:
    return hmac.new(key.encode(), purpose.encode() + b"\0" + payload, hashlib.sha256).hexdigest()
