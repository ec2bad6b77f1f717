"""What a run knows of itself, by a clock that is given."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gameday.gameday import load_gameday
from gameday.guard import Policy, gather, judge
from gameday.run.conditions import Conditions
from gameday.workspace import Catalogue

pytestmark = pytest.mark.e2e
OFFICE = 'windows: [{days: [mon], from: "09:00", to: "16:00", timezone: UTC}]\n'
FREEZE = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:x
BEGIN:VEVENT
UID:one
SUMMARY:Release
DTSTART:20261123T120000Z
DTEND:20261123T130000Z
END:VEVENT
END:VCALENDAR
"""


def monday(hour: int, minute: int = 0) -> float:
    return datetime(2026, 11, 23, hour, minute, tzinfo=UTC).timestamp()


def refused_by(cluster: Any, scratch: Any, folder: Path, keys: str, *, at: float, later: float = 0.0) -> list[tuple[str, str]]:
    """Judge a plan of one hour that was started then, and is `later` seconds old."""
    (folder / "g.yaml").write_text(f"title: x\nrounds: [{{experiment: pod-loss}}]\n{keys}")
    plan = load_gameday(folder / "g.yaml", catalogue=Catalogue.around(folder / "g.yaml"))
    ages = iter([0.0, later])
    conditions = Conditions(cluster, plan, deadline_seconds=3600.0, clock=lambda: at + later, steady=lambda: next(ages))
    policy = Policy(namespaces=(scratch.name,), windows=plan.windows, freezes=plan.freezes, approvals=plan.approvals)
    facts = gather([], policy, cluster, run=conditions.facts())
    return [(finding.rule, finding.message) for finding in judge([], policy, facts)]


def test_a_window_must_be_open_for_as_long_as_the_plan_may_take(cluster: Any, scratch: Any, tmp_path: Path) -> None:
    assert refused_by(cluster, scratch, tmp_path, OFFICE, at=monday(14, 59)) == []
    ((rule, message),) = refused_by(cluster, scratch, tmp_path, OFFICE, at=monday(15, 30))
    assert (rule, "in 30 min, and the plan may take 60 min" in message) == ("window", True)
    ((rule, message),) = refused_by(cluster, scratch, tmp_path, OFFICE, at=monday(17))
    assert (rule, "opens at Mon 2026-11-30 09:00 UTC" in message) == ("window", True)


def test_what_a_run_still_needs_gets_less_as_it_goes_on(cluster: Any, scratch: Any, tmp_path: Path) -> None:
    assert refused_by(cluster, scratch, tmp_path, OFFICE, at=monday(14, 59), later=3599.0) == []
    assert refused_by(cluster, scratch, tmp_path, OFFICE, at=monday(14, 59), later=3700.0)


def test_a_freeze_within_the_time_that_the_plan_may_take_refuses(cluster: Any, scratch: Any, tmp_path: Path) -> None:
    (tmp_path / "f.ics").write_text(FREEZE)
    keys = "freezes: f.ics\n"
    assert refused_by(cluster, scratch, tmp_path, keys, at=monday(10, 59)) == []
    ((rule, message),) = refused_by(cluster, scratch, tmp_path, keys, at=monday(11, 30))
    assert (rule, "'Release' lasts from Mon 2026-11-23 12:00 UTC to" in message) == ("freeze", True)
    ((rule, message),) = refused_by(cluster, scratch, tmp_path, keys, at=monday(14))
    assert (rule, "could not look: " in message, "says nothing about today" in message) == ("freeze", True, True)
    ((rule, message),) = refused_by(cluster, scratch, tmp_path, "freezes: gone.ics\n", at=monday(14))
    assert (rule, "No such file" in message) == ("freeze", True)


def test_approvals_that_cannot_be_looked_at_refuse_like_missing_ones(
    cluster: Any, scratch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAMEDAY_RUNNER", "me")
    ((rule, message),) = refused_by(cluster, scratch, tmp_path, "approvals: {keys: gone}\n", at=monday(14))
    assert (rule, "but there is no such file" in message) == ("approval", True)


def test_the_moment_is_the_servers(cluster: Any) -> None:
    before = cluster.server_time()
    now = Conditions(cluster, None).facts().now
    after = cluster.server_time()
    assert now is not None
    # An answer in between dates it anew, to the second.
    assert before - 1 <= now.timestamp() <= after + 1
