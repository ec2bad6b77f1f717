"""A proxy as the process that it will be, and how its settings and counts are reached."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.interpose.upstream import Address

PATIENCE_SECONDS = 20.0


def until(is_so: Callable[[], Any], what: str = "what was waited for") -> Any:
    """Wait until something is so, and return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := is_so()):
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.01)
    return found


def document(*rules: dict[str, Any], seconds: float = 60.0, **members: Any) -> dict[str, Any]:
    """Return settings that end after so many seconds; rules without a name get one."""
    ends = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    named = [{"name": f"rule-{index}", **rule} for index, rule in enumerate(rules)]
    return {"id": "test", "protocol": "http", "until": ends, "rules": named, **members}


@dataclass
class Standing:
    """One proxy."""

    process: subprocess.Popen[str]
    settings: Path
    address: Address
    admin: Address
    log: list[dict[str, Any]]
    _number: int = 0

    @staticmethod
    def before(upstream: Address, folder: Path, *options: str) -> Standing:
        """Start one, and wait until it is ready."""
        settings = folder / f"settings-{time.monotonic_ns()}.json"
        words = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--upstream", f"{upstream[0]}:{upstream[1]}"]
        process = subprocess.Popen(
            [sys.executable, "-m", "gameday.interpose", *words, "--settings", str(settings), *options],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            proxy = Standing.of(process, settings)
            until(lambda: proxy.ask("/readyz")[0] == 200, "readiness")
        except BaseException:
            process.kill()
            process.communicate()
            raise
        return proxy

    @staticmethod
    def of(process: subprocess.Popen[str], settings: Path) -> Standing:
        """Wait until a process says where it listens."""
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line, f"the proxy ended with {process.wait()}"
        started = json.loads(line)
        return Standing(process, settings, _address(started["listen"]), _address(started["admin"]), [started])

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        """Return what the admin port says."""
        url = f"http://{self.admin[0]}:{self.admin[1]}{path}"
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def counts(self) -> dict[str, Any]:
        return self.ask("/counts")[1]

    def rule(self, index: int = 0) -> tuple[int, int, int]:
        """Return how many a rule has hit, spared and passed by."""
        found = self.counts()["rules"][index]
        return found["hit"], found["spared"], found["passed_by"]

    def put(self, *rules: dict[str, Any], seconds: float = 60.0, **members: Any) -> None:
        """Write settings under an id of their own, and wait until they are in force."""
        self._number += 1
        settings = document(*rules, seconds=seconds, **{"id": f"test-{self._number}", **members})
        self.write(settings)
        wanted = (settings["id"], "in force") if rules else None
        until(lambda: self._now() == wanted if wanted else self._now()[1] == "passing", "the switch")

    def write(self, settings: dict[str, Any] | bytes) -> None:
        """Write settings as a whole."""
        beside = self.settings.with_suffix(".new")
        beside.write_bytes(settings if isinstance(settings, bytes) else json.dumps(settings).encode())
        beside.replace(self.settings)

    def wait_for(self, state: str) -> dict[str, Any]:
        """Wait for a state, and return what is said about it."""
        found: dict[str, Any] = until(lambda: (said := self.counts()["settings"])["state"] == state and said, f"state {state}")
        return found

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Wait for its end and return the exit status; its log is complete then."""
        assert self.process.stderr is not None
        _, rest = self.process.communicate(timeout=PATIENCE_SECONDS)
        self.log += [json.loads(line) for line in rest.splitlines()]
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _now(self) -> tuple[str, str]:
        said = self.counts()["settings"]
        return said["id"], said["state"]


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host, int(port)
