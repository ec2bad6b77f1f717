"""What a run comes to: its exit code, and what is left behind."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.errors import ExitCode
from gameday.log.events import AbortRequested, RecoveryStarted, UndoEnded, VerdictGiven
from gameday.verdict import exit_code
from gameday.verdict.exits import residue


def given(verdict: str, expected: str = "held") -> tuple[float, VerdictGiven]:
    return 14.5, VerdictGiven(verdict=verdict, expected=expected, reasons=[], round="r1")


def undo(outcome: str, at: float = 14.6, entry: str = "e1") -> tuple[float, UndoEnded]:
    return at, UndoEnded(entry=entry, object=f"pod shop/{entry}", outcome=outcome, detail=f"was {outcome}")


ABORT = (14.7, AbortRequested(by="SIGINT", reason="by hand"))
RECOVERY = (14.8, RecoveryStarted(holder="h", reason="died"))


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([given("held")], ExitCode.EXPECTED),
        ([given("deviated", "deviated")], ExitCode.EXPECTED),
        ([given("inconclusive", "inconclusive")], ExitCode.EXPECTED),
        ([given("deviated")], ExitCode.VERDICT_DIFFERS),
        ([given("held", "deviated")], ExitCode.VERDICT_DIFFERS),
        ([given("inconclusive")], ExitCode.INCONCLUSIVE),
        ([given("deviated"), given("inconclusive", "deviated")], ExitCode.INCONCLUSIVE),
        ([given("inconclusive"), ABORT], ExitCode.ABORTED),
        ([given("held"), RECOVERY], ExitCode.ABORTED),
        ([given("held"), undo("left_alone")], ExitCode.RESIDUE),
        ([given("inconclusive"), ABORT, undo("residue")], ExitCode.RESIDUE),
        ([given("held"), undo("undone"), undo("already", entry="e2")], ExitCode.EXPECTED),
    ],
)
def test_the_highest_code_that_applies_is_the_runs(stories: Any, lines: Any, code: ExitCode) -> None:
    assert exit_code(stories.told([*stories.a_round(), *lines])) is code


def test_what_was_settled_in_the_end_is_not_left_behind(stories: Any) -> None:
    events = stories.told([*stories.a_round(), undo("residue"), undo("undone", 14.9), undo("left_alone", entry="e2")])
    assert residue(events) == ("pod shop/e2: was left_alone",)
