"""What happened in the store, in order: a bounded history, and watches that follow it.

Every write of the store is one entry. A watch replays what the history still has and then waits for more; one that
starts too far back, or falls too far behind, gets Expired, as from etcd, and has to list again. Objects in here are
shared and never changed; `Event.object` gives each watch a copy of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import orjson

from gameday.staging.errors import Expired, expired_watch
from gameday.staging.resources import Resource

_OF_THE_KIND = ("kind", "apiVersion")
EventType = Literal["ADDED", "MODIFIED", "DELETED"]


class Stored:
    """One version of one object, never changed: the shared tree and, once somebody asked, its JSON."""

    __slots__ = ("_as_item", "body")

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self._as_item: bytes | None = None

    @property
    def as_item(self) -> bytes:
        """Return the object as JSON without its kind and version, as lists have it; it is encoded once, whoever asks."""
        if self._as_item is None:
            self._as_item = orjson.dumps({key: value for key, value in self.body.items() if key not in _OF_THE_KIND})
        return self._as_item

    @property
    def encoded(self) -> bytes:
        """Return the object as JSON."""
        of_the_kind = orjson.dumps({key: self.body[key] for key in _OF_THE_KIND if key in self.body})
        return (
            b"%s,%s" % (of_the_kind[:-1], self.as_item[1:])
            if len(of_the_kind) > len("{}") < len(self.as_item)
            else orjson.dumps(self.body)
        )

    def copy(self) -> dict[str, Any]:
        """Return a tree of its own, which the caller may change."""
        copied: dict[str, Any] = orjson.loads(self.encoded)
        return copied


def copy_object(value: dict[str, Any]) -> dict[str, Any]:
    """Return a deep copy of a JSON object; by way of JSON, which is several times faster than walking the tree."""
    copied: dict[str, Any] = orjson.loads(orjson.dumps(value))
    return copied


@dataclass(frozen=True, slots=True)
class Entry:
    """One write: what the object is now (or was last, if deleted), and what it was before."""

    type: EventType
    resource: Resource
    stored: Stored
    previous: Stored | None
    revision: int


@dataclass(frozen=True)
class Event:
    """One write as a watch reports it; `object` is a copy that belongs to whoever holds the event."""

    type: EventType
    resource: Resource
    object: dict[str, Any]
    revision: int


@dataclass(slots=True, eq=False)
class Watch:
    """An endless iterator over events, until `close()`; one reader at a time."""

    history: History
    resource: Resource | None
    pending: deque[Entry] = field(default_factory=deque)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: bool = False
    _lost: bool = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        entry = await self.next_entry()
        return Event(entry.type, entry.resource, entry.stored.copy(), entry.revision)

    async def next_entry(self) -> Entry:
        """Return the next write without copying its object; StopAsyncIteration after `close()`."""
        while not self.pending:
            if self._lost:
                raise Expired("the watch fell too far behind the store; list again")
            if self._closed:
                raise StopAsyncIteration
            self._woken.clear()
            await self._woken.wait()
        return self.pending.popleft()

    def offer(self, entry: Entry) -> None:
        """Take a write from the history; past the bound, drop everything and end in Expired."""
        if self._lost or (self.resource is not None and entry.resource is not self.resource):
            return
        if len(self.pending) >= self.history.limit:
            self.pending.clear()
            self._lost = True
        else:
            self.pending.append(entry)
        self._woken.set()

    def close(self) -> None:
        """End the watch: its reader stops, and the history forgets it. Twice is once."""
        self._closed = True
        self.pending.clear()
        self.history.forget(self)
        self._woken.set()


class History:
    """The last `limit` writes, without gaps, and the watches that follow."""

    def __init__(self, *, first_revision: int, limit: int) -> None:
        self.limit = limit
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._revision = first_revision
        self._watches: dict[Watch, None] = {}

    @property
    def revision(self) -> int:
        """Return the revision of the last write."""
        return self._revision

    def append(self, entry: Entry) -> None:
        """Add the next write and hand it to every watch."""
        self._revision = entry.revision
        self._entries.append(entry)
        for watch in tuple(self._watches):
            watch.offer(entry)

    def watch(self, resource: Resource | None, since: int) -> Watch:
        """Follow all that was written after revision `since`; Expired if that is too long ago, or yet to come."""
        oldest = self._revision - len(self._entries)
        if not oldest <= since <= self._revision:
            raise expired_watch(since, oldest)
        watch = Watch(self, resource)
        for index in range(since - oldest, len(self._entries)):
            watch.offer(self._entries[index])
        self._watches[watch] = None
        return watch

    def forget(self, watch: Watch) -> None:
        """Stop handing writes to this watch."""
        self._watches.pop(watch, None)
