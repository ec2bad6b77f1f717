"""A real generator as a process of its own, against a real shop."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gameday.staging.shop.alone import ShopAlone
from gameday.traffic.journey import Journey
from gameday.traffic.journey_file import load_journey
from gameday.traffic.spec import LoadSpec
from gameday.traffic.windows import Window, from_json

JOURNEY = Path(__file__).parents[2] / "journeys" / "checkout.yaml"


@dataclass
class Load:
    """A generator's process, and the lines that it has written so far."""

    process: subprocess.Popen[str]
    lines: list[dict[str, Any]] = field(default_factory=list)
    reader: threading.Thread | None = None

    def command(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(json.loads(line) for line in self.process.stdout)

    def finish(self) -> dict[str, Any]:
        """Wait for the end and return the totals."""
        assert self.process.wait(60) == 0, self.lines[-1:]
        assert self.reader is not None
        self.reader.join(30)
        return dict(self.lines[-1]["ended"])

    def stop(self) -> dict[str, Any]:
        self.command('{"stop": true}')
        return self.finish()

    @property
    def windows(self) -> list[Window]:
        return [from_json(line) for line in self.lines if "start" in line]

    def await_journeys(self, number: int) -> None:
        """Wait until so many journeys have succeeded."""
        self._await(number, lambda window: window.journeys.ok)

    def await_failures(self, number: int) -> None:
        """Wait until so many journeys have failed."""
        self._await(number, lambda window: window.journeys.failed)

    def _await(self, number: int, of: Callable[[Window], int]) -> None:
        deadline = time.monotonic() + 60
        while sum(of(window) for window in self.windows) < number:
            assert time.monotonic() < deadline, f"expected {number} by now, found {self.lines[-3:]}"
            time.sleep(0.02)


StartLoad = Callable[..., Load]


@pytest.fixture
def start_load(tmp_path: Path) -> Iterator[StartLoad]:
    loads: list[Load] = []

    def start(target: str, *, journey: Any = str(JOURNEY), **options: Any) -> Load:
        spec = LoadSpec(journey, (target,), str(tmp_path / "ledger.jsonl"), **options)
        command = [sys.executable, "-m", "gameday.traffic.generator"]
        load = Load(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        loads.append(load)
        load.command(spec.to_line().rstrip("\n"))
        load.reader = threading.Thread(target=load.read)
        load.reader.start()
        return load

    yield start
    for load in loads:
        load.process.kill()
        load.process.wait()
        if load.reader is not None:
            load.reader.join(5)
        for stream in (load.process.stdin, load.process.stdout):
            if stream is not None:
                stream.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopAlone]:
    folder = tmp_path / "shop"
    folder.mkdir()
    shop = ShopAlone(folder)
    try:
        shop.start()
        yield shop
    finally:
        shop.stop()


@pytest.fixture
def journey() -> Journey:
    return load_journey(JOURNEY)
