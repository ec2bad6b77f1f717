"""Where a kubelet asks how a program of ours is: /livez and /readyz over HTTP, in a thread, with the standard library."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Vitals = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Says whether all is well, and what else there is to know."""


def serve_vitals(host: str, port: int, answers: Mapping[str, Vitals]) -> ThreadingHTTPServer:
    """Answer these paths until `shutdown` and `server_close`; 200 where all is well, otherwise 503, with the facts as JSON."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            vitals = answers.get(self.path.partition("?")[0])
            if vitals is None:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            is_well, facts = vitals()
            body = json.dumps(facts).encode() + b"\n"
            self.send_response(HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            """Stay silent: a kubelet asks every few seconds."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

    server = Server((host, port), Handler)
    threading.Thread(target=server.serve_forever, name="vitals", daemon=True).start()
    return server
