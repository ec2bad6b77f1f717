"""What a run knows of itself and no cluster could tell: the moment, how long it may still take, who has approved it.

Facts for the guard, judged nowhere here. The moment is the server's, so that a wrong clock on this machine opens no window.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from gameday.cluster import Cluster, ObjectRef
from gameday.errors import RefusedError
from gameday.gameday import GameDay
from gameday.guard import Approvals, Lost, RunFacts
from gameday.guard.approvals import find_approvals, runners_here


class Conditions:
    """One run's own circumstances, looked at again for each change."""

    def __init__(
        self,
        cluster: Cluster,
        plan: GameDay | None,
        *,
        deadline_seconds: float = 0.0,
        clock: Callable[[], float] | None = None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the cluster, whose clock counts unless another is given, the plan, and how long it may take from now on.

        How long it has taken is told by a clock that is never set.
        """
        self._cluster, self._plan = cluster, plan
        self._clock = clock or cluster.server_time
        self._steady = steady
        self._must_end = steady() + deadline_seconds
        self._runners = runners_here(plan.path) if plan is not None and plan.approvals is not None else ()

    def facts(self, *, lost: Mapping[ObjectRef, Lost] | None = None, starting: bool = False) -> RunFacts:
        """Return the facts as of now; `lost` is what the rounds that are on have taken away."""
        return RunFacts(
            now=datetime.fromtimestamp(self._clock(), UTC),
            needs_seconds=max(0.0, self._must_end - self._steady()),
            lost=lost or {},
            approvals=self._approvals(),
            starting=starting,
        )

    def _approvals(self) -> Approvals | None:
        if self._plan is None or self._plan.approvals is None or "approval" in self._plan.switched_off_rules:
            return None
        try:
            return find_approvals(self._plan, self._cluster.identity(), self._runners)
        except RefusedError as error:
            return Approvals(self._runners, rejected=(("any signature", str(error)),))
