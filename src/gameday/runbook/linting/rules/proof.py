"""Rules about proofs: how old the last one is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from gameday.runbook.linting.model import Hit, Subject
from gameday.runbook.linting.registry import rule


@rule("RB521", "Not proven for too long", need="proven_within")
def too_old(subject: Subject) -> Iterator[Hit]:
    """The runbook's last proof is not older than `--proven-within` says, and there has been one.

    What was true a year ago was true of another system. Prove it again: `gameday runbook verify`.
    """
    limit = subject.around.proven_within
    if limit is None:
        return
    proven = _proven_on(subject)
    line = subject.front_line("last_proven")
    step = f"gameday runbook verify {subject.path.stem}"
    if proven is None:
        yield Hit(line, "this runbook was never proven", step)
    elif subject.around.today - proven > limit:
        days = (subject.around.today - proven).days
        yield Hit(line, f"this runbook was last proven {days} days ago, on {proven}; at most {limit.days} are allowed", step)


def _proven_on(subject: Subject) -> dt.date | None:
    """Return the day of the last proof, as `last_proven` has it: a day, or a mapping with `on`."""
    value = subject.front.data.get("last_proven") if subject.front is not None else None
    on = value.get("on") if isinstance(value, Mapping) else value
    if isinstance(on, dt.datetime):
        return on.date()
    if isinstance(on, dt.date):
        return on
    try:
        return dt.date.fromisoformat(str(on)[:10])
    except ValueError:
        return None
