"""The bank: what was really charged, kept outside the shop's own services, as a card network keeps it.

Every capture is written to a journal before it is answered, with the merchant's own word for what it is for (the order's
key). So the shop can be held against it afterwards: money that was taken, and no order for it. One capture stays one,
however often it is asked for.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday.staging.shop.server import Handler, Request, Response, answer
from gameday.staging.shop.service import Service, routed
from gameday.staging.shop.settings import Environment

MOST_LOOKED_UP = 1000


@dataclass(slots=True)
class Journal:
    """A file of JSON lines, one a capture or refund, and what they come to."""

    path: Path
    captures: dict[str, dict[str, Any]] = field(default_factory=dict)
    by_key: dict[str, list[str]] = field(default_factory=dict)
    refunded: set[str] = field(default_factory=set)
    _descriptor: int = -1

    def open(self) -> None:
        """Read what was written before; a last line that is torn was never answered for, and is cut off."""
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        os.ftruncate(self._descriptor, len(whole))
        os.lseek(self._descriptor, 0, os.SEEK_END)
        for line in whole.splitlines():
            self._take(json.loads(line))

    def capture(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Write a capture down, unless it is known already; return it."""
        known = self.captures.get(wanted["capture"])
        if known is None:
            known = {**wanted, "at": time.time()}
            self._write(known)
        return known

    def refund(self, capture: str) -> None:
        """Write down that a capture was given back."""
        if capture not in self.refunded:
            self._write({"refund": capture, "at": time.time()})

    def charged(self, keys: list[str]) -> list[dict[str, Any]]:
        """Return the captures for any of these keys that were not given back."""
        found = [capture for key in keys for capture in self.by_key.get(key, ())]
        return [self.captures[capture] for capture in found if capture not in self.refunded]

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._descriptor, json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._take(line)

    def _take(self, line: dict[str, Any]) -> None:
        if "refund" in line:
            self.refunded.add(line["refund"])
            return
        self.captures[line["capture"]] = line
        self.by_key.setdefault(line["key"], []).append(line["capture"])


def build(environment: Environment) -> Service:
    """Return the bank, with its journal open."""
    folder = environment.folder("DATA_DIR")
    environment.check()
    journal = Journal(folder / "captures.jsonl")
    journal.open()

    async def close() -> None:
        journal.close()

    return Service(routed(_routes(journal)), close=close)


def _routes(journal: Journal) -> dict[str, Handler]:
    async def capture(request: Request) -> Response:
        body = request.json()
        wanted = {name: str(body[name]) for name in ("capture", "payment", "key")}
        return answer(200, journal.capture({**wanted, "amount": body["amount"]}))

    async def refund(request: Request) -> Response:
        captured = str(request.json()["capture"])
        journal.refund(captured)
        return answer(200, {"capture": captured})

    async def lookup(request: Request) -> Response:
        keys = request.json()["keys"]
        if not isinstance(keys, list) or len(keys) > MOST_LOOKED_UP:
            raise TypeError(f"expected a list of at most {MOST_LOOKED_UP} keys")
        found = journal.charged([str(key) for key in keys])
        return answer(200, {"captures": found, "count": len(found)})

    return {"POST /captures": capture, "POST /refunds": refund, "POST /captures/lookup": lookup}
