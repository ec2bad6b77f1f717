"""docs/guard.md says of each rule what its docstring says."""

from __future__ import annotations

from pathlib import Path

from gameday.guard import RULES
from gameday.guard.rules import as_table

PAGE = Path(__file__).parents[2] / "docs" / "guard.md"


def test_the_page_has_the_rules_as_the_program_has_them() -> None:
    table = PAGE.read_text().partition("docstrings -->\n")[2].partition("<!-- /rules -->")[0].strip()
    assert table == as_table().strip(), "docs/guard.md is out of date: put the output of gameday.guard.rules.as_table() there"


def test_every_rule_says_what_holds_and_what_that_means() -> None:
    for line in as_table().splitlines()[2:]:
        name, holds, details = (cell.strip() for cell in line.strip("|").split(" | "))
        assert name.strip("`") in RULES
        assert holds.endswith(".")
        assert details.endswith(".")
