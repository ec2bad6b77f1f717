"""The node agent: one on every node, which keeps its sensor running on the content that it is given.

The agent asks its controller which content its node is to have, writes that down, and starts the sensor (see `sensor`) on it, a
process of its own. If that dies, the agent starts it again every few seconds, and at once when there is other content: it is its
own supervisor, because a container that ends again and again waits up to five minutes for its next start, and a node is to be
back soon after its content is. The container lives through it; that the sensor does not is what the node condition AgentHealthy
says, and the readiness of the agent, which comes back with its node.

VALIDATE=true tries content in a sensor that is not relied on first, and keeps what it has if that one dies. With `false`, the
default, the agent trusts what it is sent, which is the weakness.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday.staging.shop.client import Call, CallFailedError, Neighbour
from gameday.staging.shop.kube_api import STRATEGIC, KubeApi, KubeError
from gameday.staging.shop.node_health import condition
from gameday.staging.shop.sensor import READY
from gameday.staging.shop.server import Request, Response, answer
from gameday.staging.shop.service import Service, routed
from gameday.staging.shop.settings import Environment
from gameday.staging.shop.speech import say

SENSOR = Path(__file__).with_name("sensor.py")
RESTART_SECONDS = 2.0
PAUSE_SECONDS = 0.5
SETTLE_SECONDS = 2.0
ASK_SECONDS = 5.0
"""How long the controller may take; it waits for news for some of that."""


def build(environment: Environment) -> Service:
    """Return the agent of this node."""
    agent = Agent(
        node=environment.text("NODE_NAME"),
        folder=environment.folder("DATA_DIR"),
        api=KubeApi.from_environment(environment),
        controller=Neighbour("agent-controller", environment.neighbour("agent-controller")),
        validates=environment.choice("VALIDATE", "false", "true") == "true",
    )
    environment.check()
    return Service(routed({"GET /status": agent.status}), agent.work, agent.close, agent.is_ready)


@dataclass(slots=True)
class Agent:
    """The agent of one node, and what its sensor is doing."""

    node: str
    folder: Path
    api: KubeApi
    controller: Neighbour
    validates: bool
    digest: str = ""
    refused: str = ""
    healthy: bool = False
    out: bool = False
    """Whether the node has been taken out, as the controller said last."""
    crashes: int = 0
    last_end: str = ""
    _sensor: subprocess.Popen[bytes] | None = None
    _watching: set[asyncio.Task[None]] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the sensor has become ready or has died; whoever writes the node's condition clears it."""
    _known: asyncio.Event = field(default_factory=asyncio.Event)
    """Set from then on until the next start."""
    _said: tuple[bool, str] | None = None
    """What the node's condition says, as far as it was written."""

    async def status(self, _: Request) -> Response:
        """Say what the agent has and how its sensor is."""
        names = ("node", "digest", "refused", "healthy", "out", "crashes", "last_end")
        return answer(200, {name: getattr(self, name) for name in names})

    async def work(self) -> None:
        """Keep the sensor running, and its content what the controller says."""
        self._recall()
        await asyncio.gather(self._supervise(), self._follow(), self._tell_the_node())

    def is_ready(self) -> bool:
        """Say whether the sensor runs, and its node is in service: an agent is only well again when its node is back."""
        return self.healthy and not self.out

    async def close(self) -> None:
        """End the sensor."""
        self._stop()

    # -- content
    @property
    def _content(self) -> Path:
        return self.folder / "content.json"

    def _recall(self) -> None:
        """Go on with the content that was there before this container was started again."""
        try:
            self.digest = str(json.loads(self._content.read_text(encoding="utf-8"))["digest"])
        except (OSError, ValueError):
            return

    async def _follow(self) -> None:
        while True:
            given = await self._ask()
            if given is None:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            self.out = bool(given.get("out"))
            if "digest" in given:
                await self._take(str(given["digest"]), given["files"])
                await self._until_it_is_known()

    async def _ask(self) -> dict[str, Any] | None:
        """Return what the controller says of the node, with other content if there is some; None if it cannot be asked."""
        said = {"node": self.node, "digest": self.digest, "healthy": self.healthy, "refused": self.refused, "out": self.out}
        call = Call("POST", "/content", json.dumps(said).encode(), timeout_seconds=ASK_SECONDS, repeatable=True)
        try:
            reply = await self.controller.call(call)
            return reply.json() if reply.ok else None
        except (CallFailedError, ValueError):
            return None

    async def _take(self, digest: str, files: dict[str, str]) -> None:
        coming = self.folder / "coming.json"
        coming.write_text(json.dumps({"digest": digest, "files": files}), encoding="utf-8")
        if self.validates and not await self._bears(coming):
            self.refused = digest
            say("warning", "content refused", digest=digest)
            return
        coming.replace(self._content)
        self.digest, self.refused = digest, ""
        say("info", "new content", digest=digest)
        self._stop()
        self._start()

    async def _until_it_is_known(self) -> None:
        """Wait until the sensor has read its content or has died of it, so that what is said next is one or the other."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._known.wait()
        except TimeoutError:
            return

    async def _bears(self, content: Path) -> bool:
        """Say whether a sensor that nobody relies on survives the content; with no input it ends when it has read it."""
        trial = self._spawn(content, subprocess.DEVNULL)
        await _ended(trial.pid)
        _close(trial)
        return trial.wait() == 0

    # -- the sensor
    async def _supervise(self) -> None:
        if self.digest:
            self._start()
        while True:
            await asyncio.sleep(RESTART_SECONDS)
            if self._sensor is None and self.digest:
                self._start()

    def _start(self) -> None:
        self._known.clear()
        sensor = self._sensor = self._spawn(self._content, subprocess.PIPE)
        watching = asyncio.get_running_loop().create_task(self._watch(sensor))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)

    def _spawn(self, content: Path, stdin: int) -> subprocess.Popen[bytes]:
        """Start a sensor; -I and -S keep it from importing more than it needs."""
        command = [sys.executable, "-I", "-S", str(SENSOR), str(content)]
        return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE)

    async def _watch(self, sensor: subprocess.Popen[bytes]) -> None:
        """Note when a sensor is ready and when it has died, unless it was stopped meanwhile."""
        assert sensor.stdout is not None  # noqa: S101 - it was asked for above
        await _readable(sensor.stdout.fileno())
        if sensor.stdout.readline() == READY.encode() and sensor is self._sensor:
            self.healthy = True
            self._changed.set()
            self._known.set()
        await _ended(sensor.pid)
        status = sensor.wait()
        _close(sensor)
        if sensor is self._sensor:
            self._sensor, self.healthy = None, False
            self.crashes += 1
            self.last_end = f"the sensor ended with status {status} on the content {self.digest}"
            self._changed.set()
            self._known.set()
            say("error", "the sensor has died", status=status, digest=self.digest, crashes=self.crashes)

    def _stop(self) -> None:
        sensor, self._sensor, self.healthy = self._sensor, None, False
        if sensor is not None:
            sensor.kill()

    # -- the node's condition
    async def _tell_the_node(self) -> None:
        """Write the node's condition whenever it is another one; what cannot be written is tried again."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            saying = (self.healthy, self.digest)
            if saying == self._said:
                continue
            try:
                await self.api.patch(f"/api/v1/nodes/{self.node}/status", self._condition(), STRATEGIC)
                self._said = saying
            except KubeError as error:
                say("warning", "the node's condition cannot be written", reason=str(error))
                await asyncio.sleep(PAUSE_SECONDS)
                self._changed.set()

    def _condition(self) -> dict[str, Any]:
        if self.healthy:
            return condition("True", "SensorRuns", f"the sensor runs on the content {self.digest}")
        return condition("False", "SensorDied", self.last_end)


async def _readable(descriptor: int) -> None:
    """Wait until something can be read, or the other end is closed."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


async def _ended(pid: int) -> None:
    """Wait for the end of a child, without a thread."""
    descriptor = os.pidfd_open(pid)
    try:
        await _readable(descriptor)
    finally:
        os.close(descriptor)


def _close(sensor: subprocess.Popen[bytes]) -> None:
    for stream in (sensor.stdin, sensor.stdout):
        if stream is not None:
            stream.close()
