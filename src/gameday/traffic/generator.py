"""`python -m gameday.traffic.generator`: an open-loop load of whole journeys, in a process of its own.

Standard input: first one line with the load's spec (see `spec`), then commands, one JSON object a line: `{"rate": 80}` goes
on at another rate, which with `"over_seconds": 30` is reached in a straight line; `{"stop": true}` begins no more journeys,
finishes the open ones and ends. The end of the input means that whoever started the load is dead: the same as a stop. So
does SIGTERM.

Standard output, one JSON object a line: `{"started": …}` first; a window (see `windows`) for every 100 ms, in order, once it
is final; `{"waiting": {"at", "since", "open"}}` every half second in which open requests hold windows back, so that
silence is never mistaken for calm; `{"problem": "…"}` when it cannot go on; `{"ended": …}` with the totals last.
Times are CLOCK_MONOTONIC, which all processes of a host share. The ledger is flushed before each line.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import os
import resource
import secrets
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from gameday.errors import GamedayError
from gameday.traffic.journey import COHORT
from gameday.traffic.ledger import LedgerWriter
from gameday.traffic.measuring import Recorder
from gameday.traffic.outlet import Outlet
from gameday.traffic.pacing import Alarm, Schedule
from gameday.traffic.player import Player
from gameday.traffic.spec import LoadSpec, from_line, valid_ramp, valid_rate
from gameday.traffic.windows import WINDOW_SECONDS, Window, to_json
from gameday.traffic.wire import Customer, Target

WAITING_SECONDS = 0.5
LONGEST_LINE = 1 << 20


@dataclass(slots=True)
class Totals:
    """What a whole load came to."""

    offered: int = 0
    ok: int = 0
    failed: int = 0
    windows: int = 0
    behind_seconds: float = 0.0

    def add(self, window: Window) -> None:
        """Count a window that is final."""
        self.offered += window.offered
        self.ok += window.journeys.ok
        self.failed += window.journeys.failed
        self.windows += 1
        self.behind_seconds = max(self.behind_seconds, window.behind_seconds)


@dataclass(slots=True)
class Generator:
    """A load while it runs."""

    spec: LoadSpec
    player: Player
    recorder: Recorder
    schedule: Schedule
    ledger: LedgerWriter
    outlet: Outlet
    targets: cycle[Target]
    alarm: Alarm = field(default_factory=Alarm)
    totals: Totals = field(default_factory=Totals)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    problem: str = ""
    _stopping: bool = False
    _number: int = 0
    _waiting: deque[float] = field(default_factory=deque)
    """Journeys that are due and have to wait, because too many are open."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _said_waiting: float = 0.0

    async def run(self) -> None:
        """Generate load until told to stop and everything has ended."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self.alarm.descriptor, self._ring)
        self.alarm.set(self.schedule.next_due)
        while not (self._stopping and not self._tasks and not self._waiting):
            await asyncio.sleep(WINDOW_SECONDS / 2)
            self._settle()
        loop.remove_reader(self.alarm.descriptor)
        # The last window may not have passed yet, and nothing more can come into it.
        self._settle(ahead_seconds=WINDOW_SECONDS)

    def stop(self) -> None:
        """Begin no more journeys."""
        self._stopping = True

    def obey(self, line: bytes) -> None:
        """Do what a command says; one that cannot be understood is answered with a problem and changes nothing."""
        try:
            command = json.loads(line)
        except ValueError:
            command = None
        if isinstance(command, dict) and command.get("stop") is True:
            self.stop()
        elif isinstance(command, dict) and valid_rate(command.get("rate")) and valid_ramp(command.get("over_seconds", 0)):
            self._ring()  # what was due until now is due at the old rate
            self.schedule.change_rate(command["rate"], time.monotonic(), over_seconds=command.get("over_seconds", 0))
            self.alarm.set(self.schedule.next_due)
        else:
            text = line[:200].decode("utf-8", "replace")
            self.outlet.say({"problem": f'expected {{"stop": true}} or {{"rate": number}}, found {text}'})

    def _ring(self) -> None:
        self.alarm.hear()
        now = time.monotonic()
        while self.schedule.next_due <= now and not self._stopping:
            due = self.schedule.next_due
            self.recorder.offer(due)
            self.recorder.begin(due)
            self._waiting.append(due)
            self.schedule.advance()
        self._start_waiting()
        if not self._stopping:
            self.alarm.set(self.schedule.next_due)

    def _start_waiting(self) -> None:
        while self._waiting and len(self._tasks) < self.spec.most_open_journeys:
            due = self._waiting.popleft()
            label = f"{self.spec.run}-{self._number}"
            values = {
                "run": self.spec.run,
                "number": self._number,
                "customer": f"customer-{label}",
                "key": f"{label}-{secrets.token_hex(6)}",
                **self._of_cohort(self._number),
            }
            self._number += 1
            task = asyncio.get_running_loop().create_task(self.player.play(Customer(next(self.targets)), values, due))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def _of_cohort(self, number: int) -> dict[str, str]:
        cohort = self.player.journey.cohort_of(number)
        return {} if cohort is None else {COHORT: cohort.name, **cohort.values}

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # A sample is missing from now on, so nothing that is measured further could be believed.
            self.fail(f"a journey could not be played: {type(error).__name__}: {error}")
        self._start_waiting()

    def _settle(self, *, ahead_seconds: float = 0.0) -> None:
        now = time.monotonic() + ahead_seconds
        next_due = now if self._stopping else self.schedule.next_due
        try:
            self.ledger.flush()
        except OSError as error:
            self.fail(f"the ledger {self.spec.ledger} cannot be written: {error.strerror}")
            return
        if self.problem:
            return
        for window in self.recorder.final(now, next_due):
            self.totals.add(window)
            self.outlet.say(to_json(window))
        held = self.recorder.held_since(now - WAITING_SECONDS)
        if held is not None and now - self._said_waiting >= WAITING_SECONDS:
            self._said_waiting = now
            self.outlet.say({"waiting": {"at": now, "since": held, "open": self.recorder.pending}})

    def fail(self, problem: str) -> None:
        """Say why it cannot go on, and begin no more journeys; windows after this are not to be believed and not written."""
        if not self.problem:
            self.problem = problem
            self.outlet.say({"problem": problem})
        self._waiting.clear()
        self.stop()


async def _run(spec: LoadSpec, rest: bytes) -> int:
    journey = spec.load_journey()
    ledger = LedgerWriter(Path(spec.ledger), spec.drill_marks)
    ledger.open()
    loop = asyncio.get_running_loop()
    origin = time.monotonic()
    recorder = Recorder(origin)
    outlet = Outlet(sys.stdout.fileno())
    generator = Generator(
        spec,
        Player(journey, recorder, ledger.add),
        recorder,
        Schedule(origin, spec.rate_per_second, spec.arrivals, spec.seed),
        ledger,
        outlet,
        cycle([Target.of(url) for url in spec.targets]),
    )
    outlet.when_gone = generator.stop
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, generator.stop)
    _listen(loop, rest, generator.obey, generator.stop)
    kind = type(loop).__module__.partition(".")[0]
    generator.outlet.say({"started": {"at": origin, "pid": os.getpid(), "loop": kind, "journey": journey.name}})
    # What is there by now stays; the collector need not look at it again in the middle of a measurement.
    gc.collect()
    gc.freeze()
    await generator.run()
    try:
        ledger.close()
    except OSError as error:
        generator.fail(f"the ledger {spec.ledger} cannot be written: {error.strerror}")
    generator.outlet.say({"ended": _totals(generator)})
    await generator.outlet.drain()
    return 1 if generator.problem else 0


def _totals(generator: Generator) -> dict[str, Any]:
    totals, used = generator.totals, resource.getrusage(resource.RUSAGE_SELF)
    return {
        "at": time.monotonic(),
        "offered": totals.offered,
        "ok": totals.ok,
        "failed": totals.failed,
        "windows": totals.windows,
        "behind_seconds": totals.behind_seconds,
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 3),
    }


def _listen(loop: asyncio.AbstractEventLoop, rest: bytes, obey: Callable[[bytes], None], stop: Callable[[], None]) -> None:
    descriptor = sys.stdin.fileno()
    buffer = bytearray(rest)
    os.set_blocking(descriptor, False)

    def heed() -> None:
        while b"\n" in buffer:
            line, _, remaining = bytes(buffer).partition(b"\n")
            buffer[:] = remaining
            obey(line)

    def read() -> None:
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return
        buffer.extend(data)
        heed()
        if not data or len(buffer) > LONGEST_LINE:
            loop.remove_reader(descriptor)
            stop()

    heed()
    loop.add_reader(descriptor, read)


def _first_line() -> tuple[str, bytes]:
    data = b""
    while b"\n" not in data and len(data) < LONGEST_LINE:
        more = os.read(sys.stdin.fileno(), 65536)
        if not more:
            break
        data += more
    line, _, rest = data.partition(b"\n")
    return line.decode("utf-8", "replace"), rest


def _factory() -> Callable[[], asyncio.AbstractEventLoop]:
    if importlib.util.find_spec("uvloop") is None:
        return asyncio.new_event_loop
    import uvloop  # noqa: PLC0415 - an extra, which need not be there

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def main() -> int:
    """Run a load as standard input says; return the exit status: 0 ended, 1 could not go on, 3 or 64 a bad spec or journey."""
    try:
        line, rest = _first_line()
        spec = from_line(line)
        spec.load_journey()
        with asyncio.Runner(loop_factory=_factory()) as runner:
            return runner.run(_run(spec, rest))
    except (GamedayError, OSError) as error:
        sys.stdout.write(json.dumps({"problem": str(error)}) + "\n")
        return int(error.exit_code) if isinstance(error, GamedayError) else 1


if __name__ == "__main__":
    sys.exit(main())
