"""What the rounds of a run have done so far, for the caps: pods lost, in all and of each workload, and objects changed.

Counts only. What counts is what the rounds that are on have done; a round that is over and undone has given everything back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from gameday.cluster import ObjectRef
from gameday.guard import Lost
from gameday.plan import PlannedChange


@dataclass(frozen=True, slots=True)
class Total:
    """What has been done, added up over rounds."""

    pods_lost: int
    objects: frozenset[ObjectRef]
    lost: dict[ObjectRef, Lost]
    """Per workload."""


@dataclass(frozen=True, slots=True)
class _Done:
    round_id: str
    planned: PlannedChange


@dataclass(slots=True)
class Tally:
    """Every change that was allowed, once, however often it was asked for again."""

    done: dict[str, _Done] = field(default_factory=dict)

    def add(self, change_id: str, planned: PlannedChange, round_id: str) -> None:
        """Count a change that was allowed."""
        self.done[change_id] = _Done(round_id, planned)

    def total(self, rounds: Collection[str], *, but: str = "") -> Total:
        """Add up what these rounds have done, without the change `but`, which is being asked for again."""
        counted = [item.planned for key, item in list(self.done.items()) if item.round_id in rounds and key != but]
        objects = frozenset(
            item.planned.ref.anonymous
            for item in list(self.done.values())
            if item.round_id in rounds and item.planned.kind in {"patch", "create"}
        )
        lost: dict[ObjectRef, Lost] = {}
        for planned in counted:
            for loss in planned.losses:
                known = lost.get(loss.workload, Lost(0, loss.wanted))
                lost[loss.workload] = Lost(known.pods + loss.pods, known.wanted)
        return Total(sum(planned.pods_lost for planned in counted), objects, lost)
