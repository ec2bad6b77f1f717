"""A stand-in agent, which is Ready as long as it can read all of its content, and its own controller, which says how it is."""

from __future__ import annotations

import hashlib
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["CONTENT_DIR"])


def is_well() -> bool:
    try:
        templates = [item for path in FOLDER.glob("*.json") for item in json.loads(path.read_text())["templates"]]
    except ValueError:
        return False
    return all(item["input"] < 20 for item in templates)


def rollout() -> dict[str, Any]:
    """Say how far it is on one node, whose agent has whatever there is and was well before."""
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.glob("*.json")}
    node = {"digest": str(files), "healthy": is_well(), "was_healthy": True}
    shown = {"content": str(files), "files": files, "nodes": {os.environ["NODE_NAME"]: node}}
    return {**shown, "paused": (FOLDER / "paused").exists()}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(rollout()).encode()
        self.send_response(503 if self.path == "/readyz" and not is_well() else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer((os.environ["POD_IP"], 8080), Handler).serve_forever()
