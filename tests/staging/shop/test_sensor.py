"""The agent's sensor as a process: it stays on content that it can read, and dies of any other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gameday.actions.agents import BAD_CONTENT
from gameday.staging.shop import sensor

GOOD = '{"version": 1, "templates": [{"name": "a", "input": 19, "contains": "."}]}'


def run(folder: Path, **files: str) -> subprocess.CompletedProcess[str]:
    content = folder / "content.json"
    content.write_text(json.dumps({"digest": "d", "files": {f"{name}.json": text for name, text in files.items()}}))
    command = [sys.executable, "-I", "-S", sensor.__file__, str(content)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def test_it_says_when_it_has_read_good_content_and_ends_with_its_agent(tmp_path: Path) -> None:
    ended = run(tmp_path, base=GOOD)
    assert (ended.returncode, ended.stdout) == (0, sensor.READY)


@pytest.mark.parametrize(
    ("content", "error"),
    [(BAD_CONTENT, "IndexError"), ("{", "JSONDecodeError"), ("{}", "KeyError"), ('{"templates": [{"name": "a"}]}', "KeyError")],
)
def test_it_dies_of_content_that_it_cannot_read_and_never_says_that_it_has(tmp_path: Path, content: str, error: str) -> None:
    ended = run(tmp_path, base=GOOD, update=content)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert error in ended.stderr


def test_it_names_the_templates_that_fit_its_host() -> None:
    facts = sensor.inputs()
    assert len(facts) == 20
    templates = [
        {"name": name, "input": number, "contains": text} for name, number, text in (("a", 0, "Linux"), ("b", 0, "Plan 9"))
    ]
    assert sensor.findings({"base.json": json.dumps({"templates": templates})}, facts) == ["a"]
