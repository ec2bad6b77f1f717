"""The pages' files: two of HTML, one stylesheet, a few modules of JavaScript; nothing is fetched from anywhere else.

A page is sent without anything of the rehearsal in it; its script fills it in from the stream. Errors are pages as well, for
people, and JSON for scripts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson
from aiohttp import web
from jinja2 import Environment, StrictUndefined

from gameday.rehearsal.impact import GUIDE
from gameday.rehearsal.requests import INJECTS, SEVERITIES
from gameday.runbook.roles import FACILITATOR, ROLES
from gameday.web.access import HEADERS, Door, RefusedRequest
from gameday.web.answers import AUDIENCES

_FOLDER: Final = files("gameday.web")
_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_CHANNELS: Final = ("status page", "mail", "chat", "phone announcement", "social media", "incident channel")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def routes(door: Door) -> list[web.RouteDef]:
    """Return where pages and their files are."""

    async def first(request: web.Request) -> web.Response:
        return _page(door.page_of(request))

    async def commander(request: web.Request) -> web.Response:
        return _page(door.page_of(request, "commander"))

    async def facilitator(request: web.Request) -> web.Response:
        return _page(door.page_of(request, "facilitator"))

    return [
        web.get("/", first),
        web.get("/commander", commander),
        web.get("/facilitator", facilitator),
        web.get("/static/{name}", _static),
    ]


def guarded(door: Door) -> Any:
    """Return the middleware that lets nobody past the door, and tells those it refuses why."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            door.check_caller(request)
            return await handler(request)
        except RefusedRequest as refused:
            return _refusal(request, refused)
        except web.HTTPException as error:
            return _refusal(request, RefusedRequest(error.status, error.reason, _WORDS.get(error.status, error.reason)))

    return guard


async def with_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Put on every answer what keeps a browser from doing anything else with it."""
    response.headers.update(HEADERS)
    response.headers.pop("Server", None)


_WORDS: Final[Mapping[int, str]] = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The request is larger than 64 KiB; shorten the text.",
}


def _page(page: str) -> web.Response:
    return _html(
        "rehearsal",
        page=page,
        roles=[role for role in ROLES if role != FACILITATOR],
        severities={severity: GUIDE[severity] for severity in SEVERITIES},
        inject_kinds=INJECTS,
        audiences=AUDIENCES,
        channels=_CHANNELS,
    )


def _refusal(request: web.Request, refused: RefusedRequest) -> web.Response:
    if request.path.startswith("/api/"):
        body = orjson.dumps({"refused": refused.text})
        return web.Response(body=body, status=refused.status, content_type="application/json")
    # Only somebody at the right address may still come in from here, with the token behind the address's #.
    return _html("refused", refused.status, title=refused.title, text=refused.text, may_enter=refused.may_enter)


def _html(template: str, status: int = 200, **values: Any) -> web.Response:
    text = _environment().from_string(_text(f"{template}.html.j2")).render(values)
    return web.Response(text=text, status=status, content_type="text/html")


async def _static(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in _names():
        raise web.HTTPNotFound
    return web.Response(
        body=(_FOLDER / "static" / name).read_bytes(), content_type=_TYPES[name.rpartition(".")[2]], charset="utf-8"
    )


@cache
def _names() -> frozenset[str]:
    return frozenset(file.name for file in (_FOLDER / "static").iterdir() if file.name.rpartition(".")[2] in _TYPES)


@cache
def _environment() -> Environment:
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@cache
def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
