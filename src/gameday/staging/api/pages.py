"""Long lists in pages: every page of one list comes from the same snapshot, however much is written meanwhile.

A snapshot is a list of references to objects that are never changed, so keeping one is cheap; the number and age of
what is kept are bounded, and a token past that is answered as in Kubernetes, with 410.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from gameday.staging.errors import BadRequest, Expired
from gameday.staging.store import Stored

_MAX_SNAPSHOTS = 64
_MAX_AGE_SECONDS = 300.0
_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You must start a new list "
    "without the continue parameter."
)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list: its items, the revision they are of, and how to go on."""

    items: list[Stored]
    revision: int
    next_token: str = ""
    remaining: int = 0


@dataclass(frozen=True, slots=True)
class _Snapshot:
    items: list[Stored]
    revision: int
    query: str
    taken: float


class Pages:
    """The snapshots that somebody may still be paging through."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._snapshots: OrderedDict[str, _Snapshot] = OrderedDict()

    def first(self, items: list[Stored], revision: int, query: str, limit: int) -> Page:
        """Return the first page of a list; without a limit, all of it."""
        if not 0 < limit < len(items):
            return Page(items, revision)
        key = secrets.token_hex(8)
        self._snapshots[key] = _Snapshot(items, revision, query, self._monotonic())
        if len(self._snapshots) > _MAX_SNAPSHOTS:
            self._snapshots.popitem(last=False)
        return self._page(key, 0, limit)

    def next(self, token: str, query: str, limit: int) -> Page:
        """Return the page that a token stands for; Expired if its snapshot is gone."""
        key, offset = _read_token(token)
        snapshot = self._snapshots.get(key)
        if snapshot is None or self._monotonic() - snapshot.taken > _MAX_AGE_SECONDS:
            self._snapshots.pop(key, None)
            raise Expired(_EXPIRED)
        if snapshot.query != query:
            raise BadRequest("continue token is not valid for this path and these selectors")
        return self._page(key, offset, limit or len(snapshot.items))

    def _page(self, key: str, offset: int, limit: int) -> Page:
        snapshot = self._snapshots[key]
        end = offset + limit
        items, remaining = snapshot.items[offset:end], len(snapshot.items) - end
        if remaining <= 0:
            return Page(items, snapshot.revision)
        return Page(items, snapshot.revision, _write_token(key, end), remaining)


def _write_token(key: str, offset: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps({"v": "meta.k8s.io/v1", "list": key, "at": offset})).decode()


def _read_token(token: str) -> tuple[str, int]:
    try:
        fields = orjson.loads(base64.urlsafe_b64decode(token))
        return str(fields["list"]), int(fields["at"])
    except (binascii.Error, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise BadRequest("continue key is not valid: it is not one that this server gave out") from None
