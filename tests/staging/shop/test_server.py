"""The pods' HTTP server, spoken to in bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gameday.staging.shop.apology import Sorry
from gameday.staging.shop.routing import polite, route
from gameday.staging.shop.server import LARGEST_BODY_BYTES, Handler, Request, Response, Server, answer


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[tuple[Server, asyncio.StreamReader, asyncio.StreamWriter]]:
    server = Server(handler)
    await server.listen("127.0.0.1", 0)
    assert server._listener is not None
    port = server._listener.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield server, reader, writer
    finally:
        writer.close()
        await server.stop(0.1)


async def echo(request: Request) -> Response:
    return answer(200, {"path": request.raw_path, "body": request.body.decode()})


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    return head, await reader.readexactly(length)


async def test_requests_on_one_connection_are_answered_in_turn() -> None:
    async def slow_first(request: Request) -> Response:
        await asyncio.sleep(0.05 if request.raw_path == "/1" else 0)
        return await echo(request)

    async with serving(slow_first) as (_, reader, writer):
        writer.write(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
        assert b'"/1"' in (await read_answer(reader))[1]
        assert b'"/2"' in (await read_answer(reader))[1]


async def test_a_body_may_come_in_pieces_and_after_a_continue() -> None:
    async with serving(echo) as (_, reader, writer):
        writer.write(b"POST /x HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ab")
        await writer.drain()
        writer.write(b"cd")
        assert b'"abcd"' in (await read_answer(reader))[1]


async def test_what_is_not_http_is_answered_and_the_connection_closed() -> None:
    async with serving(echo) as (_, reader, writer):
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")


async def test_a_body_that_is_too_large_is_refused_before_it_is_all_here() -> None:
    async with serving(echo) as (_, reader, writer):
        writer.write(b"POST /x HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (LARGEST_BODY_BYTES * 2))
        writer.write(b"x" * (LARGEST_BODY_BYTES + 65536))
        assert b"413" in await reader.readuntil(b"\r\n")


async def test_a_handler_that_fails_says_nothing_of_its_insides() -> None:
    async def fail(_: Request) -> Response:
        raise RuntimeError("the secret place")

    async with serving(polite(fail)) as (_, reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        head, body = await read_answer(reader)
        assert b" 500 " in head
        assert b"contact" in body
        assert b"secret" not in body


async def test_stopping_waits_for_what_is_open_and_closes_what_is_idle() -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def wait(request: Request) -> Response:
        begun.set()
        await release.wait()
        return await echo(request)

    async with serving(wait) as (server, reader, writer):
        writer.write(b"GET /open HTTP/1.1\r\n\r\n")
        await begun.wait()
        stopping = asyncio.create_task(server.stop(30))
        await asyncio.sleep(0.02)
        assert not stopping.done()
        release.set()
        head, _ = await read_answer(reader)
        assert b"connection: close" in head
        assert await stopping


async def test_stopping_does_not_wait_for_ever() -> None:
    begun = asyncio.Event()

    async def never(_: Request) -> Response:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(never) as (server, reader, writer):
        writer.write(b"GET /open HTTP/1.1\r\n\r\n")
        await begun.wait()
        assert not await server.stop(0.05)
        assert await reader.read() == b""


async def test_a_literal_path_is_picked_before_a_named_one_and_anything_else_is_404() -> None:
    async def named(request: Request) -> Response:
        return answer(200, request.parameters)

    async def literal(_: Request) -> Response:
        return answer(200, "literal")

    handler = polite(route({"GET /orders/{reference}": named, "GET /orders/counts": literal}))

    async def get(path: str) -> Response:
        return await handler(Request("GET", path, "", {}, b""))

    assert (await get("/orders/counts")).body == b'"literal"'
    assert (await get("/orders/a%20b")).body == b'{"reference":"a b"}'
    assert (await get("/orders/")).status == 404


async def test_sorry_keeps_its_reason_to_itself() -> None:
    async def refuse(_: Request) -> Response:
        raise Sorry(409, "taken", "It is gone.", reason="row 7")

    reply = await polite(refuse)(Request("GET", "/", "", {}, b""))
    assert reply.status == 409
    assert b"row 7" not in reply.body
