"""What a page asks for and what it gets: the state, its stream, runbooks, requests of people, and the stop.

Requests are decided by the session; here stands only which of them the participants' token cannot make: those of the facilitator,
and any in the facilitator's name. The stop has a thread of its own, so that nothing that is slow delays it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from aiohttp import web

from gameday.errors import GamedayError, InvalidFileError, RefusedError
from gameday.rehearsal.session import Session
from gameday.rehearsal.state import State
from gameday.rehearsal.telling import printable
from gameday.runbook.roles import FACILITATOR
from gameday.web import assist
from gameday.web.access import Door, Page, RefusedRequest
from gameday.web.backstage import backstage
from gameday.web.runbooks import Library, document
from gameday.web.shown import Viewer, is_hidden, iso, knows_of, shown
from gameday.web.stream import Hub

LARGEST_BODY_BYTES: Final = 64 * 1024
"""A text has at most 10,000 characters (`rehearsal.requests`), of at most four bytes each."""
_MOST_STREAMS: Final = 100
_LONGEST_NAME: Final = 60
_LONGEST_REASON: Final = 500
AUDIENCES: Final = ("customers", "sellers", "support", "press", "executives")
_FACILITATORS: Final = frozenset({"inject", "absent", "reveal", "next-round", "end"})
_STEP_REQUESTS: Final = frozenset({"begin", "tick", "skip"})


@dataclass(frozen=True, slots=True)
class Desk:
    """One rehearsal's answers."""

    session: Session
    door: Door
    hub: Hub
    library: Library
    now: Callable[[], datetime]
    stopping: Executor

    def routes(self) -> list[web.RouteDef]:
        """Return where each is asked for."""
        return [
            web.post("/api/enter", self.enter),
            web.get("/api/state", self.state),
            web.get("/api/events", self.events),
            web.get("/api/runbooks", self.runbooks),
            web.get("/api/runbooks/{runbook}", self.runbook),
            web.get("/api/templates", self.templates),
            web.post("/api/check", self.check),
            web.post("/api/requests", self.ask),
            web.post("/api/stop", self.stop),
        ]

    async def enter(self, request: web.Request) -> web.Response:
        """Exchange a token for a cookie."""
        page = self.door.enter(_text(await _body(request), "token"))
        response = _json({"page": page})
        self.door.set_cookie(response, page)
        return response

    async def state(self, request: web.Request) -> web.Response:
        """Return all that the page shows."""
        return _json(self._shown(self._viewer(request)))

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Tell what the page shows whenever it changes, as Server-Sent Events."""
        viewer = self._viewer(request)
        if self.hub.count >= _MOST_STREAMS:
            raise RefusedRequest(503, "Too many pages", f"{_MOST_STREAMS} pages are open already; close some of them.")
        known = request.headers.get("Last-Event-ID") or request.query.get("after", "")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        # A page that goes away while it is told something is no failure.
        with suppress(ConnectionResetError):
            await self._tell(response, viewer, known)
        return response

    async def _tell(self, response: web.StreamResponse, viewer: Viewer, known: str) -> None:
        await response.write(b"retry: 500\n\n")
        async for grew in self.hub.changes():
            if grew and str(self.session.state.seq) != known:
                told = self._shown(viewer)
                known = str(told["seq"])
                await response.write(b"id: %d\nevent: state\ndata: %s\n\n" % (told["seq"], orjson.dumps(told)))
            elif not grew:
                await response.write(b"event: beat\ndata: %s\n\n" % orjson.dumps(iso(self.now())))

    async def runbooks(self, request: web.Request) -> web.Response:
        """Return id and title of every runbook of the catalogue."""
        self.door.page_of(request)
        return _json(await asyncio.to_thread(self.library.titles))

    async def runbook(self, request: web.Request) -> web.Response:
        """Return the text of a runbook: the round's own as it was opened, any other from the catalogue."""
        viewer, wanted = self._viewer(request), request.match_info["runbook"]
        incident = self.session.state.incident
        opened = incident.runbook if incident else None
        # A file may have changed since; under surprise the round's own is there only to who has chosen it.
        may_know = incident is not None and (
            not is_hidden(self.session.state, incident, viewer) or incident.chosen_runbook == wanted
        )
        if opened is not None and opened.runbook == wanted and may_know:
            return _json(document(opened))
        if wanted not in self.library:
            raise RefusedRequest(404, "No such runbook", f"The catalogue has no runbook {wanted!r}.")
        try:
            return _json(await asyncio.to_thread(self.library.document, wanted))
        except InvalidFileError as error:
            raise RefusedRequest(409, "A broken runbook", str(error)) from error

    async def templates(self, request: web.Request) -> web.Response:
        """Return the templates of messages, filled in as far as the log knows."""
        viewer, state = self._viewer(request), self.session.state
        if not self._may_write(viewer):
            return _json([])
        told = [str(reader.get("audience", "")) for reader in (state.started.readers if state.started else [])]
        audiences = list(dict.fromkeys([*AUDIENCES, *filter(None, told)]))
        hidden = is_hidden(state, state.incident, viewer)
        return _json(await asyncio.to_thread(assist.templates, state, audiences, self.now(), hidden=hidden))

    async def check(self, request: web.Request) -> web.Response:
        """Say what is wrong with a message before it is sent."""
        viewer, message = self._viewer(request), await _body(request)
        if not self._may_write(viewer):
            return _json([])
        return _json(await asyncio.to_thread(assist.findings, self.session.state, message, self.now()))

    async def ask(self, request: web.Request) -> web.Response:
        """Have a request written into the log: 201 with its `seq`, or 409 with the reason why not."""
        page = self.door.page_of(request)
        asked = await _body(request)
        person, _ = _text(asked, "person"), _text(asked, "do")
        self._may_ask(page, person, asked)
        try:
            answer = await asyncio.to_thread(self.session.submit, person, asked)
        except RefusedError as error:
            return self._refused(str(error), person, asked)
        if answer.event is None:
            return self._refused(answer.refused or "it was refused, without a reason", person, asked)
        return _json({"seq": answer.event.seq}, status=201)

    async def stop(self, request: web.Request) -> web.Response:
        """End the rehearsal now."""
        self.door.page_of(request)
        body = await _body(request)
        person = _text(body, "person")
        reason = printable(_text(body, "reason"))[:_LONGEST_REASON].strip()
        if not 0 < len(person.strip()) <= _LONGEST_NAME or not person.isprintable():
            raise RefusedRequest(400, "No name", "person: expected the name of whoever stops it.")
        try:
            await asyncio.get_running_loop().run_in_executor(
                self.stopping, self.session.stop, person, reason or "stopped by hand"
            )
        except GamedayError as error:
            return self._refused(str(error), person, body)
        return _json({"stopped": True}, status=202)

    def _may_write(self, viewer: Viewer) -> bool:
        """Say whether there is something to write about, as far as they know: a template says since when it is."""
        incident = self.session.state.incident
        return incident is not None and knows_of(incident, viewer)

    def _viewer(self, request: web.Request) -> Viewer:
        return Viewer(self.door.page_of(request), request.query.get("person", "")[:_LONGEST_NAME])

    def _shown(self, viewer: Viewer) -> dict[str, Any]:
        state = self.session.state
        told = shown(state, viewer, self.now())
        if viewer.page == "facilitator":
            told["backstage"] = backstage(state, self.session.events_after(0))
        return told

    def _may_ask(self, page: Page, person: str, asked: Mapping[str, Any]) -> None:
        """Refuse what the participants' token cannot do, whatever name is given."""
        if asked.get("do") == "open" and str(asked.get("runbook")) not in self.library:
            raise RefusedRequest(404, "No such runbook", "The catalogue has no runbook of that name.")
        if page == "facilitator":
            return
        roles = asked.get("roles")
        wants = FACILITATOR in (roles if isinstance(roles, list) else []) or asked.get("role") == FACILITATOR
        is_theirs = self.session.state.holders.get(FACILITATOR) == person
        if asked.get("do") in _FACILITATORS or wants or is_theirs:
            raise RefusedRequest(403, "The facilitator's", "This is the facilitator's, and the token is the participants'.")

    def _refused(self, reason: str, person: str, asked: Mapping[str, Any]) -> web.Response:
        return _json({"refused": reason, **_first(self.session.state, person, asked)}, status=409)


