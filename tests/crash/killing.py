"""Killing a run at one point, seeing it settled, and saying what it left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gameday.log import AnyEvent, read
from gameday.log.events import AbortRequested, ProcessEnded, ProcessStarted, RecoveryStarted, RunEnded, RunStarted
from gameday.processes import ProcessId
from gameday.run.observing import LogTail
from tests.crash.points import EVERYTHING, WORKER, Learnt, Moment, Moments, Point
from tests.crash.scene import Scene, orders_wrong
from tests.crash.scripts import Script
from tests.crash.traps import Trap
from tests.e2e.conftest import Command

_MARK = "CRASH_TEST_DEATH"
_LONGEST_SECONDS = 90.0


@dataclass(slots=True)
class Death:
    """What came of one."""

    point: Point
    killed: bool = False
    """False where the run went another way than the one that was learnt from, and the point never came."""
    instead: str = ""
    """What the run then said."""
    residues: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def wrong(self) -> list[str]:
        return [*self.residues, *self.orders, *self.problems]


class Run:
    """The command, and all processes that came of it, told from others by a mark in their environment."""

    def __init__(self, scene: Scene, script: Script) -> None:
        self.folder = scene.new_folder()
        self.command = Command(scene.project, scene.traps.kubeconfig)
        self.mark = str(self.folder)
        self.environment = {**self.command.environment(), "HOME": str(self.folder), _MARK: self.mark}
        words = ["run", script.file, "--yes", "--runs", str(self.folder / "runs")]
        self.process = self.start(*words)
        self._tail: LogTail | None = None

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "out.txt").open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "gameday", *words],
                cwd=self.command.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def directory(self) -> Path | None:
        return next(iter(self.folder.glob("runs/*")), None)

    def events(self) -> list[AnyEvent]:
        directory = self.directory
        return read(directory) if directory and (directory / "events.jsonl").exists() else []

    def new_events(self) -> Iterator[AnyEvent]:
        directory = self.directory
        if directory is None or not (directory / "events.jsonl").exists():
            return
        self._tail = self._tail or LogTail(directory)
        yield from self._tail.new()

    def pid_of(self, role: str) -> int:
        """Return the newest process of that role that the log names and that is still there, or 0."""
        started = [event for event in self.events() if isinstance(event, ProcessStarted) and event.role == role]
        return started[-1].pid if started and started[-1].pid in self.pids() else 0

    def pids(self) -> set[int]:
        """Return the processes that carry the mark."""
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    marked = f"{_MARK}={self.mark}".encode() in (entry / "environ").read_bytes().split(b"\0")
                    state = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
                    if marked and state not in "ZX":
                        found.add(int(entry.name))
        return found

    def kill(self, point: Point) -> bool:
        """Kill or freeze the victim; say whether it was there. Where everything dies, nothing sees another die."""
        if point.victim != EVERYTHING:
            pid = self.pid_of(point.victim)
            if pid:
                send(pid, signal.SIGSTOP if point.frozen else signal.SIGKILL)
            return bool(pid)
        stopped: set[int] = set()
        for event in self.events():
            if isinstance(event, ProcessStarted) and ProcessId(event.pid, event.start_ticks).is_alive:
                send(event.pid, signal.SIGSTOP)
        while more := self.pids() - stopped:
            for pid in more:
                send(pid, signal.SIGSTOP)
            stopped |= more
        for pid in stopped:
            send(pid, signal.SIGKILL)
        return bool(stopped)

    def end(self) -> None:
        """Leave no process behind, whatever happened."""
        for pid in self.pids():
            send(pid, signal.SIGKILL)
        self.process.wait(timeout=10)


def send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def learn(scene: Scene, script: Script) -> Learnt:
    """Run once, undisturbed."""
    scene.traps.begin()
    run = Run(scene, script)
    try:
        code = run.process.wait(timeout=_LONGEST_SECONDS)
        assert run.events(), (run.folder / "out.txt").read_text()
        assert not scene.differences(), scene.differences()
        return Learnt(script, run.events(), tuple(scene.traps.calls), code)
    finally:
        run.end()


def play(scene: Scene, learnt: Learnt, point: Point) -> Death:
    """Run until the point, kill, see it settled, compare."""
    started = time.monotonic()
    death = Death(point)
    trap = None
    runs: list[Run] = []

    def sprung() -> bool:
        death.killed = runs[0].kill(point)
        return not point.caller_dies

    if point.call is not None:
        trap = Trap(lambda call, _: call == point.call, point.mode, sprung)
    scene.traps.begin(trap)
    run = Run(scene, learnt.script)
    runs.append(run)
    try:
        if point.moment is not None:
            death.killed = _reached(run, point.moment) and run.kill(point)
        _settle(scene, run, death, learnt, trap)
        death.instead = "" if death.killed else (run.folder / "out.txt").read_text().strip()[-300:]
        _compare(scene, run, death)
    except (subprocess.TimeoutExpired, AssertionError) as error:
        death.problems.append(f"{type(error).__name__}: {error}")
    finally:
        run.end()
    death.seconds = time.monotonic() - started
    return death


def _reached(run: Run, moment: Moment) -> bool:
    moments = Moments()
    deadline = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < deadline:
        is_over = run.process.poll() is not None
        for event in run.new_events():
            if moments.of(event) == moment:
                return True
        if is_over:
            return False
        time.sleep(0.002)
    return False


def _settle(scene: Scene, run: Run, death: Death, learnt: Learnt, trap: Trap | None) -> None:
    point = death.point
    code = run.process.wait(timeout=_LONGEST_SECONDS)
    if point.victim == EVERYTHING and death.killed:
        _recover(run, death)
    elif death.killed:
        _judge_code(run, death, learnt, code)
    if trap is not None and scene.traps.apply_late() and point.call is not None and point.call.is_of_ours:
        # Nothing of the run is there any more to see what it wrote for itself; whoever recovers next does.
        _recover(run, death)


def _recover(run: Run, death: Death) -> None:
    code = run.start("recover", "--runs", str(run.folder / "runs")).wait(timeout=_LONGEST_SECONDS)
    if code != 0:
        death.problems.append(f"gameday recover ended with {code}: {(run.folder / 'out.txt').read_text()[-600:]}")


def _judge_code(run: Run, death: Death, learnt: Learnt, code: int) -> None:
    """Expect exit 4, except after the death of a worker that was done or of a guardian that had ended its run."""
    events = run.events()
    aborted = any(isinstance(event, AbortRequested | RecoveryStarted) for event in events)
    ended = [event for event in events if isinstance(event, RunEnded)]
    done = [event for event in events if isinstance(event, ProcessEnded) and event.role == WORKER and event.reason == "done"]
    was_over = bool(done) if death.point.victim == WORKER else bool(ended)
    expected = 4 if aborted or not was_over else learnt.code
    if code != expected:
        death.problems.append(f"expected exit {expected}, but got {code}: {(run.folder / 'out.txt').read_text()[-600:]}")
    if not ended or ended[-1].residue:
        death.problems.append(f"its log says: {ended[-1].residue if ended else 'nothing of an end'}")


def _compare(scene: Scene, run: Run, death: Death) -> None:
    deadline = time.monotonic() + 5
    while (left := run.pids()) and time.monotonic() < deadline:
        time.sleep(0.02)
    if left:
        death.residues.append(f"processes {sorted(left)} are left")
    death.residues += scene.differences()
    started = next((event for event in run.events() if isinstance(event, RunStarted)), None)
    if started is not None and started.traffic and run.directory is not None:
        death.orders += orders_wrong(run.directory, started.traffic["url"])
