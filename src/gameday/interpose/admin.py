"""The small port for whoever runs the proxy: /counts, /readyz and /livez as JSON over HTTP, in the same event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from gameday.interpose.pair import Address

Answers = Mapping[str, Callable[[], tuple[bool, Mapping[str, Any]]]]
"""For each path: whether all is well (200, otherwise 503), and what there is to know."""
_PATIENCE_SECONDS: Final = 5.0


async def serve_admin(address: Address, answers: Answers) -> asyncio.Server:
    """Answer these paths, one request a connection, until the server is closed; OSError if the address is not to be had."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_answer(head, answers))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(serve, *address)


def _answer(head: bytes, answers: Answers) -> bytes:
    words = head.split(b" ", 2)
    path = words[1].partition(b"?")[0].decode("latin-1") if len(words) > 1 else ""
    asked = answers.get(path)
    if words[0] != b"GET":
        status, facts = HTTPStatus.METHOD_NOT_ALLOWED, {"expected": "GET", "found": words[0].decode("latin-1")}
    elif asked is None:
        status, facts = HTTPStatus.NOT_FOUND, {"expected": ", ".join(answers), "found": path}
    else:
        is_well, told = asked()
        status, facts = HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE, dict(told)
    body = json.dumps(facts).encode() + b"\n"
    first = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
    return f"{first}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
