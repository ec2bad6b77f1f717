from __future__ import annotations

import json
from collections.abc import Callable

from gameday.log import AnyEvent
from gameday.report import as_json, render

Play = Callable[[str], list[AnyEvent]]
TOP = {
    "schema", "run", "state", "ended", "headline", "rounds", "outside", "residue", "aborts", "recoveries", "notes", "processes",
    "load", "actions", "series",
    "rehearsal",
}  # fmt: skip


def test_the_shape_is_the_documented_one_for_every_log(any_log: list[AnyEvent]) -> None:
    report = json.loads(render(any_log, "json"))
    assert report["schema"] == 1
    assert set(report) == TOP
    assert all(f"`{name}`" in str(as_json.__doc__) for name in TOP)


def test_one_log_gives_the_same_bytes(any_log: list[AnyEvent]) -> None:
    assert render(any_log, "json") == render(list(any_log), "json")


def test_a_program_finds_the_verdict_and_the_recovery_in_seconds(play: Play) -> None:
    held, deviated = json.loads(render(play("first"), "json"))["rounds"]
    assert held["verdict"]["verdict"] == "held"
    assert held["verdict"]["recovery"] == {"seconds": 0.4, "low_seconds": 0.36, "high_seconds": 0.46, "ever_out": True}
    assert deviated["verdict"]["as_expected"] is True
    assert deviated["ledger"] == {
        "acknowledged": 1020,
        "found": 1020,
        "lost": [],
        "doubled": [],
        "altered": [],
        "error": "",
        "unrecorded": [],
        "untracked": [],
        "failed": 0,
    }
    assert [change["state"] for change in deviated["changes"]] == ["already", "already"]


def test_what_the_log_does_not_say_is_null(play: Play) -> None:
    report = json.loads(render(play("torn"), "json"))
    assert report["run"]["exit_code"] is None
    assert report["rounds"][1]["verdict"]["recovery"] is None
    assert report["rounds"][1]["ledger"] is None
