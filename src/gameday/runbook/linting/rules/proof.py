"""Rules about proofs: how old the last one is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from gameday.runbook.linting.model import Hit, Subject
from gameday.runbook.linting.registry import rule
from gameday.runbook.proof import digest_without_proof


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


@rule("RB522", "Changed since it was proven", severity="warning")
def changed(subject: Subject) -> Iterator[Hit]:
    """The runbook is the one that was proven: its text, without the line `last_proven`, has the digest that stands there.

    A single word may be what was wrong. Prove it again: `gameday runbook verify`.
    """
    proof = subject.read().last_proven
    if proof is not None and proof.digest != digest_without_proof(subject.text):
        told = f"this runbook was changed since it was proven, on {proof.date} by the run {proof.run}"
        yield Hit(subject.front_line("last_proven"), told, f"gameday runbook verify {subject.path.stem}")


def _proven_on(subject: Subject) -> dt.date | None:
    proof = subject.read().last_proven
    try:
        return None if proof is None else dt.date.fromisoformat(proof.date)
    except ValueError:
        return None
