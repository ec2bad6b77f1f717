"""Both ends of a line between two of our processes: messages, answers, heartbeats, and noticing that the other is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gameday.run import channel, line
from gameday.run.channel import Peer, encode
from gameday.run.line import Line

BEAT = b'{"beat": true}\n'
LONG = 60.0
"""Seconds within which whatever happens at all has happened, also on a machine that stands still in between."""


class Lost:
    """Notes that, and why, the other end was lost."""

    def __init__(self) -> None:
        self.why: list[str] = []
        self.happened = threading.Event()

    def __call__(self, why: str) -> None:
        self.why.append(why)
        self.happened.set()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


async def test_a_question_is_answered_and_a_word_is_heard_in_order(pair: tuple[socket.socket, socket.socket]) -> None:
    heard: list[Any] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def handle(message: dict[str, Any]) -> dict[str, Any] | None:
        heard.append(message)
        if message.get("ask") == "slow":
            begun.set()
            await go_on.wait()
        return {"answer": message.get("ask")}

    lost = Lost()
    served = Line(pair[0], handle=handle, lost=lost)
    served.start()
    peer = Peer(pair[1], lost=lost)
    for number in range(50):
        # In a thread, as in a process of its own: more than the socket holds has to be read meanwhile.
        await asyncio.to_thread(peer.tell, {"number": number, "text": "ä" * 2000})
    slow = asyncio.create_task(asyncio.to_thread(peer.ask, {"ask": "slow"}))
    await begun.wait()
    quick = await asyncio.to_thread(peer.ask, {"ask": "quick"})
    assert quick["answer"] == "quick"
    assert not slow.done()
    go_on.set()
    assert (await slow)["answer"] == "slow"
    assert [message["number"] for message in heard if "number" in message] == list(range(50))
    peer.close()
    served.close()
    assert lost.why == []


async def test_questions_of_many_threads_each_get_their_own_answer(pair: tuple[socket.socket, socket.socket]) -> None:
    async def handle(message: dict[str, Any]) -> dict[str, Any] | None:
        await asyncio.sleep(message["ask"] % 3 / 100)
        return {"answer": message["ask"]}

    served = Line(pair[0], handle=handle, lost=Lost())
    served.start()
    peer = Peer(pair[1], lost=Lost())
    answers = await asyncio.gather(*(asyncio.to_thread(peer.ask, {"ask": number}) for number in range(20)))
    assert [answer["answer"] for answer in answers] == list(range(20))
    peer.close()
    served.close()


def test_a_peer_that_hangs_up_is_lost_once_and_open_and_later_questions_fail(pair: tuple[socket.socket, socket.socket]) -> None:
    lost = Lost()
    peer = Peer(pair[1], lost=lost)
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            peer.ask({"ask": "anything"})
        except ConnectionError as error:
            failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert b"anything" in _until(pair[0], b"anything")
    pair[0].close()
    asking.join(LONG)
    assert lost.happened.wait(LONG)
    assert len(failed) == 1
    with pytest.raises(ConnectionError, match="the guardian is gone"):
        peer.ask({"ask": "more"})
    peer.tell({"a": "word that nobody hears"})
    assert lost.why == ["is gone"]


def _until(connection: socket.socket, word: bytes) -> bytes:
    data = b""
    while word not in data:
        data += connection.recv(4096)
    return data


def test_a_peer_that_falls_silent_is_lost_though_its_end_is_open(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(channel, "SILENCE_SECONDS", 0.3)
    lost = Lost()
    peer = Peer(pair[1], lost=lost)
    pair[0].sendall(BEAT)
    assert lost.happened.wait(LONG)
    assert lost.why == ["was silent for 0.3 s"]
    peer.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (channel, line):
        monkeypatch.setattr(module, "BEAT_SECONDS", 0.02)
        monkeypatch.setattr(module, "SILENCE_SECONDS", 0.5)
        monkeypatch.setattr(module, "STARTING_SECONDS", 1.0)


@pytest.mark.usefixtures("impatient")
def test_a_guardian_that_has_not_said_a_word_yet_is_given_the_time_to_start(pair: tuple[socket.socket, socket.socket]) -> None:
    lost = Lost()
    peer = Peer(pair[1], lost=lost)
    assert lost.happened.wait(LONG)
    assert lost.why == ["was silent for 1 s"]
    peer.close()


@pytest.mark.usefixtures("impatient")
async def test_a_worker_that_has_not_said_a_word_yet_is_given_the_time_to_start(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    lost = Lost()
    served = Line(pair[0], handle=_nothing, lost=lost)
    served.start()
    await asyncio.to_thread(lost.happened.wait, LONG)
    assert lost.why == ["was silent for 1 s"]
    served.close()


def test_closing_a_line_on_purpose_is_no_loss(pair: tuple[socket.socket, socket.socket]) -> None:
    lost = Lost()
    peer = Peer(pair[1], lost=lost)
    peer.close()
    pair[0].close()
    assert not lost.happened.wait(0.1)


async def test_the_guardians_end_notices_who_hangs_up(pair: tuple[socket.socket, socket.socket]) -> None:
    lost = Lost()
    served = Line(pair[0], handle=_nothing, lost=lost)
    served.start()
    pair[1].close()
    await asyncio.to_thread(lost.happened.wait, LONG)
    assert lost.why == ["hung up"]
    served.close()


async def test_the_guardians_end_notices_who_falls_silent_and_beats_itself(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(line, "SILENCE_SECONDS", 0.3)
    lost = Lost()
    served = Line(pair[0], handle=_nothing, lost=lost)
    served.start()
    pair[1].sendall(BEAT)
    await asyncio.to_thread(lost.happened.wait, LONG)
    assert lost.why == ["was silent for 0.3 s"]
    served.close()
    beats = pair[1].recv(1 << 16).splitlines()
    assert {json.dumps(json.loads(beat)) for beat in beats} == {'{"beat": true}'}


async def test_an_end_that_was_stopped_itself_takes_nobodys_silence_for_death(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(line, "SILENCE_SECONDS", 0.4)
    lost, heard = Lost(), asyncio.Event()

    async def hear(_: dict[str, Any]) -> None:
        heard.set()

    served = Line(pair[0], handle=hear, lost=lost)
    served.start()
    pair[1].sendall(encode({"a": "word"}))
    await heard.wait()
    threading.Event().wait(0.6)  # the whole loop stands still, as a stopped process does
    with contextlib.suppress(BlockingIOError):
        while pair[1].recv(1 << 16, socket.MSG_DONTWAIT):
            pass
    # It beats again only after it has looked at the clock.
    pair[1].settimeout(LONG)
    assert await asyncio.to_thread(pair[1].recv, 1 << 16)
    assert lost.why == []
    served.close()


def test_a_peer_that_was_stopped_itself_takes_nobodys_silence_for_death(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a process that stands still between any two looks at the clock.
    monkeypatch.setattr(channel, "BEAT_SECONDS", 0.3)
    monkeypatch.setattr(channel, "SILENCE_SECONDS", 0.2)
    lost = Lost()
    pair[0].sendall(BEAT)
    peer = Peer(pair[1], lost=lost)
    pair[0].settimeout(LONG)
    assert _until(pair[0], encode({"beat": True}) * 3)
    assert lost.why == []
    peer.close()


async def _nothing(_: dict[str, Any]) -> dict[str, Any] | None:
    return None


def test_whoever_waits_for_an_answer_goes_on_only_after_the_loss_was_told(pair: tuple[socket.socket, socket.socket]) -> None:
    order: list[str] = []
    told, waiting = threading.Event(), threading.Event()

    def lost(_: str) -> None:
        told.set()
        asked.join(0.3)
        order.append("lost")

    def ask() -> None:
        waiting.set()
        with pytest.raises(ConnectionError):
            peer.ask({"ask": "anything"})
        order.append("went on")

    peer = Peer(pair[1], lost=lost)
    asked = threading.Thread(target=ask)
    asked.start()
    assert waiting.wait(LONG)
    seen = b""
    while b"anything" not in seen:
        seen += pair[0].recv(1 << 16)
    pair[0].shutdown(socket.SHUT_RDWR)
    assert told.wait(LONG)
    asked.join(LONG)
    assert order == ["lost", "went on"]
