"""Runs that stay where they are until a test says so, and processes of a run that end at one stroke.

For tests of what comes while something is on, so that none depends on who is quicker, a run or the test that watches it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gameday.log.events import VerdictGiven
from tests.e2e.conftest import QUICK, Command

_CALM: Final = QUICK.replace(
    "module: gameday.probes.checkout, func: success_rate, arguments: {window_seconds: 2}",
    "module: gameday.probes.workloads, func: ready, arguments: {namespace: shop, name: checkout}",
)
"""The same with a steady state that no busy machine makes red: customers may wait as long as they like."""
SLOW: Final = _CALM.replace("pauses: {after: 1}", "pauses: {after: 60}")
"""And with a method that takes a minute, for runs that are ended in it."""
WITHOUT_CUSTOMERS: Final = (
    _CALM.replace("    traffic: {journey: checkout, rate: 30/s}\n", "")
    .replace("    objectives: {rto: 1m}\n", "")
    .replace("expect: deviated", "expect: held")
)
"""And without any, so that there is no load that could fall behind its schedule."""
_PROBE: Final = '''\
"""A probe that takes as long as whoever runs it likes."""

import time
from pathlib import Path

from gameday.change import Measurement, probe


@probe
def let_go(observations, *, file: str):
    """Wait until a file is there, two minutes at most."""
    del observations
    over = time.monotonic() + 120
    while not Path(file).exists() and time.monotonic() < over:
        time.sleep(0.05)
    return Measurement(1.0, "", "let go")
'''
_STEP: Final = """\
  - type: probe
    name: wait to be let go
    provider:
      type: python
      module: gameday_workspace.probes.waiting
      func: let_go
      arguments: {file: FILE}
"""


@dataclass(frozen=True)
class Hold:
    """What keeps a run in its method, when the fault is in place."""

    file: Path

    def let_go(self) -> None:
        """Have the run go on."""
        self.file.touch()


def hold(command: Command, document: str = QUICK) -> Hold:
    """Have the command's experiment wait at the end of its method."""
    held = Hold(command.folder / "let-go")
    for name in ("experiments", "probes"):
        (command.folder / name).mkdir()
    (command.folder / "probes" / "waiting.py").write_text(_PROBE)
    method, pause, rest = document.partition("    pauses: {after: 1}\n")
    assert pause
    (command.folder / "quick.yaml").write_text(method + _STEP.replace("FILE", str(held.file)) + rest)
    return held


def end(command: Command, running: subprocess.Popen[Any], *roles: str, number: signal.Signals = signal.SIGKILL) -> None:
    """Kill (or only stop) processes of a run: `command`, and whatever roles its log names.

    All are stopped before the first is killed, so that none has time to undo, or to put another in a dead one's place.
    """
    pids = [running.pid if role == "command" else command.process_of(role) for role in roles]
    for one in dict.fromkeys((signal.SIGSTOP, number)):
        for pid in pids:
            os.kill(pid, one)


def fell_behind(command: Command) -> bool:
    """Say whether the newest run is inconclusive since this machine was too busy to send its customers in time."""
    given = [event for event in command.events() if isinstance(event, VerdictGiven)]
    return any(item.verdict == "inconclusive" and "fell behind its schedule" in item.reasons[0] for item in given)
