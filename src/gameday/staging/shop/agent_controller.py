"""The agents' controller: gives out content ring by ring, and takes out the nodes whose agent is not well.

It reads one ConfigMap, whose keys that end in `.json` are the content files; `paused: "true"` in it stops a rollout where it
is. Agents ask for the content that their node is to have, and say in the same breath how they are. With RINGS=true new content
goes to the first ring, and to the next one only when every node of that has been healthy with it for SOAK_SECONDS (see
`rings`), so a bad one halts by itself; with RINGS=false, the weakness, every node gets it at once. Content that all nodes
have borne before goes to all of them at once, since taking something back must be quick.

From the nodes' condition AgentHealthy it makes the taint (see `node_health`). An agent that is not heard of for GONE_SECONDS is
unhealthy, too; but if none is heard of, it is the controller that is deaf.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gameday.staging.shop import rings
from gameday.staging.shop.kube_api import STRATEGIC, KubeApi, KubeError
from gameday.staging.shop.node_health import GONE, Patience, condition, is_out, is_out_for_others, is_well, message, reason
from gameday.staging.shop.rings import Report, Stake
from gameday.staging.shop.server import Request, Response, answer
from gameday.staging.shop.service import Service, routed
from gameday.staging.shop.settings import Environment
from gameday.staging.shop.speech import say

TICK_SECONDS = 1.0
QUIET_TICKS = 5
"""How many ticks pass between two looks at the nodes while nothing is going on."""
ASLEEP_SECONDS = 5.0
"""A tick that comes so late means that this process was not running, and so heard of nobody."""


@dataclass(frozen=True, slots=True)
class Content:
    """The content files, by name, and one word for all of them."""

    files: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    @staticmethod
    def of(data: Mapping[str, str]) -> Content:
        """Return the content that a ConfigMap holds."""
        files = {name: text for name, text in sorted(data.items()) if name.endswith(".json")}
        return Content(files, hashlib.sha256(json.dumps(files).encode()).hexdigest()[:12]) if files else Content()


def build(environment: Environment) -> Service:
    """Return the controller."""
    controller = Controller(
        api=KubeApi.from_environment(environment),
        namespace=environment.text("POD_NAMESPACE"),
        config_map=environment.text("CONTENT", "agent-content"),
        in_rings=environment.choice("RINGS", "true", "false") == "true",
        soak_seconds=environment.number("SOAK_SECONDS", 5),
        gone_seconds=environment.number("GONE_SECONDS", 30),
        patience=Patience(environment.number("TAINT_AFTER_SECONDS", 3), environment.number("RETURN_AFTER_SECONDS", 2)),
    )
    environment.check()
    return Service(routed({"POST /content": controller.give, "GET /rollout": controller.show}), controller.work)


@dataclass(slots=True)
class Controller:
    """What is to be rolled out, what has been heard of the agents, and what follows."""

    api: KubeApi
    namespace: str
    config_map: str
    in_rings: bool
    soak_seconds: float
    gone_seconds: float
    patience: Patience
    wait_seconds: float = 2.0
    """How long an agent that has what it should have is kept waiting for news; a stop waits for open requests, so it is short."""
    content: Content = Content()
    accepted: Content = Content()
    """The last content that every node has borne."""
    paused: bool = False
    reports: dict[str, Report] = field(default_factory=dict)
    rings: list[list[str]] = field(default_factory=list)
    free: frozenset[str] = frozenset()
    """The nodes that may have the content by now."""
    out: frozenset[str] = frozenset()
    """The nodes that have been taken out, when they were last looked at."""
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _expected: dict[str, float] = field(default_factory=dict)
    """By node: since when an agent is waited for that has not been heard of at all."""
    _anything_wrong: bool = False
    _is_busy: bool = True
    _told: str = ""
    _told_out: frozenset[str] = frozenset()
    _ticks: int = 0
    _last_tick: float = 0.0

    # -- what agents ask
    async def give(self, request: Request) -> Response:
        """Note how an agent is; say, as soon as that is news, whether its node is out and which content it should have."""
        body = request.json()
        node, has, refused = str(body["node"]), str(body["digest"]), str(body.get("refused", ""))
        thinks_it_is_out = bool(body.get("out"))
        self._note(node, Report(has, bool(body["healthy"]), _now(), _now(), refused))

        def is_news() -> bool:
            return self.due(node).digest not in ("", has, refused) or (node in self.out) != thinks_it_is_out

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.wait_seconds), self.news:
                await self.news.wait_for(is_news)
        due, told = self.due(node), {"out": node in self.out}
        if due.digest in ("", has, refused):
            return answer(200, told)
        return answer(200, {**told, "digest": due.digest, "files": due.files})

    async def show(self, _: Request) -> Response:
        """Say how far the rollout is, ring by ring."""
        names = ("digest", "healthy", "was_healthy")
        nodes = {name: {word: getattr(report, word) for word in names} for name, report in self.reports.items()}
        shown: dict[str, Any] = {"content": self.content.digest, "accepted": self.accepted.digest, "paused": self.paused}
        shown["files"] = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in self.content.files.items()}
        shown["halted"] = self._is_halted()
        return answer(200, {**shown, "in_rings": self.in_rings, "rings": self.rings, "free": sorted(self.free), "nodes": nodes})

    def _is_halted(self) -> bool:
        """Say whether any agent has the content and does not bear it, or refuses it."""
        digest = self.content.digest
        return any(
            digest == report.refused or (digest == report.digest and not report.healthy) for report in self.reports.values()
        )

    def _note(self, node: str, said: Report) -> None:
        before = self.reports.get(node)
        same = before is not None and (before.digest, before.healthy) == (said.digest, said.healthy)
        since = before.since if before is not None and same else said.since
        was_healthy = False
        if before is not None:
            was_healthy = before.was_healthy if before.digest == said.digest else before.healthy
        self.reports[node] = replace(said, since=since, was_healthy=was_healthy)

    def due(self, node: str) -> Content:
        """Return what a node is to have: the new content if it is its turn, or what it has; at first what is known to be good."""
        if node in self.free or self.content.digest == self.accepted.digest:
            return self.content
        report = self.reports.get(node)
        if report is not None and report.digest:
            return Content(digest=report.digest)
        if self.accepted.digest or self._is_halted():
            return self.accepted
        return self.content

    # -- what it does by itself
    async def work(self) -> None:
        """Look at the content and the nodes, for as long as the service lives."""
        while True:
            try:
                await self._tick()
            except KubeError as error:
                say("warning", "the cluster cannot be asked", reason=str(error))
            await asyncio.sleep(TICK_SECONDS)

    async def _tick(self) -> None:
        self._forgive_what_was_slept_through()
        is_new = await self._read_content()
        self._ticks += 1
        if is_new or self._is_busy or not self._ticks % QUIET_TICKS:
            nodes: list[dict[str, Any]] = (await self.api.get("/api/v1/nodes")).get("items") or []
            await self._choose_rings(nodes)
            await self._look_after(nodes)
        self._is_busy = await self.decide()

    async def _look_after(self, nodes: list[dict[str, Any]]) -> None:
        names = {node["metadata"]["name"] for node in nodes}
        self.reports = {name: report for name, report in self.reports.items() if name in names}
        self.out = frozenset(node["metadata"]["name"] for node in nodes if is_out(node))
        self._anything_wrong = bool(self.out) or any(is_well(node) is False for node in nodes)
        for node in nodes:
            await self._judge(node)
        for name, patch in self.patience.patches(nodes, _now()).items():
            await self.api.patch(f"/api/v1/nodes/{name}", patch)
            is_going = name not in self.out
            self.out = self.out ^ {name}
            say("warning", "taken out" if is_going else "let back in", node=name)

    def _forgive_what_was_slept_through(self) -> None:
        now = _now()
        if now - self._last_tick > ASLEEP_SECONDS:
            self.reports = {name: replace(report, heard=now) for name, report in self.reports.items()}
        self._last_tick = now

    async def _read_content(self) -> bool:
        """Look at the content; return whether it is other content than before, which nobody may have until that is decided."""
        found = await self.api.get(f"/api/v1/namespaces/{self.namespace}/configmaps/{self.config_map}")
        data = found.get("data") or {}
        self.paused = data.get("paused") == "true"
        content = Content.of(data)
        if content.digest == self.content.digest:
            return False
        say("info", "there is new content", digest=content.digest, in_rings=self.in_rings)
        self.content, self.free, self.rings = content, frozenset(), []
        return True

    async def _choose_rings(self, nodes: list[dict[str, Any]]) -> None:
        """Choose the rings, from nodes that have or had an agent; anew only for other content or other nodes."""
        agents = {node["metadata"]["name"]: node for node in nodes if is_well(node) is not None}
        if agents.keys() == {name for ring in self.rings for name in ring}:
            return
        if not self.in_rings:
            self.rings = [sorted(agents)]
            return
        pods = (await self.api.get(f"/api/v1/namespaces/{self.namespace}/pods")).get("items") or []
        labels = {name: node["metadata"].get("labels") or {} for name, node in agents.items()}
        # By the nodes' own word, too: this process may have been started in the middle of a rollout.
        hit = frozenset(name for name, node in agents.items() if message(node).endswith(self.content.digest))
        self.rings = rings.rings_of(labels, _stakes(pods), hit | self._having() | self.free)

    def _having(self) -> frozenset[str]:
        return frozenset(name for name, report in self.reports.items() if report.digest == self.content.digest)

    async def decide(self) -> bool:
        """Work out which nodes may have the content, and tell their agents; return whether anything is going on."""
        before = self._told, self.free, self._told_out
        free, borne = rings.released(self.rings, self.reports, self.content.digest, before=_now() - self.soak_seconds)
        self.free = self._having() if self.paused else free
        if borne:
            self.accepted = self.content
        if before != (self.content.digest, self.free, self.out):
            self._told, self._told_out = self.content.digest, self.out
            async with self.news:
                self.news.notify_all()
        return not borne or self._anything_wrong

    async def _judge(self, node: dict[str, Any]) -> None:
        """Say by its condition that a node's agent is gone, or that it is there again."""
        name, well = node["metadata"]["name"], is_well(node)
        report = self.reports.get(name)
        if is_out_for_others(node):
            # Somebody else has taken it out, perhaps with its agent; from the end of that on the agent is waited for anew.
            self._expected[name] = _now()
            if report is not None:
                self.reports[name] = replace(report, heard=_now())
            return
        heard = report.heard if report is not None else self._expected.setdefault(name, _now())
        gone = _now() - heard > self.gone_seconds
        path = f"/api/v1/nodes/{name}/status"
        if gone and well and self._hears_anybody():
            said = condition("Unknown", GONE, f"the agent was not heard of for {self.gone_seconds:g} s")
            await self.api.patch(path, said, STRATEGIC)
        elif well is False and reason(node) == GONE and report is not None and report.healthy and not gone:
            await self.api.patch(path, condition("True", "AgentBack", "the agent is heard of again"), STRATEGIC)

    def _hears_anybody(self) -> bool:
        return any(_now() - report.heard <= self.gone_seconds for report in self.reports.values())


def _stakes(pods: Sequence[Mapping[str, Any]]) -> dict[str, Stake]:
    """Return what is at stake on each node: pods with claims, and pods."""
    stakes: dict[str, Stake] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName", "")
        volumes = sum("persistentVolumeClaim" in volume for volume in pod["spec"].get("volumes") or ())
        so_far = stakes.get(node, Stake())
        stakes[node] = Stake(so_far.volumes + volumes, so_far.pods + 1)
    return stakes


def _now() -> float:
    return time.monotonic()
