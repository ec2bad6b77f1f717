"""docs/your-own-shop.md is followed to the letter: its files are written and its commands run, on a shop that is not ours."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from gameday.log import read
from gameday.log.events import ChangeLanded, RunEnded, VerdictGiven
from gameday.providers import faults

pytestmark = pytest.mark.e2e

PAGE = (Path(__file__).parents[2] / "docs" / "your-own-shop.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL)
SHOWN = "shown"


@dataclass(frozen=True)
class Followed:
    folder: Path
    done: subprocess.CompletedProcess[str]

    @property
    def runs(self) -> list[Path]:
        return sorted((self.folder / "gamedays-of-kiosk" / "runs").iterdir())


UP, DOWN = 'eval "$(gameday staging up --empty -f kiosk.yaml)"\n', "gameday staging down\n"
"""The two commands of the page that are others on a cluster of one's own."""


def script(folder: Path, *, up: str = UP, down: str = DOWN) -> str:
    """Return the page's commands in their order, with its files put in place where they stand."""
    lines = ["set -euo pipefail"]
    for number, block in enumerate(BLOCK.finditer(PAGE)):
        if block["file"] and block["file"] != SHOWN:
            kept = folder / f"block-{number}"
            kept.write_text(block["text"], encoding="utf-8")
            lines.append(f"cp {shlex.quote(str(kept))} {shlex.quote(block['file'])}")
        elif block["language"] == "sh":
            lines.append(block["text"].replace(UP, up).replace(DOWN, down))
    return "\n".join(lines)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    """Follow the page from its first command to its last, in an empty folder and with nothing but gameday at hand."""
    folder, aside = tmp_path_factory.mktemp("own-shop"), tmp_path_factory.mktemp("blocks")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GAMEDAY_", "KUBECONFIG"))}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    environment = kept | {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "NO_COLOR": "1", "PATH": path}
    try:
        yield Followed(folder, bash(script(aside), folder, environment))
    finally:
        bash("gameday staging down", folder, environment)


def bash(commands: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    words = ["bash", "-c", commands]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=170, check=False)


def test_every_command_of_the_page_succeeds(followed: Followed) -> None:
    assert followed.done.returncode == 0, followed.done.stdout[-4000:] + followed.done.stderr[-4000:]


def test_both_runs_end_as_expected_with_faults_that_landed_and_nothing_left_behind(followed: Followed) -> None:
    verdicts, landed = [], []
    for run in followed.runs:
        events = list(read(run))
        (ended,) = (event for event in events if isinstance(event, RunEnded))
        assert (ended.exit_code, ended.residue) == (0, [])
        verdicts += [event.verdict for event in events if isinstance(event, VerdictGiven)]
        landed += [event.landed for event in events if isinstance(event, ChangeLanded)]
    assert verdicts == ["held", "held", "held"]
    assert landed == [True, True, True]


def test_the_workspace_s_own_action_and_probe_are_listed(followed: Followed) -> None:
    listed = json.loads(followed.done.stdout[followed.done.stdout.index("[\n") :].partition("\n]\n")[0] + "\n]")
    assert "gameday_workspace.actions.rollouts.restart" in [row["name"] for row in listed]


def test_probes_that_are_only_shown_are_there_and_take_what_is_given() -> None:
    (shown,) = (block["text"] for block in BLOCK.finditer(PAGE) if block["file"] == SHOWN)
    for found in yaml.safe_load(shown):
        provider = found["provider"]
        assert faults(provider["module"], provider["func"], provider["arguments"], role="probe") == []
