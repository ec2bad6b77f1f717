"""The client between services, against real sockets: what it repeats, and above all what it does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from gameday.staging.shop.client import Call, CallFailedError, Neighbour
from gameday.staging.shop.settings import Address

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
Behave = Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(behave: Behave) -> AsyncIterator[tuple[Address, list[bytes]]]:
    """Serve with `behave`, which gets the number of each request; yield the address and the requests read so far."""
    seen: list[bytes] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                seen.append(await reader.readuntil(b"\r\n\r\n"))
                await behave(len(seen), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield Address(host, port), seen
    finally:
        server.close()


async def answer(_number: int, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK)


async def break_first(number: int, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if number == 1:
        writer.transport.abort()
        return
    writer.write(OK)


async def say_nothing_more(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if number == 1:
        writer.write(OK)
        return
    await reader.read()


async def test_a_connection_is_used_again() -> None:
    peers: set[object] = set()

    async def note(_number: int, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.add(writer.get_extra_info("peername"))
        writer.write(OK)

    async with serving(note) as (address, _):
        neighbour = Neighbour("n", address)
        for _ in range(3):
            assert (await neighbour.call(Call("GET", "/"))).status == 200
        neighbour.close()
    assert len(peers) == 1


async def test_a_call_that_may_have_been_seen_is_not_sent_again() -> None:
    async with serving(break_first) as (address, seen):
        with pytest.raises(CallFailedError) as failure:
            await Neighbour("n", address).call(Call("POST", "/"))
    assert failure.value.sent
    assert len(seen) == 1


async def test_a_repeatable_call_is_sent_again_when_its_connection_broke() -> None:
    async with serving(break_first) as (address, seen):
        neighbour = Neighbour("n", address)
        assert (await neighbour.call(Call("POST", "/", repeatable=True))).status == 200
        neighbour.close()
    assert len(seen) == 2


async def test_without_retries_not_even_a_repeatable_call_is_sent_again() -> None:
    async with serving(break_first) as (address, seen):
        with pytest.raises(CallFailedError):
            await Neighbour("n", address, retries=0).call(Call("POST", "/", repeatable=True))
    assert len(seen) == 1


async def test_a_time_out_is_never_repeated() -> None:
    async with serving(say_nothing_more) as (address, seen):
        neighbour = Neighbour("n", address)
        await neighbour.call(Call("GET", "/"))  # from here on there is a connection: the time is that of the answer alone
        with pytest.raises(CallFailedError, match=r"no answer within 0\.1 s"):
            await neighbour.call(Call("POST", "/", timeout_seconds=0.1, repeatable=True))
        assert len(seen) == 2


async def test_nobody_there_is_known_not_to_have_been_sent() -> None:
    async with serving(answer) as (address, _):
        pass
    with pytest.raises(CallFailedError, match="no connection") as failure:
        await Neighbour("n", address).call(Call("POST", "/"))
    assert not failure.value.sent


async def test_an_answer_that_is_not_http_is_a_failure() -> None:
    async def babble(_number: int, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp ready\r\n\r\n")

    async with serving(babble) as (address, _):
        with pytest.raises(CallFailedError, match="not HTTP"):
            await Neighbour("n", address).call(Call("GET", "/"))
