"""Which exit code a run ends with, and what errors about files say."""

from __future__ import annotations

import itertools

import pytest

from gameday.errors import ExitCode, InvalidFileError, Problem, RecordError, RefusedError, worst


def test_without_any_code_everything_is_as_expected() -> None:
    assert worst() is ExitCode.EXPECTED


def test_residue_stands_above_all_others() -> None:
    for code in ExitCode:
        assert worst(code, ExitCode.RESIDUE) is ExitCode.RESIDUE
        assert worst(ExitCode.EXPECTED, code) is code


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        *itertools.pairwise(
            (
                ExitCode.EXPECTED,
                ExitCode.VERDICT_DIFFERS,
                ExitCode.INCONCLUSIVE,
                ExitCode.REFUSED,
                ExitCode.ABORTED,
                ExitCode.USAGE,
                ExitCode.INTERNAL,
                ExitCode.RESIDUE,
            )
        )
    ],
)
def test_of_two_codes_the_one_that_says_more_wins_in_any_order(lower: ExitCode, higher: ExitCode) -> None:
    assert worst(lower, higher) is worst(higher, lower) is higher


def test_every_exit_code_has_its_place_in_the_order() -> None:
    assert worst(*ExitCode) is ExitCode.RESIDUE
    assert {worst(code) for code in ExitCode} == set(ExitCode)


def test_an_invalid_file_tells_all_problems_in_the_order_of_its_lines() -> None:
    error = InvalidFileError([Problem("a.yaml", 9, "second"), Problem("a.yaml", 2, "first"), Problem("a.yaml", 0, "whole")])
    assert str(error) == "a.yaml: whole\na.yaml:2: first\na.yaml:9: second"
    assert error.exit_code is ExitCode.USAGE


def test_what_was_refused_changed_nothing_and_says_so_by_its_code() -> None:
    assert RefusedError("no").exit_code is ExitCode.REFUSED
    assert RecordError("disk full").exit_code is ExitCode.REFUSED
