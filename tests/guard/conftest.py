"""A project with a plan that needs approvals, and people with SSH keys of their own."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gameday.cluster import Identity
from gameday.gameday import GameDay, load_gameday
from gameday.workspace import SHIPPED, Catalogue

PLAN = """\
title: A day
cluster: embedded
namespaces: [shop]
rounds:
  - experiment: pod-loss
    runbook: execute
approvals: {required: 1, keys: allowed_signers}
"""


@dataclass(frozen=True)
class Project:
    """A folder with a plan and copies of all that it names, so that any of it can be edited."""

    folder: Path
    identity: Identity = field(default_factory=lambda: Identity("uid-of-kube-system", "embedded"))

    @property
    def plan_path(self) -> Path:
        return self.folder / "gamedays" / "day.yaml"

    def load(self) -> GameDay:
        return load_gameday(self.plan_path, catalogue=Catalogue.around(self.plan_path))

    def person(self, name: str, *, listed_as: str | None = None, kind: str = "ed25519") -> Path:
        """Make a key, and list it under the name unless `listed_as` is empty; return its private part."""
        key = self.folder / f"key-{name}"
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", key], check=True)
        listed = f"{name}@example.com" if listed_as is None else listed_as
        if listed:
            with (self.folder / "gamedays" / "allowed_signers").open("a") as keys:
                keys.write(f"{listed} {' '.join(key.with_suffix('.pub').read_text().split()[:2])}\n")
        return key

    def edit(self, file: str, before: str, after: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project of one round; nobody is on its list yet."""
    for folder in ("experiments", "journeys", "runbooks"):
        shutil.copytree(SHIPPED / folder, tmp_path / folder)
    (tmp_path / "gamedays").mkdir()
    (tmp_path / "actions").mkdir()
    (tmp_path / "actions" / "own.py").write_text("# nothing yet\n")
    (tmp_path / "gamedays" / "allowed_signers").touch()
    (tmp_path / "gamedays" / "day.yaml").write_text(PLAN)
    return Project(tmp_path)
