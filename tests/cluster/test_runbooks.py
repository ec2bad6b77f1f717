"""Runbooks of different kinds, proved on a real Kubernetes as they are written, with kubectl where they say kubectl.

A proof runs an experiment to its hypothesis before the first step begins, so each is held to its file as well: what CI proves
here it need not run a second time without the runbook.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from gameday.log.events import ActivityEnded, ChangeLanded, ChangeOwed, RunbookJudged, RunEnded, StepStarted, VerdictGiven
from gameday.log.every import AnyEvent
from tests.cluster.conftest import Real
from tests.cluster.repeating import at_most_twice
from tests.e2e.conftest import Command

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("as_before")]

PROVED = ("dependency-down", "storage-blocked", "submit-fails", "bad-deploy")
"""One that scales, one that changes a setting, one that takes something out of customers' way, and one that rolls back."""


@pytest.mark.parametrize("name", PROVED)
def test_a_runbook_alone_brings_checkout_back(
    command: Command, shop_on: Real, record_property: Callable[[str, object], None], name: str
) -> None:
    done = at_most_twice(
        command,
        *("runbook", "verify", name, "--yes", "--no-record"),
        timeout_seconds=240,
        settle=shop_on.settle,
        record_property=record_property,
    )
    told = done.stdout + done.stderr
    (judged,) = (event for event in command.events() if isinstance(event, RunbookJudged))
    assert (done.returncode, judged.outcome, judged.broken) == (0, "proven", []), told
    (ended,) = (event for event in command.events() if isinstance(event, RunEnded))
    assert ended.residue == [], told
    deviated_with_the_fault_in_place(command.events())


def deviated_with_the_fault_in_place(events: Sequence[AnyEvent]) -> None:
    """Hold the experiment to its file, by what was there before any step: a fault that landed, and a hypothesis that it broke."""
    (given,) = (event for event in events if isinstance(event, VerdictGiven))
    assert (given.verdict, given.expected) == ("deviated", "deviated"), given.reasons
    first_step = next(number for number, event in enumerate(events) if isinstance(event, StepStarted))
    before = events[:first_step]
    faults = {event.change_id for event in before if isinstance(event, ChangeOwed) and event.is_fault}
    looks = [event for event in before if isinstance(event, ChangeLanded) and faults & set(event.change_ids)]
    assert faults
    assert faults <= {change for look in looks for change in look.change_ids}
    assert [look.landed for look in looks] == [True] * len(looks), [look.seen for look in looks]
    after = [event for event in before if isinstance(event, ActivityEnded) and event.phase == "after"]
    assert [event.name for event in after if event.status != "succeeded"] == []
    assert any(event.tolerance_met is False for event in after), "the hypothesis was met with the fault in place"
