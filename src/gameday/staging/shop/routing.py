"""Which handler answers which path, and the promise that every answer that is an error is one of `apology`'s.

Also where too many requests at once are turned away: a queue that only grows helps no customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote

from gameday.staging.shop.apology import NOT_NOW, Sorry, sorry
from gameday.staging.shop.server import Handler, Request, Response

MOST_OPEN_REQUESTS = 256


def route(table: Mapping[str, Handler]) -> Handler:
    """Return a handler that picks one of `{"GET /orders/{reference}": handler}`; a literal segment beats a named one."""
    by_shape: dict[tuple[str, int], list[tuple[list[str], Handler]]] = {}
    for pattern in sorted(table, key=lambda pattern: pattern.count("{")):
        method, _, path = pattern.partition(" ")
        segments = path.split("/")
        by_shape.setdefault((method, len(segments)), []).append((segments, table[pattern]))

    async def pick(request: Request) -> Response:
        segments = request.raw_path.split("/")
        for wanted, handler in by_shape.get((request.method, len(segments)), ()):
            parameters = _match(wanted, segments)
            if parameters is not None:
                return await handler(replace(request, parameters=parameters) if parameters else request)
        raise Sorry(404, "not_found", "There is nothing at this address.", reason=request.raw_path)

    return pick


def _match(wanted: list[str], segments: list[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for pattern, segment in zip(wanted, segments, strict=True):
        if pattern.startswith("{"):
            if not segment:
                return None
            parameters[pattern[1:-1]] = unquote(segment)
        elif pattern != segment:
            return None
    return parameters


def polite(handler: Handler) -> Handler:
    """Return a handler that answers every failure with a reference and a contact, and never with a traceback."""
    open_requests = 0

    async def answered(request: Request) -> Response:
        nonlocal open_requests
        if open_requests >= MOST_OPEN_REQUESTS:
            return sorry(Sorry(503, "overloaded", NOT_NOW, reason=f"{open_requests} requests are open"))
        open_requests += 1
        try:
            return await handler(request)
        except Sorry as error:
            return sorry(error)
        except (ValueError, KeyError, TypeError) as error:
            message = "We could not read this request. Please reload the page and try again."
            return sorry(Sorry(400, "bad_request", message, reason=f"{type(error).__name__}: {error}"))
        except Exception as error:  # noqa: BLE001 - whatever it was, the customer gets an answer and the log the reason
            return sorry(Sorry(500, "internal", NOT_NOW, reason=f"{type(error).__name__}: {error}"))
        finally:
            open_requests -= 1

    return answered
