"""The status page, and what the phone and the chat say: the one place where people hear how the shop is.

It stands apart from the shop and asks nothing of it, because it has to work when the shop does not. It is told (see
`incident_source`); it does not find out. What a channel says is `announcing`'s.
"""

from __future__ import annotations

from html import escape
from typing import Any

from gameday.staging.shop.announcing import EACH_OWN, ONE_SOURCE, Board
from gameday.staging.shop.apology import CONTACT, Sorry
from gameday.staging.shop.incident_source import follow, source_of
from gameday.staging.shop.server import Request, Response, answer
from gameday.staging.shop.service import Service, routed
from gameday.staging.shop.settings import Environment

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Status of the shop: {state}</title>
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="30"></head>
<body><h1>Status of the shop: {state}</h1><p>{text}</p><p>Questions: {contact}</p></body></html>
"""


def build(environment: Environment) -> Service:
    """Return the status service."""
    each_own = environment.choice("CHANNELS", "one-source", "each-own") == "each-own"
    read = source_of(environment)
    environment.check()
    board = Board(EACH_OWN if each_own else ONE_SOURCE)

    async def page(_: Request) -> Response:
        shown = _channel(board, "page")
        html = PAGE.format(state=escape(shown["state"]), text=escape(shown["text"]), contact=escape(CONTACT))
        return Response(200, html.encode(), "text/html; charset=utf-8")

    async def channels(_: Request) -> Response:
        return answer(200, {"channels": board.channels(), "messages": board.messages()})

    async def channel(request: Request) -> Response:
        return answer(200, _channel(board, request.parameters["name"]))

    table = {"GET /": page, "GET /channels": channels, "GET /channels/{name}": channel}
    return Service(routed(table), lambda: follow(read, board.take))


def _channel(board: Board, name: str) -> dict[str, Any]:
    for shown in board.channels():
        if shown["name"] == name:
            return shown
    raise Sorry(404, "no_such_channel", "There is no such channel.", reason=name)
