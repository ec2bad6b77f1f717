"""Whatever is done to a file that is shipped, what comes out is the file's meaning or a list of problems, never a crash."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.errors import InvalidFileError
from gameday.gameday import load_any
from gameday.runbook import load_runbook
from gameday.workspace import SHIPPED, Catalogue

CATALOGUE = Catalogue((SHIPPED,))
FILES = [entry.path for kind in ("experiment", "gameday", "runbook") for entry in CATALOGUE.list(kind)]
JUNK = st.sampled_from(
    [
        "",
        "- ",
        "  ",
        ": ",
        "{}",
        "[]",
        "null",
        "~",
        "${",
        "${x}",
        "&a ",
        "*a",
        "'",
        '"',
        "3",
        "---",
        "```",
        "true: 1\n",
        "\u2028",
        "<<: ",
    ]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


@given(st.sampled_from(FILES), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), JUNK), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_a_damaged_file_never_crashes_its_reader(folder: Path, file: Path, edits: list[tuple[float, int, str]]) -> None:
    text = file.read_text()
    for where, length, junk in edits:
        start = int(where * len(text))
        text = text[:start] + junk + text[start + length :]
    damaged = folder / file.name
    damaged.write_text(text)
    with contextlib.suppress(InvalidFileError):
        if file.suffix == ".md":
            load_runbook(damaged, catalogue=CATALOGUE)
        else:
            load_any(damaged, catalogue=CATALOGUE)