def _first(state: State, person: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return who had done the same before, and when, where that is why a step's request was refused."""
    # To a fold nobody is whoever holds the rehearsal, and may know everything; here it is a page that gave no name.
    if not person or asked.get("do") not in _STEP_REQUESTS or state.incident is None:
        return {}
    if not state.follows(person, state.incident):
        return {}
    step = state.incident.steps.get(str(asked.get("step")))
    if step is None or not (step.outcome or step.begun_by):
        return {}
    at = step.ended_at if step.outcome else step.begun_at
    return {"first": {"person": step.by or step.begun_by, "at": at and iso(at), "outcome": step.outcome or "begun"}}


async def _body(request: web.Request) -> dict[str, Any]:
    """Return a request's JSON object; RefusedRequest if it is anything else."""
    if request.content_type != "application/json":
        raise RefusedRequest(415, "Not JSON", f"Expected application/json, but got {request.content_type}.")
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise RefusedRequest(400, "Not JSON", f"Expected a JSON object, but got: {error}") from error
    if not isinstance(body, dict):
        raise RefusedRequest(400, "Not an object", f"Expected a JSON object, but got {type(body).__name__}.")
    return body


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise RefusedRequest(400, "Not a text", f"{name}: expected a text, but got {type(value).__name__}.")
    return value


def _json(value: Any, *, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")
