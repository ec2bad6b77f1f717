"""Runbooks of different kinds, proved on a real Kubernetes as they are written, with kubectl where they say kubectl."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gameday.log.events import RunbookJudged, RunEnded
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
