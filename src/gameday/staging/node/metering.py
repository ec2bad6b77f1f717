"""What pods use at this moment, measured when somebody asks: CPU over one second, and memory, both from /proc."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from gameday.staging.node.spawner import anonymous_bytes, descendants_of
from gameday.staging.node.usage import cpu_seconds

WINDOW_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class RunningContainer:
    """One container that runs: whose, which, and its first process."""

    pod_uid: str
    name: str
    pid: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What one container used."""

    container: RunningContainer
    cores: float
    memory_bytes: int


async def measure(running: Callable[[], Iterable[RunningContainer]]) -> list[Usage]:
    """Return what each container used during the next second, of those that ran all of it."""
    begun, before = time.monotonic(), {container: cpu_seconds(container.pid) for container in running()}
    await asyncio.sleep(WINDOW_SECONDS)
    seconds = time.monotonic() - begun
    return [
        Usage(container, max(0.0, cpu_seconds(container.pid) - before[container]) / seconds, _memory_bytes(container.pid))
        for container in running()
        if container in before
    ]


def _memory_bytes(pid: int) -> int:
    return anonymous_bytes([pid, *descendants_of(pid)])
