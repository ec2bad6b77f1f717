"""A tiny service for tests: it says who it is, and becomes unready, sick or dead when told to."""

import http.server
import json
import os
import signal
import sys
import time
from pathlib import Path

state = {"ready": True, "alive": True}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path
        if path.startswith("/set/"):
            _, _, name, value = path.split("/")
            state[name] = value == "1"
        if path == "/slow":
            time.sleep(60)
        good = {"/readyz": state["ready"], "/livez": state["alive"]}.get(path, True)
        body = json.dumps({"pod": os.environ["HOSTNAME"], "pid": os.getpid(), "environment": dict(os.environ)}).encode()
        self.send_response(200 if good else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if path == "/exit":
            os._exit(3)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    if "DATA_DIR" in os.environ:
        with Path(os.environ["DATA_DIR"], "starts").open("a") as starts:
            starts.write("x")
    if os.environ.get("IGNORE_TERM"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("listening", os.environ["POD_IP"], flush=True)
    print("a word on stderr", file=sys.stderr, flush=True)
    http.server.ThreadingHTTPServer((os.environ["POD_IP"], 8080), Handler).serve_forever()


main()
