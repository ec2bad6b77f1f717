"""docs/guarantees.md names a test for each promise; each of these tests exists, and what `make test` leaves out is said."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
APART = ("soak", "crash", "experiments")
"""What `make test` leaves out; tests/cluster, too, which the page says once for all."""
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def test_every_promise_names_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    assert rows
    assert [row for row in rows if not re.search(r"`tests/[\w/]+\.py::\w+`", row)] == []


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_test_that_is_named_exists(file: str, test: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_a_promise_says_of_a_test_that_make_test_leaves_out_what_runs_it() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    unsaid = [
        f"{test}: make test-{mark}"
        for row in rows
        for file, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        for mark in marks_of(file, test)
        if mark in APART and f"`make test-{mark}`" not in row
    ]
    assert unsaid == []


def marks_of(file: str, test: str) -> set[str]:
    """Return the marks of a test and of its file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    of_file = [node.value for node in tree.body if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    decorators = [decorator for node in functions if node.name == test for decorator in node.decorator_list]
    return {mark for node in [*of_file, *decorators] for mark in re.findall(r"pytest\.mark\.(\w+)", ast.unparse(node))}
