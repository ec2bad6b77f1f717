"""Clients of bytes: what is sent is exactly this, and what comes back is kept exactly as it came."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.interpose.upstream import Address

PATIENCE_SECONDS = 20.0


def request(path: str, *headers: str, method: str = "GET", body: bytes | None = None) -> bytes:
    """Return a request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: shop", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


@dataclass
class Client:
    """One connection."""

    socket: socket.socket

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, size: int) -> bytes:
        """Read exactly so many bytes, or what comes until the end."""
        found = b""
        while len(found) < size and (data := self.socket.recv(size - len(found))):
            found += data
        return found

    def read_until(self, mark: bytes) -> bytes:
        """Read up to and with a mark, or until the end."""
        found = b""
        while not found.endswith(mark) and (data := self.socket.recv(1)):
            found += data
        return found

    def read_all(self) -> bytes:
        """Read until the end; ConnectionResetError if it is a reset."""
        parts = []
        while data := self.socket.recv(1 << 20):
            parts.append(data)
        return b"".join(parts)

    def answer(self) -> tuple[int, bytes]:
        """Read an answer with a length; return its status and body."""
        head = self.read_until(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        return int(head.split()[1]), self.read(int(lengths[0])) if lengths else b""

    def ask(self, path: str, *headers: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
        """Send a request and read its answer."""
        self.send(request(path, *headers, method=method, body=body))
        return self.answer()

    @property
    def is_silent(self) -> bool:
        """Whether nothing has come, neither bytes nor an end."""
        self.socket.setblocking(False)
        try:
            return not self.socket.recv(1, socket.MSG_PEEK) and False
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(PATIENCE_SECONDS)


@contextlib.contextmanager
def client_of(address: Address) -> Iterator[Client]:
    """Connect."""
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Client(connection)


def once(address: Address, path: str, *headers: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    """Ask one thing on a connection of its own."""
    with client_of(address) as client:
        return client.ask(path, *headers, method=method, body=body)


def exchanged(address: Address, parts: Iterable[bytes]) -> bytes:
    """Send these, one after the other, and no more; return everything that comes back, up to an end of any kind."""
    found = b""
    with client_of(address) as client:
        # A connection that was reset before it is half closed is not connected any more, which is no ConnectionError.
        with contextlib.suppress(OSError):
            for part in parts:
                client.send(part)
            client.socket.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while data := client.socket.recv(1 << 20):
                found += data
    return found
