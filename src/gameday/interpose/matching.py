"""Whether a rule is about a request, and whether its customer is among those who are drawn.

A draw is a function of the seed and of the customer's name alone: the same customer falls on the same side in every proxy, on
every connection and after every restart, and whoever is hit at 10 % is hit at 20 %, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from hashlib import blake2b
from typing import Final

from gameday.interpose.heads import Request
from gameday.interpose.settings import Customer, Match

Matches = Callable[[Request], bool]
Names = Callable[[Request], bytes | None]
"""Says who the customer of a request is."""
_RANGE: Final = 1 << 64


def cohort(seed: str, customer: bytes) -> float:
    """Return where a customer stands between 0 and 100: who is below the percentage is drawn."""
    digest = blake2b(customer, key=seed.encode()[:64], digest_size=8).digest()
    return int.from_bytes(digest, "big") * 100 / _RANGE


def matcher(match: Match) -> Matches | None:
    """Return what says whether a request is meant, whoever its customer is; None if every request is."""
    conditions: list[Matches] = []
    if match.methods:
        methods = frozenset(method.encode() for method in match.methods)
        conditions.append(lambda request: request.method in methods)
    if match.path is not None:
        conditions.append(_on_path(match.path))
    conditions += [_on_header(name, pattern) for name, pattern in match.headers.items()]
    conditions += [_on_parameter(name, pattern) for name, pattern in match.query.items()]
    if not conditions:
        return None
    if len(conditions) == 1:
        return conditions[0]
    return lambda request: all(condition(request) for condition in conditions)


def namer(customer: Customer | None) -> Names | None:
    """Return what finds the customer's name in a request; None if connections are drawn."""
    if customer is None:
        return None
    if customer.header is not None:
        header = customer.header.lower().encode()
        return lambda request: request.value(header)
    if customer.cookie is not None:
        cookie = customer.cookie.encode()
        return lambda request: request.cookie(cookie)
    parameter = (customer.query or "").encode()
    return lambda request: request.parameter(parameter)


def _on_path(pattern: str) -> Matches:
    fits = _pattern(pattern)
    return lambda request: fits(request.path) is not None


def _on_header(name: str, pattern: str) -> Matches:
    fits, key = _pattern(pattern), name.lower().encode()
    return lambda request: any(fits(value) for value in request.values(key))


def _on_parameter(name: str, pattern: str) -> Matches:
    fits, key = _pattern(pattern), name.encode()

    def matches(request: Request) -> bool:
        value = request.parameter(key)
        return value is not None and fits(value) is not None

    return matches


def _pattern(pattern: str) -> Callable[[bytes], re.Match[bytes] | None]:
    return re.compile(translate(pattern).encode()).match
