"""Answer a watch: a stream of events, one JSON object a line, until the client goes, its time is up, or it falls behind.

Objects are sent as the JSON that the store made of them once; idle watches sleep until there is a write.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

import orjson
from aiohttp import web

from gameday.staging.api.answers import Shape, shape_of, shaped
from gameday.staging.api.call import Backend, Call
from gameday.staging.api.selection import Selection, selection_of
from gameday.staging.errors import BadRequest, Cause, Expired, Invalid, expired_watch, invalid_options
from gameday.staging.history import Entry, EventType
from gameday.staging.store import Object, Stored, Watch

_BOOKMARK_SECONDS = 60.0
_MIN_TIMEOUT_SECONDS = 1800
_MAX_BATCH = 500
_INITIAL_EVENTS_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class _Stream:
    answer: web.StreamResponse
    selection: Selection
    shape: Shape

    def line(self, event: EventType, stored: Stored) -> bytes:
        body = shaped(self.shape, self.selection.resource, stored)
        return b"".join((b'{"type":"', event.encode(), b'","object":', body, b"}\n"))

    def line_of(self, entry: Entry) -> bytes | None:
        """Return a write as this watch sees it: an object may come into its selection, or leave it."""
        now = entry.type != "DELETED" and self.selection.takes(entry.stored)
        before = self.selection.takes(entry.previous)
        if now:
            return self.line("MODIFIED" if before else "ADDED", entry.stored)
        return self.line("DELETED", entry.stored) if before else None

    def bookmark(self, revision: int, annotations: Object | None = None) -> bytes:
        resource = self.selection.resource
        metadata = {"resourceVersion": str(revision), "creationTimestamp": None}
        obj: Object = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        if annotations:
            obj["metadata"]["annotations"] = annotations
        return orjson.dumps({"type": "BOOKMARK", "object": obj}) + b"\n"


async def watch_objects(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer with a stream of events; Expired, before the stream begins, if `resourceVersion` is too old."""
    selection = _narrowed(call, selection_of(call))
    since = call.integer("resourceVersion") or 0
    initial = _wants_initial(call, since)
    if since > backend.store.revision:
        raise expired_watch(since, backend.store.revision)
    existing = (
        backend.store.listed(selection.resource, selection.namespace, selection.labels, selection.fields) if initial else []
    )
    begun_at = backend.store.revision
    watch = backend.store.watch(selection.resource, since=begun_at if initial else since)
    backend.watches[watch] = None
    answer = web.StreamResponse(headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"})
    stream = _Stream(answer, selection, shape_of(call.http))
    try:
        await answer.prepare(call.http)
        for item in existing:
            await answer.write(stream.line("ADDED", item))
        if call.flag("sendInitialEvents"):
            await answer.write(stream.bookmark(begun_at, {_INITIAL_EVENTS_END: "true"}))
        await _follow(backend, call, watch, stream)
        await answer.write_eof()
    except ConnectionError:
        pass  # the client went away: the usual end of a watch
    finally:
        backend.watches.pop(watch, None)
        watch.close()
    return answer


def _narrowed(call: Call, selection: Selection) -> Selection:
    """Watch one object where the path names one."""
    name = call.target.name
    if name is None:
        return selection
    one = type(selection.fields).named(name)
    return Selection(selection.resource, selection.namespace, selection.labels, one)


def _wants_initial(call: Call, since: int) -> bool:
    asked, match = call.query.get("sendInitialEvents"), call.query.get("resourceVersionMatch", "")
    if asked is None:
        if match:
            raise _forbidden_match("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
        return since == 0
    if match != "NotOlderThan":
        raise _forbidden_match("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
    if call.flag("sendInitialEvents") and not call.flag("allowWatchBookmarks"):
        raise BadRequest("sendInitialEvents requires allowWatchBookmarks, to mark the end of what exists")
    return call.flag("sendInitialEvents")


def _forbidden_match(why: str) -> Invalid:
    return invalid_options("ListOptions", Cause("resourceVersionMatch", f"Forbidden: {why}", "FieldValueForbidden"))


async def _follow(backend: Backend, call: Call, watch: Watch, stream: _Stream) -> None:
    loop = asyncio.get_running_loop()
    asked = call.integer("timeoutSeconds")
    seconds = asked or _MIN_TIMEOUT_SECONDS * (1 + random.random())  # noqa: S311 - spreads the load only
    end, bookmarks = loop.time() + seconds, call.flag("allowWatchBookmarks")
    while (now := loop.time()) < end:
        try:
            async with asyncio.timeout_at(min(end, now + _BOOKMARK_SECONDS)):
                entry = await watch.next_entry()
        except TimeoutError:
            if bookmarks:
                await stream.answer.write(stream.bookmark(backend.store.revision))
            continue
        except StopAsyncIteration:
            return
        except Expired as error:
            event = {"type": "ERROR", "object": error.status()}
            await stream.answer.write(orjson.dumps(event) + b"\n")
            return
        entries = [entry]
        while watch.pending and len(entries) < _MAX_BATCH:
            entries.append(watch.pending.popleft())
        content = b"".join(filter(None, map(stream.line_of, entries)))
        if content:
            await stream.answer.write(content)
