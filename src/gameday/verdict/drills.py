"""What a drill that restores a database shows of its recovery point: how much was forgotten, against the objective.

The figure is the ledger's, from what customers were told and what the copy has. The shop's own word is asked for three things
that no customer of the run knows: which backup it restored, how old that was where it is from before the run's first order, and
whether there was any. Where there was none and no order came back, there is no recovery point, and no objective is met.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gameday.log.events import LedgerChecked, PhaseStarted, ProbeMeasured, RoundStarted
from gameday.log.every import AnyEvent
from gameday.verdict.samples import fault_applied_at, repointed_again

_SHOPS_WORD: Final = ".backups.recovery_point"
"""The probe that asks the shop what it restored."""
_BACKUPS_FOUND: Final = ".backups.copies"
"""The probe that asks the shop how many backups it had to choose from."""


@dataclass(frozen=True, slots=True)
class RecoveryPoint:
    """How old the newest recovered order was at the loss."""

    seconds: float
    forgotten: int
    is_least: bool
    """Nothing shows how much older it was."""
    which: str
    """What was restored, as the shop says; may be empty."""

    def __str__(self) -> str:
        least = "more than " if self.is_least else ""
        which = f" ({self.which})" if self.which else ""
        return f"the newest order that was restored was {least}{self.seconds:.1f} s old at the loss{which}"


def undo_began(started: RoundStarted, own: Sequence[AnyEvent]) -> float:
    """Return when a drill's undo began, which takes customers from the copy to the original and is no part of its recovery."""
    if not started.drill_orders:
        return float("inf")
    return next((event.mono for event in own if isinstance(event, PhaseStarted) and event.phase == "undo"), float("inf"))


def recovery_point(started: RoundStarted, own: Sequence[AnyEvent]) -> RecoveryPoint | None:
    """Return what a round shows of it; None where no copy was looked at."""
    looked = next((event for event in own if isinstance(event, LedgerChecked) and event.of_copy), None)
    if looked is None or looked.recovery_point_seconds is None:
        return None
    said = _said(started, own)
    which = said.seen if said is not None else ""
    if not looked.recovery_point_is_least or said is None or said.value < looked.recovery_point_seconds:
        return RecoveryPoint(looked.recovery_point_seconds, looked.forgotten, looked.recovery_point_is_least, which)
    return RecoveryPoint(said.value, looked.forgotten, is_least=False, which=which)


def known_seconds(started: RoundStarted, own: Sequence[AnyEvent]) -> float | None:
    """Return the recovery point in seconds; None where no copy was looked at, and where nothing at all could be restored."""
    point = recovery_point(started, own)
    return None if point is None or _none_to_restore(started, own, point) else point.seconds


def _none_to_restore(started: RoundStarted, own: Sequence[AnyEvent], point: RecoveryPoint) -> str:
    """Return the shop's word that it had no backup, if customers' orders say so too: none of before the loss is there.

    What it said before a step had it restore again counts no more.
    """
    fault_at = fault_applied_at(own, started.round)
    _, since = repointed_again(own, started.round) or (fault_at, fault_at)
    words = [event for event in own if isinstance(event, ProbeMeasured) and event.probe.endswith(_BACKUPS_FOUND)]
    last = words[-1] if words else None
    said_since = last is not None and since is not None and last.mono > since
    return last.seen if last is not None and said_since and last.value == 0 and point.is_least else ""


def doubts(started: RoundStarted, own: Sequence[AnyEvent]) -> Iterator[str]:
    """Say why the recovery point cannot be judged, if it cannot."""
    objective = started.objectives.get("rpo_seconds")
    point = recovery_point(started, own)
    if started.drill_orders and point is None:
        yield "the orders were not looked up in the copy, so nothing shows what was restored"
    if point is None or _none_to_restore(started, own, point):
        return
    if point.is_least and objective is not None and point.seconds <= objective:
        yield (
            f"none of the {point.forgotten} orders of before the loss was restored; that only shows that the newest one "
            f"was more than {point.seconds:.1f} s old, and the objective is {objective:g} s"
        )


def deviations(started: RoundStarted, own: Sequence[AnyEvent]) -> Iterator[str]:
    """Say what was forgotten beyond the objective; without an objective, whatever was forgotten."""
    objective = started.objectives.get("rpo_seconds")
    point = recovery_point(started, own)
    promised = "no objective allows that" if objective is None else f"the objective is {objective:g} s"
    none = _none_to_restore(started, own, point) if point is not None else ""
    if point is not None and none:
        yield f"nothing could be restored ({none}), so all {point.forgotten} acknowledged order(s) were forgotten; {promised}"
    elif point is not None and point.seconds > (objective or 0.0):
        yield f"{point}, so {point.forgotten} acknowledged order(s) were forgotten; {promised}"


def confirmations(started: RoundStarted, own: Sequence[AnyEvent], looked: LedgerChecked) -> Iterator[str]:
    """Say what the copy had, and that it was enough."""
    objective = started.objectives.get("rpo_seconds")
    point = recovery_point(started, own)
    if point is not None and point.forgotten:
        within = "" if objective is None else f", within the objective of {objective:g} s"
        yield f"{point}{within}: {point.forgotten} order(s) would have been forgotten"
    elif point is not None:
        yield "every order of before the loss was restored"
    yield f"all {looked.drill} orders that the drill took into the copy are there, none twice"


def _said(started: RoundStarted, own: Sequence[AnyEvent]) -> ProbeMeasured | None:
    """Return the shop's last word on what it restored, if it was asked after the loss, and after a step had it restore again."""
    fault_at = fault_applied_at(own, started.round)
    if fault_at is None:
        return None
    _, restored_at = repointed_again(own, started.round) or (fault_at, fault_at)
    asked = (event for event in own if isinstance(event, ProbeMeasured) and event.probe.endswith(_SHOPS_WORD))
    return max((event for event in asked if event.mono > restored_at), key=lambda it: it.seq, default=None)
