"""A real server of the standard library, whose answers are the same every time: what is compared directly and through a proxy."""

from __future__ import annotations

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any

Address = tuple[str, int]


def content(size: int) -> bytes:
    """Return so many bytes that look like nothing."""
    return Random(size).randbytes(size)  # noqa: S311 - no secret


def kept_port() -> socket.socket:
    """Return a socket that keeps a port on which nobody listens: a server may be bound to it beside, and nobody else draws it."""
    keeping = socket.socket()
    keeping.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeping.bind(("127.0.0.1", 0))
    return keeping


class Upstream(ThreadingHTTPServer):
    """Notes what it was asked, and answers by the path: see `Handler`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self) -> None:
        self._port = kept_port()
        super().__init__(self._port.getsockname(), Handler)
        self.seen: list[tuple[str, str, bytes]] = []
        """Method, path and body of every request, in order."""
        self.gate = threading.Event()
        self.has_begun = threading.Event()

    @property
    def address(self) -> Address:
        return "127.0.0.1", self.server_address[1]

    def give_back(self) -> None:
        """Let others have the port, too; as long as they may not, it refuses connections once the server is closed."""
        self._port.close()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection once its client has: unread bytes have it reset, and lose the answers that are on their way."""
        with contextlib.suppress(OSError):
            request.settimeout(20)
            request.shutdown(socket.SHUT_WR)
            while request.recv(65536):
                pass
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: connections are broken here on purpose."""


class Handler(BaseHTTPRequestHandler):
    """`/echo`, `/sized/N`, `/chunked/N`, `/until-close/N`, `/nothing` (204), `/same` (304), `/gated`, `/switch`."""

    protocol_version = "HTTP/1.1"
    server: Upstream

    def date_time_string(self, timestamp: float | None = None) -> str:
        return "Thu, 01 Jan 1970 00:00:00 GMT" if timestamp is None else ""

    def log_message(self, *arguments: Any) -> None:
        """Stay silent."""

    def answer(self) -> None:
        body = self.body()
        self.server.seen.append((self.command, self.path, body))
        words = self.path.partition("?")[0].strip("/").split("/")
        size = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        match words[0]:
            case "echo":
                self.sized(body)
            case "sized":
                self.sized(content(size))
            case "chunked":
                self.chunked(content(size))
            case "until-close":
                self.close_connection = True
                self.head(200)
                self.wfile.write(content(size))
            case "nothing":
                self.head(204)
            case "same":
                self.head(304, ("Content-Length", "1000"))
            case "gated":
                self.gated()
            case "switch":
                self.switch()
            case _:
                self.sized(b"nothing here", status=404)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - http.server's names

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def head(self, status: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def sized(self, body: bytes, status: int = 200) -> None:
        self.head(status, ("Content-Length", str(len(body))))
        if self.command != "HEAD":
            self.wfile.write(body)

    def chunked(self, body: bytes) -> None:
        self.head(200, ("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum"))
        position, size = 0, 1
        while position < len(body) and self.command != "HEAD":
            part = body[position : position + size]
            self.wfile.write(b"%x;n=%d\r\n%b\r\n" % (len(part), size, part))
            position, size = position + size, size * 3
        if self.command != "HEAD":
            self.wfile.write(b"0\r\nX-Sum: 1\r\n\r\n")

    def gated(self) -> None:
        """Send a part, and the rest when the gate is opened."""
        self.head(200, ("Transfer-Encoding", "chunked"))
        self.wfile.write(b"5\r\nfirst\r\n")
        self.server.has_begun.set()
        self.server.gate.wait(20)
        self.wfile.write(b"6\r\nsecond\r\n0\r\n\r\n")

    def switch(self) -> None:
        """Speak something else from now on: every byte comes back with its case swapped."""
        self.close_connection = True
        self.head(101, ("Upgrade", "swap"), ("Connection", "Upgrade"))
        while data := self.connection.recv(65536):
            self.connection.sendall(data.swapcase())


class Raw:
    """A server of bytes: `behave` gets each connection, in a thread of its own."""

    def __init__(self, behave: Any) -> None:
        self._behave = behave
        self._port = kept_port()
        self.address: Address = ("127.0.0.1", self._port.getsockname()[1])
        self._listening = socket.create_server(self.address)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._behave(connection)
            except OSError:
                return

    def refuse(self) -> None:
        """Refuse connections from now on."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def close(self) -> None:
        self.refuse()
        self._port.close()
