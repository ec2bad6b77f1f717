"""The scaler: lets the replicas of one Deployment follow the customers who ask to come in.

Why not a HorizontalPodAutoscaler: a replica that is full waits, and hardly uses its processor, so the one measure that clusters
have without further ado would never see the crowd; and one look in 15 s is late for the start of a sale. So the doors
report who came (see `door`), and twice a second the replicas that this takes are asked for through the Deployment's
subresource `scale`: up when it took them for `UP_SECONDS`, down when fewer would have done for `DOWN_SECONDS`, one at a time:
which pods of several go at once is decided by how they stand before the first, so those that stay may all stand on one node,
and that is the next to be lost. It is frozen by `MOST_REPLICAS`, which is the weakness: then it looks on, and says so. It needs
`get` and `patch` of that one `deployments/scale`, and nothing else.

Other tools see who owns the replicas by the Deployment's annotation `gameday.dev/replicas-owner`.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gameday.staging.shop.apology import Sorry
from gameday.staging.shop.kube_api import KubeApi, KubeError
from gameday.staging.shop.server import Request, Response, answer
from gameday.staging.shop.service import Service, routed
from gameday.staging.shop.settings import Environment
from gameday.staging.shop.speech import say

LOOK_SECONDS = 0.5
SPAN_SECONDS = 2.0
"""Over how long the customers are counted."""
RECONCILE_SECONDS = 10.0
"""How often the Deployment is looked at while nobody comes: somebody else may have set another number."""
TIMEOUT_SECONDS = 3.0
"""How long the API may take for an answer."""
USE = 0.75
"""How much of what a replica can serve is planned with; the rest is for chance."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be asked for."""

    least: int
    most: int
    visits_per_second: float
    """How many customers a second one replica can serve."""
    up_seconds: float
    down_seconds: float


@dataclass(slots=True)
class Demand:
    """Who came lately, and how many replicas that takes."""

    limits: Limits
    visits: deque[tuple[float, int]] = field(default_factory=deque)
    wishes: deque[tuple[float, int]] = field(default_factory=deque)

    def note(self, now: float, asked: int) -> None:
        """Count customers who asked to come in."""
        self.visits.append((now, asked))

    def per_second(self, now: float) -> float:
        """Return how many customers a second came lately."""
        while self.visits and self.visits[0][0] <= now - SPAN_SECONDS:
            self.visits.popleft()
        return sum(number for _, number in self.visits) / SPAN_SECONDS

    def needed(self, now: float) -> int:
        """Return how many replicas the customers of the moment take."""
        return math.ceil(self.per_second(now) / (self.limits.visits_per_second * USE))

    def is_short(self, now: float) -> bool:
        """Say whether that is more than may be asked for."""
        return self.needed(now) > self.limits.most

    def wanted(self, now: float, current: int) -> int:
        """Return how many replicas there shall be: more, or one fewer, only after that was right for some time."""
        wish = min(max(self.needed(now), self.limits.least), self.limits.most)
        self.wishes.append((now, wish))
        while self.wishes[0][0] <= now - max(self.limits.up_seconds, self.limits.down_seconds):
            self.wishes.popleft()
        at_least = min(number for at, number in self.wishes if at > now - self.limits.up_seconds or at == now)
        at_most = max(number for at, number in self.wishes if at > now - self.limits.down_seconds or at == now)
        return at_least if at_least > current else max(min(at_most, current), current - 1)


@dataclass(frozen=True, slots=True)
class Replicas:
    """How many replicas one Deployment is asked to have: its subresource `scale`, read and written."""

    api: KubeApi
    path: str

    async def wanted(self) -> int:
        """Return how many are asked for."""
        found = await self.api.get(self.path)
        if not found:
            raise KubeError(f"cannot get {self.path}: there is no such Deployment")
        return int(found["spec"]["replicas"])

    async def want(self, number: int) -> None:
        """Ask for another number."""
        await self.api.patch(self.path, {"spec": {"replicas": number}})


@dataclass(slots=True)
class Scaler:
    """Looks, and scales."""

    demand: Demand
    replicas: Replicas | None
    current: int = 0
    """What is asked for, as of the last look; 0 before there was one."""
    _looked_at: float = field(default=float("-inf"))
    _told: str = ""

    async def run(self) -> None:
        """Look twice a second."""
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look(now())
            except (KubeError, ValueError, KeyError) as error:
                self._tell("error", "cannot scale", reason=str(error))

    async def _look(self, now: float) -> None:
        if self.replicas is None:
            return
        if now - self._looked_at >= RECONCILE_SECONDS:
            self.current, self._looked_at = await self.replicas.wanted(), now
        wanted = self.demand.wanted(now, self.current)
        if self.demand.is_short(now):
            self._tell("warning", "more would be needed than MOST_REPLICAS allows", replicas=wanted)
        # Nothing is what somebody wants who scales to nothing: then it is left there.
        if wanted == self.current or not self.current:
            return
        found = await self.replicas.wanted()
        per_second = round(self.demand.per_second(now), 1)
        if found and found != wanted:
            await self.replicas.want(wanted)
            self._tell("info", "scaled", replicas=wanted, before=found, visits_per_second=per_second)
            found = wanted
        self.current = found

    def _tell(self, level: str, event: str, **details: object) -> None:
        """Say something, unless it was what was said last."""
        if (said := f"{event} {details}") != self._told:
            self._told = said
            say(level, event, **details)


def build(environment: Environment) -> Service:
    """Return the scaler."""
    limits = Limits(
        int(environment.number("LEAST_REPLICAS", 1, lowest=1)),
        int(environment.number("MOST_REPLICAS", 1, lowest=1)),
        environment.number("VISITS_PER_SECOND", 1, lowest=0.001),
        environment.number("UP_SECONDS", 0),
        environment.number("DOWN_SECONDS", 15),
    )
    scaler = Scaler(Demand(limits), _replicas(environment))
    environment.check()
    return Service(routed({"POST /visits": _noted(scaler), "GET /demand": _shown(scaler)}), background=scaler.run)


def _replicas(environment: Environment) -> Replicas | None:
    """Return what is scaled; None outside of a cluster, where there is nothing to scale."""
    if not environment.variables.get("KUBERNETES_SERVICE_HOST"):
        return None
    namespace, name = environment.text("NAMESPACE"), environment.text("DEPLOYMENT")
    api = KubeApi.from_environment(environment, timeout_seconds=TIMEOUT_SECONDS)
    return Replicas(api, f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale")


def _noted(scaler: Scaler) -> Callable[[Request], Any]:
    async def visits(request: Request) -> Response:
        asked = request.json().get("asked")
        if type(asked) is not int or asked < 0:
            raise Sorry(400, "bad_report", "Expected asked as a number from 0 up.")
        scaler.demand.note(asyncio.get_running_loop().time(), asked)
        return answer(200, {"ok": True})

    return visits


def _shown(scaler: Scaler) -> Callable[[Request], Any]:
    async def demand(_: Request) -> Response:
        now = asyncio.get_running_loop().time()
        shown = {"visits_per_second": scaler.demand.per_second(now), "replicas": scaler.current}
        return answer(200, shown)

    return demand
