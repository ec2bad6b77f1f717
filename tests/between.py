"""A server between a client and a cluster. It passes everything on as it is, unless whoever stands in it does otherwise.

An interceptor takes a request, and answers it (perhaps by passing on another) or, with None, leaves it to the next one. Traps
(`tests/crash`), lies (`tests/e2e`), the recorder and the planted wrong answers (`tests/conformance`) are such. It speaks TLS, so
that clients which keep their token to themselves over plain HTTP use it too. Nothing in the product knows of this.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import trustme
import urllib3
import yaml
from kubernetes import client
from kubernetes.config import kube_config

_KEPT_BACK: Final = {"host", "connection", "content-length", "accept-encoding", "upgrade", "transfer-encoding", "keep-alive"}
"""Headers that are about one connection, or that would have bodies compressed; each side has its own."""
_STREAMS: Final = re.compile(r"[?&](watch|follow)=(1|true|True)")


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    method: str
    path: str
    body: bytes | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] | None = None
    """The others of the client's; None for a request of a test's own, which goes with the kubeconfig's credentials."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Reply:
    """An answer; the status 0 hangs up without one."""

    status: int
    data: bytes = b""
    date: str = ""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    chunks: Iterator[bytes] | None = field(default=None, compare=False)
    """What comes one after another and has no end, in place of the data: a watch, a log that is followed."""


PassOn = Callable[[Request], Reply]
Interceptor = Callable[[Request, PassOn], Reply | None]


@contextmanager
def between(kubeconfig: Path, folder: Path, *interceptors: Interceptor) -> Iterator[Path]:
    """Serve on an address of our own; yield the kubeconfig for it, which is in the folder."""
    pass_on = _Upstream(kubeconfig)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else None
            others = {name: value for name, value in self.headers.items() if name.lower() not in _KEPT_BACK | {"content-type"}}
            request = Request(self.command, self.path, body, self.headers.get("Content-Type") or "", others)
            found = (reply for each in interceptors if (reply := each(request, pass_on)) is not None)
            self._send(next(found, None) or pass_on(request))

        def _send(self, reply: Reply) -> None:
            if not reply.status:
                self.close_connection = True
                return
            self.send_response_only(reply.status)
            self.send_header("Content-Type", reply.content_type)
            if reply.date:
                self.send_header("Date", reply.date)
            for name, value in reply.headers:
                self.send_header(name, value)
            if reply.chunks is not None:
                self._stream(reply.chunks)
                return
            self.send_header("Content-Length", str(len(reply.data)))
            self.end_headers()
            self.wfile.write(reply.data)

        def _stream(self, chunks: Iterator[bytes]) -> None:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.flush()
            for chunk in chunks:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815  # the base class's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
            pass

    with _serving(Handler) as (address, authority):
        ours = yaml.safe_load(kubeconfig.read_text())
        ours["clusters"][0]["cluster"] = {"server": address, "certificate-authority-data": authority}
        path = folder / "kubeconfig-between"
        path.write_text(yaml.safe_dump(ours))
        yield path


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that did not wait for their answer, or were killed in the middle of a sentence."""


@contextmanager
def _serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[tuple[str, str]]:
    """Serve over TLS; yield the address, and the authority as a kubeconfig has it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = _Server(("127.0.0.1", 0), handler)
    # The handshake is made by the connection's own thread, when it first reads.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}", base64.b64encode(authority.cert_pem.bytes()).decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Upstream:
    """The real server, as the kubeconfig reaches it."""

    def __init__(self, kubeconfig: Path) -> None:
        settings = client.Configuration()
        kube_config.load_kube_config(config_file=str(kubeconfig), client_configuration=settings)
        context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        self._settings = settings
        self._pool = urllib3.PoolManager(maxsize=32, ssl_context=context, retries=False)

    def __call__(self, request: Request) -> Reply:
        """Have the real server answer."""
        # Asked for anew each time: a token may have ended meanwhile.
        credentials = {auth["key"]: auth["value"] for auth in self._settings.auth_settings().values()}
        own = {"Accept": "application/json", **credentials}
        headers = dict(own if request.headers is None else request.headers)
        if request.content_type:
            headers["Content-Type"] = request.content_type
        streams = request.method == "GET" and _STREAMS.search(request.path) is not None
        answer = self._pool.request(
            request.method,
            self._settings.host + request.path,
            body=request.body,
            headers=headers,
            timeout=urllib3.Timeout(connect=10, read=None if streams else 60),
            preload_content=not streams,
        )
        others = [item for item in answer.headers.items() if item[0].lower() not in _KEPT_BACK | {"content-type", "date"}]
        return Reply(
            answer.status,
            b"" if streams else answer.data,
            answer.headers.get("Date", ""),
            answer.headers.get("Content-Type", ""),
            tuple(others),
            _chunks(answer) if streams else None,
        )


def _chunks(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    with contextlib.closing(answer):
        yield from answer.stream()
