"""A server between gameday and a cluster that stops at a chosen request: before it is applied, after it, or to apply it late.

Everything is passed on to the real cluster as it is. A trap is one write of a run; what the trap's owner does while the
request is held (killing whoever made it, as a rule) decides whether it then goes on. Nothing in the product knows of this.
"""

from __future__ import annotations

import base64
import http.server
import json
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
import yaml

BEFORE, AFTER, AMID, LATE = "before", "after", "amid", "late"
"""Killed before the server has the request; after it applied it and before it answered; and with a request that it applies
only then: just before the next write to the same object, or when everything else is over."""
_READS = frozenset({"GET", "HEAD"})
_RUN_ID = re.compile(r"\d{8}t\d{6}z-[a-z0-9-]+")
_SUFFIX = re.compile(r"-[a-z0-9]{5,10}-[a-z0-9]{5}\b|-[a-z0-9]{5}\b(?=$|/)")


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """One write, by what stays the same from run to run: names of runs and pods are left out of the path."""

    method: str
    path: str
    nth: int

    def __str__(self) -> str:
        return f"{self.method} {self.path} #{self.nth}"

    @property
    def is_of_ours(self) -> bool:
        """Whether it is about what gameday itself keeps in a cluster."""
        return "/namespaces/gameday-system/" in self.path


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came."""

    method: str
    path: str
    body: bytes | None
    content_type: str


@dataclass(slots=True)
class Trap:
    """Which write is stopped at and how; `sprung` is called while it is held, and says whether it may go on afterwards."""

    is_at: Callable[[Call, int], bool]
    """Given a write, and the how manieth of all it is."""
    mode: str
    sprung: Callable[[], bool]
    was_sprung: threading.Event = field(default_factory=threading.Event)


class Between:
    """What passes between gameday and the cluster."""

    def __init__(self, upstream: str, token: str, authority: str) -> None:
        """Take the real server's address, the token that it knows, and the certificate that it is known by."""
        self._upstream, self._token = upstream, token
        context = ssl.create_default_context(cadata=authority)
        self._pool = urllib3.PoolManager(maxsize=16, ssl_context=context, retries=False)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._trap: Trap | None = None
        self._held: Request | None = None
        self.calls: list[tuple[float, Call]] = []
        """The writes since the last `begin`, each with the monotonic time at which it came."""
        self.kubeconfig = Path()

    def begin(self, trap: Trap | None = None) -> None:
        """Count from one again, with this trap or none."""
        with self._lock:
            self._counts.clear()
            self.calls = []
            self._trap, self._held = trap, None

    def apply_late(self) -> int:
        """Pass on the request that was kept back; return the server's status, or 0 if there is none."""
        with self._lock:
            held, self._held = self._held, None
        return self.passed_on(held)[0] if held else 0

    def answer(self, request: Request) -> tuple[int, bytes, str] | None:
        """Return the server's answer, or None where the connection is to break instead."""
        if request.method in _READS or "/authorization.k8s.io/" in request.path:
            return self.passed_on(request)
        trap = self._trapped(request)
        if trap is None:
            if self._held is not None and self._held.path == request.path and self._amid:
                self.apply_late()
            return self.passed_on(request)
        if trap.mode == AFTER:
            answer = self.passed_on(request)
            return answer if trap.sprung() else None
        # Kept back before anybody may undo, so that the undoer's first write already finds it.
        self._held = request if trap.mode in {AMID, LATE} else None
        if trap.sprung():
            self._held = None
            return self.passed_on(request)
        return None

    @property
    def _amid(self) -> bool:
        return self._trap is not None and self._trap.mode == AMID

    def _trapped(self, request: Request) -> Trap | None:
        key = (request.method, _stable(request.path))
        with self._lock:
            self._counts[key] += 1
            call = Call(*key, self._counts[key])
            self.calls.append((time.monotonic(), call))
            trap = self._trap
            if trap is None or trap.was_sprung.is_set() or not trap.is_at(call, len(self.calls)):
                return None
            trap.was_sprung.set()
            return trap

    def passed_on(self, request: Request) -> tuple[int, bytes, str]:
        """Have the real server answer."""
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if request.content_type:
            headers["Content-Type"] = request.content_type
        answer = self._pool.request(
            request.method, self._upstream + request.path, body=request.body, headers=headers, timeout=30, preload_content=True
        )
        return answer.status, answer.data, answer.headers.get("Date", "")


def _stable(path: str) -> str:
    path = _RUN_ID.sub("RUN", path.partition("?")[0])
    return _SUFFIX.sub("-POD", path) if "/pods/" in path else path


@contextmanager
def between(kubeconfig: Path, folder: Path) -> Iterator[Between]:
    """Serve on an address of our own; the kubeconfig for it is in the folder."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    found = Between(cluster["server"], config["users"][0]["user"]["token"], authority)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def pass_on(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else None
            answer = found.answer(Request(self.command, self.path, body, self.headers.get("Content-Type") or ""))
            if answer is None:
                self.close_connection = True
                return
            status, data, date = answer
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Date", date)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815  # the base class's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing of clients that were killed in the middle of a sentence."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ours = json.loads(json.dumps(config))
    ours["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{server.server_address[1]}"}
    found.kubeconfig = folder / "kubeconfig-between"
    found.kubeconfig.write_text(yaml.safe_dump(ours))
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
