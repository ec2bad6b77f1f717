"""A server between the command and the embedded cluster that keeps some writes to itself, and answers what it likes."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

Answers = Callable[[str, str], int | None]
"""The status with which a request (method, path) is answered without being passed on; 200 is a lie. None passes it on."""


@contextmanager
def lying_cluster(kubeconfig: Path, folder: Path, answers: Answers) -> Iterator[Path]:
    """Yield the kubeconfig of a server that passes everything on to the real one, except what it answers by itself."""
    config = yaml.safe_load(kubeconfig.read_text())
    upstream = config["clusters"][0]["cluster"]["server"]
    token = config["users"][0]["user"]["token"]
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def passed_on(method: str, path: str, body: bytes | None, content_type: str) -> tuple[int, bytes, str]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type, "Accept": "application/json"}
        request = urllib.request.Request(upstream + path, data=body, method=method, headers=headers)  # our own server
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as answer:
                return answer.status, answer.read(), answer.headers["Date"]
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers["Date"]

    class Lying(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else None
            status = answers(self.command, self.path)
            if status is None:
                status, data, date = passed_on(self.command, self.path, body, self.headers.get("Content-Type") or "")
            else:
                _, data, date = passed_on("GET", self.path, None, "application/json")
            if status >= 300:
                data = json.dumps(
                    {"kind": "Status", "apiVersion": "v1", "message": "answered by the test", "code": status}
                ).encode()
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Date", date)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815  # the base class's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Lying)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    lying = json.loads(json.dumps(config))
    lying["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{server.server_address[1]}"}
    path = folder / "lying-kubeconfig"
    path.write_text(yaml.safe_dump(lying))
    try:
        yield path
    finally:
        server.shutdown()
        server.server_close()
