"""A run by leave of others: approved, with a rule switched off, and what the log and the report say of it."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest

from gameday.log.events import GuardJudged, Noted, RunEnded
from gameday.report import render
from tests.e2e.held import fell_behind

pytestmark = pytest.mark.e2e
PLAN = """\
title: By leave
namespaces: [shop]
rounds: [{experiment: ./quick.yaml}]
switched_off_rules: [disruption-budget]
approvals: {keys: allowed_signers}
"""


@pytest.mark.usefixtures("as_before")
def test_an_approved_run_says_who_approved_it_and_which_rules_were_off(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(command), "environment", _as_me(type(command).environment))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", command.folder / "alice"], check=True)
    public = " ".join((command.folder / "alice.pub").read_text().split()[:2])
    (command.folder / "allowed_signers").write_text(f"alice@example.com {public}\n")
    plan = command.folder / "day.yaml"
    plan.write_text(PLAN)
    assert command.run("approve", "./day.yaml", "--key", "alice").returncode == 0
    done = command.run("run", "./day.yaml", "--yes")
    assert done.returncode == 0 or fell_behind(command), done.stderr
    events = command.events()
    noted = [event.text for event in events if isinstance(event, Noted)]
    assert "approved by alice@example.com; run by me@example.com" in noted
    for form in ("html", "md"):
        assert "disruption-budget" in render(events, form), f"the {form} report does not say which rule was off"

    plan.write_text(PLAN + "\n")
    refused = command.run("run", "./day.yaml", "--yes")
    assert refused.returncode == 3
    assert "[approval] the plan's approvals: expected 1 by others than me@example.com" in refused.stderr
    ended = [event for event in command.events() if isinstance(event, RunEnded)]
    assert [event.exit_code for event in ended] == [3]
    judged = [event for event in command.events() if isinstance(event, GuardJudged)]
    assert [finding["rule"] for event in judged for finding in event.findings] == ["approval"]


def _as_me(environment: Any) -> Any:
    def named(command: Any) -> dict[str, str]:
        kept: dict[str, str] = environment(command)
        return {**kept, "GAMEDAY_RUNNER": "me@example.com", "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}

    return named
