"""The proxy as a whole: connections that come in, the switch, what is told about it, and how it is taken out.

Taking it out: whatever a fault holds back is let go, no connection is accepted any more, and what is open may end within the
drain bound. A client is told with its next answer that the connection ends; one that asks nothing for a second is closed.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from gameday.interpose.admin import Answers
from gameday.interpose.counting import Counts
from gameday.interpose.door import Door, turn_away
from gameday.interpose.exchanges import Exchanges
from gameday.interpose.pair import Address, Pair, Treatment
from gameday.interpose.settings import Protocol
from gameday.interpose.streams import Stream
from gameday.interpose.switch import Switch

DEFAULT_DRAIN_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.02
_QUIET_LOOKS: Final = 50
"""At how many looks, which are a second at least, a connection is quiet before it is closed."""
_TRY_AGAIN_SECONDS: Final = 0.5
_log = structlog.get_logger("gameday.interpose")


@dataclass(frozen=True, slots=True)
class Placing:
    """Where a proxy stands, and what it speaks."""

    listen: Address
    upstream: Address
    protocol: Protocol = "http"
    drain_seconds: float = DEFAULT_DRAIN_SECONDS


class Proxy:
    """A proxy in one event loop."""

    def __init__(self, placing: Placing, switch: Switch) -> None:
        """Take the address; OSError if it is not to be had."""
        self._placing, self._switch = placing, switch
        self._counts = Counts()
        self._pairs: set[Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._door = Door(placing.listen, self._enter)
        self._is_draining = False
        self._upstream_was_reached = False

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._door.address

    async def begin(self) -> None:
        """Accept connections; ready once the upstream could be reached for the first time."""
        self._switch.changed = self._mind_the_door
        self._mind_the_door()
        while not self._upstream_was_reached:
            try:
                _, writer = await asyncio.open_connection(*self._placing.upstream)
            except OSError:
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
            else:
                self._upstream_was_reached = True
                writer.close()

    async def linger(self, seconds: float) -> None:
        """Say that it goes (not ready, answers close their connection) and still accept, until others have heard of it."""
        self._is_draining = True
        self._switch.drain()
        self._door.open()
        for pair in self._pairs:
            pair.treatment.drain()
        await asyncio.sleep(seconds)

    async def drain(self) -> int:
        """Take the proxy out; return how many connections were still in use when the bound was reached, and were reset."""
        self._is_draining = True
        self._switch.drain()
        self._door.shut(let_waiting_in=True)
        loop = asyncio.get_running_loop()
        bound = loop.time() + self._placing.drain_seconds
        quiet_looks: Counter[Pair] = Counter()
        for pair in self._pairs:
            pair.treatment.drain()
        while self._pairs and loop.time() < bound:
            self._let_quiet_ones_go(quiet_looks)
            await asyncio.sleep(_LOOK_SECONDS)
        left = [pair for pair in self._pairs if not pair.is_over and not pair.treatment.is_idle]
        for pair in tuple(self._pairs):
            pair.abort()
        self._door.close()
        await asyncio.sleep(0)
        return len(left)

    def answers(self) -> Answers:
        """Return what the admin port tells."""
        return {"/counts": self._counted, "/readyz": self._readyz, "/livez": lambda: (True, {})}

    def _enter(self, accepted: socket.socket) -> None:
        pair = Pair(self._placing.upstream, self._counts, self._treat, self._pairs.discard)
        in_force = self._switch.in_force
        if in_force is not None and in_force.refuses(pair.token):
            self._counts.refused_connections += 1
            turn_away(accepted)
            return
        if self._is_draining:
            pair.treatment.drain()
        self._pairs.add(pair)
        task = asyncio.get_running_loop().create_task(pair.serve(accepted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _treat(self, pair: Pair) -> Treatment:
        if self._placing.protocol == "tcp":
            return Stream(pair, self._switch)
        return Exchanges(pair, self._switch, self._counts)

    def _mind_the_door(self) -> None:
        """Shut it while every connection is to be refused."""
        in_force = self._switch.in_force
        if in_force is not None and in_force.refuses_all:
            self._door.shut(let_waiting_in=False)
        elif not self._is_draining:
            self._door.open()

    def _let_quiet_ones_go(self, quiet_looks: Counter[Pair]) -> None:
        """Hang up where nothing was asked at so many looks; by the clock, a second in which this stood still would count too."""
        for pair in tuple(self._pairs):
            quiet_looks[pair] = quiet_looks[pair] + 1 if pair.treatment.is_idle else 0
            if quiet_looks[pair] > _QUIET_LOOKS:
                pair.hang_up()

    def _counted(self) -> tuple[bool, Mapping[str, Any]]:
        tally = self._switch.tally
        rules = tally.as_dict() if tally is not None else []
        settings = {**self._switch.as_dict(), "accepting": self._door.is_open}
        return True, {"settings": settings, "rules": rules, **self._counts.as_dict()}

    def _readyz(self) -> tuple[bool, Mapping[str, Any]]:
        """Say whether it can take traffic; that it refuses some on purpose or has lost its source does not count against it."""
        facts = {
            "upstream_was_reached": self._upstream_was_reached,
            "draining": self._is_draining,
            "settings": self._switch.state,
        }
        return self._upstream_was_reached and not self._is_draining, facts
