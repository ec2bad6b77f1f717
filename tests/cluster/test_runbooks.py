"""Runbooks of different kinds, proved on a real Kubernetes as they are written, with kubectl where they say kubectl."""

from __future__ import annotations

import pytest

from gameday.log.events import RunbookJudged, RunEnded
from tests.cluster.conftest import Real
from tests.e2e.conftest import Command

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("as_before")]

PROVED = ("dependency-down", "storage-blocked", "submit-fails", "bad-deploy")
"""One that scales, one that changes a setting, one that takes something out of customers' way, and one that rolls back."""


@pytest.mark.parametrize("name", PROVED)
def test_a_runbook_alone_brings_checkout_back(command: Command, shop_on: Real, name: str) -> None:
    words = ("runbook", "verify", name, "--yes", "--no-record")
    done = command.run(*words, timeout_seconds=240)
    if done.returncode in {1, 2}:
        # The machine's own business shows in customers' seconds: docs/cluster.md.
        print(f"repeated, since it ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        shop_on.settle()
        done = command.run(*words, timeout_seconds=240)
    told = done.stdout + done.stderr
    (judged,) = (event for event in command.events() if isinstance(event, RunbookJudged))
    assert (done.returncode, judged.outcome, judged.broken) == (0, "proven", []), told
    (ended,) = (event for event in command.events() if isinstance(event, RunEnded))
    assert ended.residue == [], told
