"""The ledger in a drill that repoints orders to a copy of their database: what the copy has, judged before the undo.

Whose an order is, its reference says, and the ledger notes it: the shop marks those that it takes into the copy. Orders of
before the loss that the copy lacks are what a restore forgets, which the recovery point objective is about; the drill's own must
all be there, since nothing excuses losing them. Where a runbook's step repoints once more, to a backup of before the harm, that
is a second loss: what was taken into the copy until then is forgotten as well, and counts by its age. After the undo it is
the other way round: the original has the former, and never had the latter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from gameday.traffic.ledger import Doubled, Entry, FindOrders, FoundOrder, found_by_key, read_ledger

SLACK_SECONDS = 2.0
"""Orders are acknowledged within this long of being in the database; nearer than that their order says nothing."""


@dataclass(frozen=True, slots=True)
class CopyResult:
    """What became of the acknowledged orders in the copy."""

    acknowledged: int
    found: int
    drill: int
    """Those of them that were taken into the copy."""
    lost: tuple[Entry, ...]
    """The drill's own that are not there, and earlier ones that are not though later ones are: the copy has holes."""
    forgotten: int
    """Of before the loss (the last one, if a step repointed again), and later than everything that was recovered."""
    altered: tuple[Entry, ...]
    doubled: tuple[Doubled, ...]
    recovery_point_seconds: float
    """How old the newest recovered order was at the loss; 0 if none is forgotten."""
    is_least: bool
    """None of this run's orders of before the loss was recovered, so the newest recovered one is older than that."""


def check_copy(
    path: Path, find_orders: FindOrders, *, fault_at: float, repointed: tuple[float, float] | None = None
) -> CopyResult:
    """Look up every order of a ledger file in the copy; raise `NoMeasurementError` where the shop cannot be asked.

    fault_at: when the database was lost, by CLOCK_MONOTONIC; orders that were taken into the original until it was let go
    count as of before the loss. repointed: from when to when a runbook's step took the shop from that copy to another one.
    """
    # The orders of an earlier drill of the same run went with its copy.
    entries = [entry for entry in read_ledger(path) if not entry.drill or entry.ended >= fault_at]
    by_key = found_by_key(entries, find_orders)
    acknowledged = [entry for entry in entries if entry.acknowledged]
    begin, end = repointed or (-math.inf, -math.inf)
    drill = [entry for entry in acknowledged if entry.drill and entry.ended > begin]
    before = [entry for entry in acknowledged if not entry.drill or entry.ended <= begin]
    recovered = [entry for entry in before if _is_there(entry, by_key)]
    missing = [entry for entry in before if not _is_there(entry, by_key)]
    lost_at = max([fault_at, *(entry.ended for entry in before)])
    newest = max((entry.ended for entry in recovered), default=None)
    holes = [entry for entry in missing if newest is not None and entry.ended < newest - SLACK_SECONDS]
    # Until the other copy was open, either of the two may have taken an order.
    between = [entry for entry in drill if entry.ended <= end and not _is_there(entry, by_key)]
    lost = [*holes, *(entry for entry in drill if entry.ended > end and not _is_there(entry, by_key))]
    since = newest if newest is not None else min((entry.ended for entry in before), default=lost_at)
    return CopyResult(
        acknowledged=len(acknowledged),
        found=sum(_is_there(entry, by_key) for entry in acknowledged),
        drill=sum(entry.drill for entry in acknowledged),
        lost=tuple(lost),
        forgotten=len(missing) - len(holes) + len(between),
        altered=tuple(entry for entry in acknowledged if _is_altered(entry, by_key)),
        doubled=tuple(Doubled(key, tuple(found)) for key, found in by_key.items() if len(found) > 1),
        recovery_point_seconds=lost_at - since if missing else 0.0,
        is_least=bool(missing) and newest is None,
    )


def _is_there(entry: Entry, by_key: dict[str, dict[str, FoundOrder]]) -> bool:
    return entry.reference in by_key[entry.key]


def _is_altered(entry: Entry, by_key: dict[str, dict[str, FoundOrder]]) -> bool:
    order = by_key[entry.key].get(entry.reference or "")
    return order is not None and order.amount != entry.amount
