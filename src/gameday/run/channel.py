"""The line between two of our processes: JSON messages over a socket pair, and heartbeats that show a frozen peer.

A process that dies closes its end; one that is stopped does not, so each side also beats. `Peer` is the blocking side
(worker, command); the guardian's side is asyncio and lives in `guardian`. Messages are dicts; `{"beat": true}` is ours.
"""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

BEAT_SECONDS = 0.25
SILENCE_SECONDS = 5.0
"""How long a peer may be silent before it counts as dead; twenty beats, so that a busy machine is not taken for one."""
STARTING_SECONDS = 30.0
"""The same for one that has not said a word yet: it imports, which takes long on a busy machine, and has changed nothing."""


def encode(message: dict[str, Any]) -> bytes:
    """Return the message as one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class Peer:
    """The worker's or command's end: sends from any thread, reads in a thread of its own, calls `lost` when the peer is."""

    def __init__(self, connection: socket.socket, *, lost: Callable[[str], None]) -> None:
        """Take a connected socket; `lost(why)` is called once, from the reading thread."""
        self._connection = connection
        self._lost = lost
        self._sending = threading.Lock()
        self._answers: dict[int, queue.SimpleQueue[dict[str, Any]]] = {}
        self._next_id = 0
        self._closed = threading.Event()
        self._last_heard = time.monotonic()
        self._has_spoken = False
        threading.Thread(target=self._read, name="channel-read", daemon=True).start()
        threading.Thread(target=self._beat, name="channel-beat", daemon=True).start()

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message that needs no answer; a lost peer is reported through `lost`, not here."""
        try:
            with self._sending:
                self._connection.sendall(encode(message))
        except OSError:
            return

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message and wait for its answer; ConnectionError if the peer is lost first."""
        answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        with self._sending:
            self._next_id += 1
            number = self._next_id
            self._answers[number] = answers
        if self._closed.is_set():
            raise ConnectionError("the guardian is gone")
        self.tell({**message, "id": number})
        answer = answers.get()
        if answer.get("lost"):
            raise ConnectionError("the guardian is gone")
        return answer

    def close(self) -> None:
        """Hang up without calling `lost`."""
        self._closed.set()
        self._connection.close()

    def _beat(self) -> None:
        before = time.monotonic()
        while not self._closed.wait(BEAT_SECONDS):
            # If we ourselves were stopped or starved for that long, the peer's silence proves nothing yet.
            if time.monotonic() - before > SILENCE_SECONDS / 2:
                self._last_heard = time.monotonic()
            before = time.monotonic()
            self.tell({"beat": True})
            limit = SILENCE_SECONDS if self._has_spoken else STARTING_SECONDS
            if time.monotonic() - self._last_heard > limit:
                self._give_up(f"was silent for {limit:g} s")

    def _read(self) -> None:
        buffer = b""
        while not self._closed.is_set():
            try:
                data = self._connection.recv(1 << 16)
            except OSError:
                data = b""
            if not data:
                self._give_up("is gone")
                return
            self._last_heard, self._has_spoken = time.monotonic(), True
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                self._deliver(json.loads(line))

    def _deliver(self, message: dict[str, Any]) -> None:
        answers = self._answers.pop(message.get("id", 0), None)
        if answers is not None:
            answers.put(message)

    def _give_up(self, why: str) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        try:
            # Before whoever waits for an answer goes on, since this may be to keep it from that.
            self._lost(why)
        finally:
            for answers in list(self._answers.values()):
                answers.put({"lost": True})
