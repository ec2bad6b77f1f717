"""How a face starts a run: a folder of its own, a guardian in a session of its own, and a watch over that guardian.

The starter and the guardian beat on a line between them. If the guardian is lost, the starter puts another in its place,
which undoes; if the starter is lost, the guardian aborts. The run itself is told by its log, which the face follows.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from gameday.errors import ExitCode, GamedayError, UsageError
from gameday.log import EVENTS_FILE, Event
from gameday.log.events import RunEnded
from gameday.log.reading import read
from gameday.processes import ProcessId, end_process, process_id
from gameday.run.channel import Peer
from gameday.run.spec import PeopleSpec, RunSpec
from gameday.run.successor import start_successor


def new_run(
    root: Path,
    *,
    file: str,
    shown_file: str,
    kubeconfig: str = "",
    context: str = "",
    unguarded: bool = False,
    attached: bool = False,
    people: PeopleSpec | None = None,
    runbook: Path | None = None,
    without: Sequence[str] = (),
) -> RunSpec:
    """Make the folder `<utc>-<name>` for a run and return what it is about; UsageError if it cannot be made.

    With `runbook`, the run is its proof by the experiment `file`, `without` some of its steps.
    """
    name = re.sub(r"[^a-z0-9]+", "-", Path(runbook or file).stem.lower()).strip("-")[:24].strip("-") or "run"
    run_id = f"{datetime.now(UTC):%Y%m%dt%H%M%Sz}-{name}"
    directory = _made(root, run_id)
    spec = RunSpec(
        run_id=directory.name,
        directory=str(directory.absolute()),
        file=str(Path(file).absolute()),
        shown_file=shown_file,
        kubeconfig=str(Path(kubeconfig).expanduser().absolute()) if kubeconfig else "",
        context=context,
        unguarded=unguarded,
        attached=attached,
        people=people,
        runbook=str(runbook.absolute()) if runbook else "",
        without=list(without),
    )
    spec.save()
    (directory / EVENTS_FILE).touch()
    return spec


def _made(root: Path, run_id: str) -> Path:
    """Make a folder that nobody else has made in the same second."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        for number in range(100):
            directory = root / (f"{run_id}-{number}" if number else run_id)
            try:
                directory.mkdir()
            except FileExistsError:
                continue
            return directory
    except OSError as error:
        raise UsageError(f"cannot make a folder for the run in {root}: {error.strerror}; choose another with --runs") from error
    raise UsageError(f"{root} has a hundred runs called {run_id}")


@dataclass(slots=True)
class Launched:
    """A run that is on: its guardian, and after the guardian's loss its successor."""

    spec: RunSpec
    guardian: subprocess.Popen[bytes]
    connection: socket.socket
    successor: subprocess.Popen[bytes] | None = None
    lost_why: str = ""
    peer: Peer | None = None
    guardian_id: ProcessId = field(default_factory=lambda: ProcessId(0, 0))
    _replacing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def directory(self) -> Path:
        """The run's folder."""
        return Path(self.spec.directory)

    def watch(self) -> None:
        """Begin to beat, and to listen for the guardian's beats."""
        self.peer = Peer(self.connection, lost=self.replace)

    def abort(self, by: str, reason: str = "") -> None:
        """Ask the guardian to abort; asking twice changes nothing."""
        if self.peer is not None:
            self.peer.tell({"abort": by, "reason": reason})

    def tell_of_people(self, event: Event) -> dict[str, Any]:
        """Have the guardian write what people did; its answer is the event as written, or why it was not: `refused`."""
        if self.peer is None:
            return {"refused": "the run is not yet on"}
        try:
            return self.peer.ask({"people": msgspec.to_builtins(event)})
        except ConnectionError:
            return {"refused": "the run is over, or its guardian is lost"}

    def close(self) -> None:
        """Hang up, once the run is over."""
        if self.peer is not None:
            self.peer.close()

    @property
    def is_over(self) -> bool:
        """Whether nobody is at work on the run any more."""
        if self.successor is not None:
            return self.successor.poll() is not None
        if self.guardian.poll() is None:
            return False
        return self._ended_by_itself()

    def exit_code(self) -> ExitCode:
        """Return what the run came to, as its log says; internal if it says nothing."""
        ended = [event for event in _events(self.directory) if isinstance(event, RunEnded)]
        return ExitCode(ended[-1].exit_code) if ended else ExitCode.INTERNAL

    def _ended_by_itself(self) -> bool:
        """Whether the log was brought to its end; a guardian that died without gets a successor."""
        if any(isinstance(event, RunEnded) for event in _events(self.directory)):
            return True
        self.replace("is gone")
        return self.successor is None

    def replace(self, why: str) -> None:
        """Start a successor of a guardian that is lost; one that froze after it had ended its run is only ended."""
        with self._replacing:
            if self.successor is not None:
                return
            if any(isinstance(event, RunEnded) for event in _events(self.directory)):
                end_process(self.guardian_id)
                return
            self.lost_why = f"the guardian (pid {self.guardian.pid}) {why}"
            self.successor = start_successor(self.directory, self.guardian_id, self.lost_why)


def launch(spec: RunSpec, *, keep_fds: Sequence[int] = ()) -> Launched:
    """Start the run's guardian; `keep_fds` stay open in it (what holds an embedded cluster up, for instance)."""
    ours, theirs = socket.socketpair()
    directory = Path(spec.directory)
    command = [sys.executable, "-m", "gameday.run.guardian", "--run", str(directory), "--line", str(theirs.fileno())]
    with (directory / "guardian.log").open("ab") as log:
        guardian = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(theirs.fileno(), *keep_fds),
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    theirs.close()
    return Launched(spec, guardian, ours, guardian_id=process_id(guardian.pid))


def _events(directory: Path) -> Sequence[object]:
    try:
        return read(directory)
    except (OSError, GamedayError):
        return ()
