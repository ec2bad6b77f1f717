"""Single events as sentences, where the same event says one thing or another."""

from __future__ import annotations

import pytest

from gameday.log.events import LedgerChecked
from gameday.report.sentences import said


@pytest.mark.parametrize(
    ("is_least", "told"),
    [(False, "the newest that was restored was 12.6 s old at the loss"), (True, "none of before the loss was restored")],
)
def test_a_lower_bound_of_the_recovery_point_is_not_told_as_the_age_of_an_order(is_least: bool, told: str) -> None:  # noqa: FBT001 - a row
    looked = LedgerChecked(
        acknowledged=427, found=177, drill=177, forgotten=250, of_copy=True, recovery_point_seconds=12.6,
        recovery_point_is_least=is_least,
    )  # fmt: skip
    assert said(looked) == f"177 orders found in the copy of 427 acknowledged, 250 forgotten ({told})"
