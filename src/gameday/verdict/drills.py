"""What a drill that restores a database shows of its recovery point: how much was forgotten, against the objective.

The figures are the ledger's, from what customers were told and what the copy has; of the shop's own word only the backup's name
is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gameday.log.events import AnyEvent, LedgerChecked, PhaseStarted, ProbeMeasured, RoundStarted

_SHOPS_WORD = ".backups.recovery_point"
"""The probe that asks the shop what it restored: it can say from which backup, which no customer knows."""


def undo_began(started: RoundStarted, own: Sequence[AnyEvent]) -> float:
    """Return when a drill's undo began, which takes customers from the copy to the original and is no part of its recovery."""
    if not started.drill_orders:
        return float("inf")
    return next((event.mono for event in own if isinstance(event, PhaseStarted) and event.phase == "undo"), float("inf"))


def recovery_point_seconds(own: Sequence[AnyEvent]) -> float | None:
    """Return how old the newest recovered order was at the loss; None where no copy was looked at."""
    return next((event.recovery_point_seconds for event in own if isinstance(event, LedgerChecked) and event.of_copy), None)


def doubts(started: RoundStarted, own: Sequence[AnyEvent]) -> Iterator[str]:
    """Say why the recovery point cannot be judged, if it cannot."""
    objective = started.objectives.get("rpo_seconds")
    looked = [event for event in own if isinstance(event, LedgerChecked) and event.of_copy]
    if started.drill_orders and not looked:
        yield "the orders were not looked up in the copy, so nothing shows what was restored"
    for event in looked:
        point = event.recovery_point_seconds
        if event.recovery_point_is_least and point is not None and objective is not None and point <= objective:
            yield (
                f"none of the {event.forgotten} orders of before the loss was restored; that only shows that the newest one "
                f"was more than {point:.1f} s old, and the objective is {objective:g} s"
            )


def deviations(started: RoundStarted, own: Sequence[AnyEvent]) -> Iterator[str]:
    """Say what was forgotten beyond the objective; without an objective, whatever was forgotten."""
    objective = started.objectives.get("rpo_seconds")
    for event in own:
        point = event.recovery_point_seconds if isinstance(event, LedgerChecked) and event.of_copy else None
        if not isinstance(event, LedgerChecked) or point is None or point <= (objective or 0.0):
            continue
        promised = "no objective allows that" if objective is None else f"the objective is {objective:g} s"
        which = _which(own)
        yield f"{_newest(event, point)}{which}, so {event.forgotten} acknowledged order(s) were forgotten; {promised}"


def confirmations(started: RoundStarted, event: LedgerChecked) -> Iterator[str]:
    """Say what the copy had, and that it was enough."""
    objective = started.objectives.get("rpo_seconds")
    point = event.recovery_point_seconds
    if point is not None and event.forgotten:
        within = "" if objective is None else f", within the objective of {objective:g} s"
        yield f"{_newest(event, point)}{within}: {event.forgotten} order(s) would have been forgotten"
    elif point is not None:
        yield "every order of before the loss was restored"
    yield f"all {event.drill} orders that the drill took into the copy are there, none twice"


def _which(own: Sequence[AnyEvent]) -> str:
    said = [event.seen for event in own if isinstance(event, ProbeMeasured) and event.probe.endswith(_SHOPS_WORD)]
    return f" ({said[-1]})" if said and said[-1] else ""


def _newest(event: LedgerChecked, point: float) -> str:
    least = "more than " if event.recovery_point_is_least else ""
    return f"the newest order that was restored was {least}{point:.1f} s old at the loss"
