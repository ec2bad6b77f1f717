"""`python -m tests.conformance.tracing`: what gameday really requests of a cluster, written down as `trace.json`.

It runs what users run, on an embedded cluster with the shop, through a server between that notes each request: the shop's
manifests, doctor, plan, every experiment and every runbook that is executed, an abort, a recovery after a death, installation,
and the kubectl lines of the runbooks. Each line is a method, a path without names, the keys of the query, the body's
format, and the fields that were used in it. Which check covers a line is for `test_conformance.py` to say.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gameday import staging
from gameday.log.events import ChangeApplied
from tests.between import between
from tests.conformance.recording import Recorder, write_trace
from tests.crash.scripts import ROOT, write_project
from tests.e2e.conftest import QUICK, Command

MANIFESTS: Final = ROOT / "src" / "gameday" / "staging" / "shop" / "manifests"
_KUBECTL: Final = re.compile(r"kubectl [^`\n]+")
_KILL: Final = """\
title: A pod is evicted
description: Also by eviction.
steady-state-hypothesis:
  title: Payment is there
  probes:
    - type: probe
      name: payment is ready
      tolerance: {type: range, range: [50, 100]}
      provider:
        type: python
        module: gameday.probes.workloads
        func: ready
        arguments: {namespace: shop, name: payment}
method:
  - type: action
    name: evict a pod
    provider:
      type: python
      module: gameday.actions.pods
      func: kill
      arguments: {namespace: shop, selector: app=payment, evict: true}
extensions:
  - {name: gameday, runbook: pod-loss, traffic: {journey: checkout, rate: 10/s}, objectives: {rto: 1m}, namespaces: [shop]}
"""


def kubectl_lines() -> Iterator[list[str]]:
    """Yield what runbooks have people type, as words."""
    for path in sorted((ROOT / "runbooks").glob("*.md")):
        for line in _KUBECTL.findall(path.read_text(encoding="utf-8")):
            yield shlex.split(line.strip().rstrip("."))


def main() -> int:
    """Run it all, and write the trace."""
    recorder = Recorder()
    with tempfile.TemporaryDirectory() as folder:
        _apply_manifests(Path(folder), recorder)
        running = staging.up(directory=Path(folder) / "cluster", detach=False)
        try:
            staging.wait_ready(running.kubeconfig, timeout_seconds=60)
            with between(running.kubeconfig, Path(folder), recorder.intercept) as kubeconfig:
                _use(Command(_project(Path(folder)), kubeconfig))
                for words in kubectl_lines():
                    _say(words)
                    subprocess.run(words, env={**os.environ, "KUBECONFIG": str(kubeconfig)}, capture_output=True, check=False)
        finally:
            running.stop()
    write_trace(recorder.lines)
    return 0


def _apply_manifests(folder: Path, recorder: Recorder) -> None:
    """Give a cluster the shop as its own manifests say it."""
    empty = staging.up(directory=folder / "empty", manifests=[], detach=False)
    place = folder / "applied"
    place.mkdir()
    try:
        with between(empty.kubeconfig, place, recorder.intercept) as kubeconfig:
            environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
            for _ in range(2):
                subprocess.run(["kubectl", "apply", "-f", str(MANIFESTS)], env=environment, capture_output=True, check=True)
    finally:
        empty.stop()


def _project(folder: Path) -> Path:
    project = folder / "project"
    write_project(project)
    (project / "quick.yaml").write_text(QUICK, encoding="utf-8")
    (project / "evict.yaml").write_text(_KILL, encoding="utf-8")
    return project


def _use(command: Command) -> None:
    files = [
        f"{path.parent.name}/{path.name}"
        for kind in ("experiments", "gamedays")
        for path in sorted((command.folder / kind).glob("*.yaml"))
    ]
    for words in (
        ["doctor"],
        ["status"],
        ["plan", "quick.yaml"],
        ["install", "-n", "shop", "--yes"],
        ["install", "-n", "shop", "--schedule", "0 0 29 2 *", "--file", "quick.yaml", "--yes"],
        *(["run", file, "--yes"] for file in [*files, "evict.yaml"]),
        ["recover"],
    ):
        _run(command, words)
    running = command.start("run", "quick.yaml", "--yes")
    command.wait_for(ChangeApplied)
    _run(command, ["status"])
    _run(command, ["abort"])
    running.wait(60)
    running = command.start("run", "quick.yaml", "--yes")
    command.wait_for(ChangeApplied)
    for role in ("worker", "load", "guardian"):
        os.kill(command.process_of(role), signal.SIGKILL)
    running.kill()
    running.wait(60)
    _run(command, ["recover"])


def _run(command: Command, words: list[str]) -> None:
    _say(["gameday", *words])
    ended = command.run(*words)
    sys.stderr.write(f"  {ended.returncode} {(ended.stdout + ended.stderr).strip().splitlines()[-1:]}\n")
    # A run on a busy machine may change nothing, and so lack most of what it requests.
    assert ended.returncode == 0, f"expected it to end well; try again on a quiet machine\n{ended.stdout}{ended.stderr}"


def _say(words: list[str]) -> None:
    sys.stderr.write(f"{' '.join(words)}\n")


if __name__ == "__main__":
    sys.exit(main())
