"""A reader who is slow delays nobody and loses nothing; one who is gone is noticed."""

from __future__ import annotations

import asyncio
import json
import os

from gameday.traffic.outlet import Outlet


async def test_a_full_pipe_holds_nobody_up_and_every_line_arrives_whole() -> None:
    reading, writing = os.pipe()
    outlet = Outlet(writing)
    for number in range(3000):
        outlet.say({"number": number, "filling": "x" * 100})
    received = bytearray()
    draining = asyncio.create_task(outlet.drain())
    await asyncio.sleep(0)
    assert not draining.done(), "this is more than a pipe holds"
    os.set_blocking(reading, False)
    while not draining.done():
        await asyncio.sleep(0)
        try:
            received += os.read(reading, 65536)
        except BlockingIOError:
            continue
    os.close(writing)
    while more := os.read(reading, 65536):
        received += more
    os.close(reading)
    assert [json.loads(line)["number"] for line in received.splitlines()] == list(range(3000))


async def test_a_reader_who_is_gone_is_reported_once() -> None:
    reading, writing = os.pipe()
    outlet = Outlet(writing)
    gone: list[bool] = []
    outlet.when_gone = lambda: gone.append(True)
    os.close(reading)
    for _ in range(3):
        outlet.say({})
    await outlet.drain()
    os.close(writing)
    assert gone == [True]
