"""By whose leave, and when: windows, freezes, approvals, and what the cluster lets this account do.

The moment is the server's, and comes as a fact; nothing here reads a clock, a file or a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gameday.guard.model import Facts, Policy
from gameday.guard.rules.shape import Found
from gameday.guard.windows import closes_at, in_zone, opens_at
from gameday.plan import PlannedChange


def window(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """It is within one of the plan's `windows`, and the window lasts for as long as the plan may take (its deadline).

    By the server's clock. A plan without windows may run at any time; windows that touch count as one.
    """
    del changes
    if not policy.windows:
        return
    now = facts.run.now
    if now is None:
        yield "the plan's windows", "the server's time is not known, so it cannot be said whether one is open"
        return
    closes, zone = closes_at(policy.windows, now), policy.windows[0].timezone
    if closes is None:
        opens = opens_at(policy.windows, now)
        then = f"the next one opens at {in_zone(opens, zone)}; run it then" if opens else "and none opens within a week"
        yield "the plan's windows", f"none is open at {in_zone(now, zone)}; {then}"
    elif (closes - now).total_seconds() < facts.run.needs_seconds:
        left = _minutes((closes - now).total_seconds())
        told = (
            f"the one that is open closes at {in_zone(closes, zone)}, in {left}, and the plan may take "
            f"{_minutes(facts.run.needs_seconds)}; shorten its `deadline`, or run it in the next one"
        )
        yield "the plan's windows", told


def freeze(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """No event of the plan's `freezes` (iCalendar files) is on, or begins before the plan must be over.

    All events count, repeated ones too, except cancelled ones. All-day events without a time zone of the calendar
    (`X-WR-TIMEZONE`) count wherever on earth that day is. A calendar that cannot be read, or whose last event is over, refuses.
    """
    del changes
    if policy.freezes and facts.run.now is None:
        yield "the plan's freezes", "the server's time is not known, so it cannot be said whether one is on"
    for found in facts.freezes:
        yield (
            found.calendar,
            f"the freeze {found.summary!r} lasts from {_utc(found.start)} to {_utc(found.end)}; run it after that",
        )


def approval(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """As many people as the plan's `approvals` requires have signed it as it stands, none of them whoever runs it.

    A signature is an SSH one by a key that the list names, over the text that `gameday approve` prints. Any edit of what would
    happen, another cluster or another cap needs new ones.
    """
    del changes
    if policy.approvals is None:
        return
    found = facts.run.approvals
    if found is None:
        yield "the plan's approvals", "they could not be looked at; run it with `gameday run`, by the plan's file"
        return
    if not found.runners:
        yield (
            "the plan's approvals",
            "it is not known who runs this, so nobody can be told from them; set GAMEDAY_RUNNER, or git's user.email",
        )
        return
    missing = policy.approvals.required - len(found.given)
    if missing > 0:
        rejected = "".join(f"; {name} does not count: {why}" for name, why in found.rejected)
        have = f" ({', '.join(found.given)})" if found.given else ""
        told = (
            f"expected {policy.approvals.required} by others than {' alias '.join(found.runners)}, but found {len(found.given)}"
            f"{have}{rejected}. Have somebody on the list run: gameday approve FILE --key THEIR-KEY"
        )
        yield "the plan's approvals", told


def rights(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """This account may make every request that the changes and the engine need, and the one that undoes those of the undo.

    Asked of the cluster by SelfSubjectAccessReview; one that cannot say refuses. See also `gameday doctor`.
    """
    del changes, policy
    for permission in facts.permissions:
        if not permission.allowed:
            reason = f" ({permission.reason})" if permission.reason else ""
            who = permission.account or "this account"
            yield (
                str(permission.access),
                f"{who} may not{reason}; have it granted by a Role, and see what else is missing: gameday doctor",
            )


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"  # noqa: PLR2004  # seconds in a minute


def _utc(moment: datetime) -> str:
    return in_zone(moment, "UTC")
