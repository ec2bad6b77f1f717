"""`gameday approve`, as a process of its own: the text, a signature by hand and by option, and `gameday plan` that sees both."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gameday.workspace import SHIPPED

pytestmark = pytest.mark.e2e
PLAN = "title: A day\nnamespaces: [{0}]\nrounds: [{{experiment: scale}}]\napprovals: {{keys: allowed_signers}}\n"
EXPERIMENT = """\
title: Fewer
description: Fewer pods.
steady-state-hypothesis:
  title: They are there
  probes:
    - type: probe
      name: ready
      tolerance: {{type: range, range: [100, 100]}}
      provider: {{type: python, module: gameday.probes.workloads, func: ready, arguments: {{namespace: {0}, name: web}}}}
method:
  - type: action
    name: scale
    provider:
      type: python
      module: gameday.actions.workloads
      func: scale
      arguments: {{namespace: {0}, name: web, replicas: 1}}
extensions: [{{name: gameday, caps: {{pods: 1}}, namespaces: [{0}]}}]
"""


@dataclass(frozen=True)
class Desktop:
    """A project on somebody's machine."""

    folder: Path
    kubeconfig: Path

    def run(self, *words: str, runner: str = "me@example.com") -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "KUBECONFIG": str(self.kubeconfig),
            "GAMEDAY_RUNNER": runner,
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        command = [sys.executable, "-m", "gameday", *words]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def refused_by(self, **more: str) -> list[str]:
        done = self.run("plan", "gamedays/day.yaml", "-o", "json", **more)
        findings = json.loads(done.stdout)["rounds"][0]["findings"]
        assert done.returncode == (3 if findings else 0), done.stderr
        return [finding["rule"] for finding in findings]


@pytest.fixture
def desktop(scratch: Any, cluster_home: Any, tmp_path: Path) -> Desktop:
    scratch.deployment(replicas=2)
    for folder in ("experiments", "gamedays"):
        (tmp_path / folder).mkdir()
    (tmp_path / "experiments" / "scale.yaml").write_text(EXPERIMENT.format(scratch.name))
    (tmp_path / "gamedays" / "day.yaml").write_text(PLAN.format(scratch.name))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "alice", "-f", tmp_path / "alice"], check=True)
    public = " ".join((tmp_path / "alice.pub").read_text().split()[:2])
    (tmp_path / "gamedays" / "allowed_signers").write_text(f"alice@example.com {public}\n")
    return Desktop(tmp_path, Path(cluster_home.kubeconfig))


def test_a_plan_that_somebody_else_signed_is_allowed_until_anything_is_edited(desktop: Desktop) -> None:
    assert desktop.refused_by() == ["approval"]
    done = desktop.run("approve", "gamedays/day.yaml", "--key", "alice", runner="alice@example.com")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("day.yaml.approvals/alice@example.com.sig")
    assert "it does not count for a run that you start yourself" in done.stderr
    assert desktop.refused_by() == []
    assert desktop.refused_by(runner="alice@example.com") == ["approval"]
    experiment = desktop.folder / "experiments" / "scale.yaml"
    experiment.write_text(experiment.read_text() + "\n")
    assert desktop.refused_by() == ["approval"]


def test_the_text_that_is_printed_can_be_signed_by_hand(desktop: Desktop) -> None:
    done = desktop.run("approve", "gamedays/day.yaml")
    assert json.loads(done.stdout)["plan"]["file"] == "day.yaml"
    assert "ssh-keygen -Y sign -n gameday" in done.stderr
    folder = desktop.folder / "gamedays" / "day.yaml.approvals"
    folder.mkdir()
    command = ["ssh-keygen", "-Y", "sign", "-n", "gameday", "-f", "alice"]
    signed = subprocess.run(command, input=done.stdout, cwd=desktop.folder, capture_output=True, text=True, check=True)
    (folder / "by-hand.sig").write_text(signed.stdout)
    assert desktop.refused_by() == []


@pytest.mark.parametrize(
    ("file", "key", "words"),
    [
        ("experiments/scale.yaml", "alice", "approvals are of game days"),
        ("gamedays/day.yaml", "nobody", "ssh-keygen could not sign"),
        ("gamedays/other.yaml", "alice", "asks for no approvals"),
    ],
)
def test_what_cannot_be_approved_is_said(file: str, key: str, words: str, desktop: Desktop) -> None:
    plan = desktop.folder / "gamedays" / "day.yaml"
    (desktop.folder / "gamedays" / "other.yaml").write_text(plan.read_text().partition("approvals:")[0])
    done = desktop.run("approve", file, "--key", key)
    assert done.returncode == 3
    assert words in done.stderr


def test_validating_a_plan_with_all_of_it_stays_light(desktop: Desktop) -> None:
    plan = desktop.folder / "gamedays" / "day.yaml"
    plan.write_text(plan.read_text() + "windows: [{timezone: UTC}]\nfreezes: f.ics\n")
    shutil.copytree(SHIPPED / "runbooks", desktop.folder / "runbooks")
    heavy = ("icalendar", "dateutil", "kubernetes", "chaoslib", "gameday.guard", "gameday.run")
    script = (
        "import sys\nsys.argv = ['gameday', 'validate', 'gamedays/day.yaml']\nfrom gameday.__main__ import main\ncode = main()\n"
        f"print(code, sorted(set({heavy}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=desktop.folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0 []"
