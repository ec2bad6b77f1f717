"""When a record is due, for whoever watches it: by the server's clock, and safe where that clock is stepped.

A deadline is a moment of the server's clock, which may be set an hour on or back while a guardian lives. A living guardian
notices that within seconds and moves its deadline (`run`). So a deadline that has passed is only believed once it has stayed
where it was for a while; and one that has not been moved for as long as it can ever be away has passed, whatever that clock says.
Nothing here reads the cluster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Final

from gameday.undo.owing import DEADLINE_SECONDS
from gameday.undo.storing import Stored

CONFIRM_SECONDS: Final = 5.0
"""How long a deadline that has passed must stay where it is: more than a guardian takes to notice a step and renew."""
RENEWED_WITHIN_SECONDS: Final = 30.0
"""A guardian renews every 20 s, so one that has not for this long will not only just do so."""


def deadline_of(shards: Sequence[Stored]) -> float:
    """Return until when a record's guardian answers for it, by the server's clock."""
    return max(item.shard.deadline for item in shards)


@dataclass(slots=True)
class _Sight:
    deadline: float
    since: float
    past_since: float | None = None


@dataclass(slots=True)
class Sightings:
    """What one observer has seen of the deadlines of runs, by its own monotonic clock."""

    now: Callable[[], float] = time.monotonic
    _seen: dict[str, _Sight] = field(default_factory=dict)

    def seconds_until_due(self, run_id: str, shards: Sequence[Stored], server_time: float) -> float:
        """Take note of a record as it stands; return after how many seconds it may be undone, unless it is renewed: 0 for now."""
        now, deadline = self.now(), deadline_of(shards)
        sight = self._seen.get(run_id)
        if sight is None or sight.deadline != deadline:
            sight = self._seen[run_id] = _Sight(deadline, now)
        left = deadline - server_time
        silent_seconds = now - sight.since
        if left > 0:
            sight.past_since = None
            return max(0.0, min(left, DEADLINE_SECONDS + CONFIRM_SECONDS - silent_seconds))
        if sight.past_since is None:
            sight.past_since = now
        return max(0.0, min(CONFIRM_SECONDS - (now - sight.past_since), RENEWED_WITHIN_SECONDS - silent_seconds))

    def keep(self, run_ids: Container[str]) -> None:
        """Forget all runs but these."""
        self._seen = {run_id: sight for run_id, sight in self._seen.items() if run_id in run_ids}
