"""A program that is Ready as long as it can read all of its content, and says whether a rollout is paused: a stand-in agent."""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(os.environ["CONTENT_DIR"])


def is_well() -> bool:
    try:
        templates = [item for path in FOLDER.glob("*.json") for item in json.loads(path.read_text())["templates"]]
    except ValueError:
        return False
    return all(item["input"] < 20 for item in templates)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"paused": (FOLDER / "paused").exists()}).encode()
        self.send_response(503 if self.path == "/readyz" and not is_well() else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer((os.environ["POD_IP"], 8080), Handler).serve_forever()
