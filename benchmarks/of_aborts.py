"""How fast a run stops: from a breach, or the death of its worker, to the undo; beside Chaos Toolkit's own ways to stop.

A breach is the moment at which what is watched turns bad, before anybody can have looked. The first undo call is the arrival
of the first write to the harmed object after it. Both are noted on the wire before the cluster's server, by one clock.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from statistics import median
from typing import Final

import stopped
from measuring import Figure, in_turns, timed
from of_cluster import PAYMENT, a_shop
from of_commands import CHAOS, GAMEDAY
from wire import Wire, wire

from gameday.errors import ExitCode
from gameday.kube import connect
from gameday.log import AnyEvent, read
from gameday.log.events import AbortRequested, PhaseEnded, PhaseStarted, ProcessStarted

TURNS: Final = len(stopped.LONG)
TARGET_SECONDS: Final = 0.5
PERCENTILE: Final = 99
RUN: Final = (GAMEDAY, "run", "--unguarded", "--yes")
CHAOS_RUN: Final = (CHAOS, "--no-version-check", "run", "--rollback-strategy", "always")
FAIL_FAST: Final = (
    "--fail-fast",
    "--hypothesis-strategy",
    "continuously",
    "--hypothesis-frequency",
    f"{stopped.WINDOW_SECONDS:g}",
)
_BEGUN_SECONDS: Final = 1.5
"""From the fault until what runs for long has begun, with some to spare."""
_GOLDEN: Final = 0.618
"""Its multiples, without their whole part, fall evenly between 0 and 1 however many there are."""

Document = Callable[[str, str], stopped.Json]


@dataclass(frozen=True)
class Scene:
    """A cluster with the shop, the wire to it, and a project from which experiments are run."""

    wire: Wire
    folder: Path
    _numbers: Iterator[int] = field(default_factory=count)

    @contextmanager
    def running(self, words: Sequence[str], document: Document, long: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run an experiment; come back at some moment while the long thing runs, and end what is left of it at last."""
        self.wire.begin()
        number = next(self._numbers)
        (self.folder / "experiment.json").write_text(json.dumps(document(long, self.wire.address)))
        env = {**os.environ, "NO_COLOR": "1", "KUBECONFIG": str(self.folder / "kubeconfig"), "HOME": str(self.folder)}
        with (self.folder / "said.txt").open("w") as said:
            process = subprocess.Popen(
                [*words, "experiment.json"],
                cwd=self.folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        try:
            self.wire.first_write()
            time.sleep(_BEGUN_SECONDS + stopped.WINDOW_SECONDS * (number * _GOLDEN % 1))
            yield process
        except TimeoutError as error:
            error.add_note((self.folder / "said.txt").read_text())
            raise
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)

    def events(self) -> list[AnyEvent]:
        """Return the events of the newest run."""
        return read(max(self.folder.glob("runs/*/events.jsonl")))


@contextmanager
def a_scene() -> Iterator[Scene]:
    """Start a cluster with the shop, and put the wire before it."""
    with (
        a_shop() as running,
        wire(running.kubeconfig, stopped.PAYMENT) as between,
        tempfile.TemporaryDirectory(prefix="gameday-bench-") as name,
    ):
        folder = Path(name)
        for path, text in stopped.PROJECT.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
        (folder / "kubeconfig").write_text(json.dumps(between.kubeconfig()))
        yield Scene(between, folder)


def breaches() -> Iterator[Figure]:
    """Breach a stop condition while something runs for long, in turns with the two ways that Chaos Toolkit has to stop."""
    with a_scene() as scene:
        in_method, anywhere = cycle(stopped.IN_METHOD), cycle(stopped.LONG)
        found = in_turns(
            {
                "a probe": lambda: [_aborted(scene, stopped.on_probe, long) for long in stopped.LONG],
                "samples": lambda: [_aborted(scene, stopped.on_samples, long) for long in stopped.LONG],
                "--fail-fast": lambda: [_rolled_back(scene, FAIL_FAST, stopped.on_hypothesis, next(in_method))],
                "safeguards": lambda: [_rolled_back(scene, (), stopped.on_safeguard, next(anywhere))],
            },
            turns=TURNS,
        )
    ours = {what: found.pop(what) for what in ("a probe", "samples")}
    for what, seconds in ours.items():
        note = f"{TURNS} times during each of: {', '.join(stopped.LONG)}"
        yield Figure(f"breach of {what} to first undo call", seconds, found, TARGET_SECONDS, PERCENTILE, note=note)


def killed_workers() -> Iterator[Figure]:
    """Kill the worker in the middle of an activity, in turns with one write to the same object."""
    with a_scene() as scene:
        cluster = connect(kubeconfig=scene.folder / "kubeconfig")

        def patch() -> None:
            cluster.patch(PAYMENT, [{"op": "add", "path": "/metadata/annotations/bench", "value": f"{time.monotonic()}"}])

        found = in_turns({"killed": lambda: [_killed(scene)], "one PATCH": lambda: [timed(patch)]}, turns=3 * TURNS)
    killed = found.pop("killed")
    target = TARGET_SECONDS + median(found["one PATCH"])
    note = "undone: the server has answered the undo; target: 500 ms and the server's own time, that of one PATCH"
    yield Figure("SIGKILL of the worker to undone", killed, found, target, PERCENTILE, note=note)


def _aborted(scene: Scene, document: Document, long: str) -> float:
    """Breach a run of ours; return the seconds until its first undo call."""
    with scene.running(RUN, document, long) as process:
        bad_at = scene.wire.turn_bad()
        undo = scene.wire.first_write(since=bad_at)
        _see_out(scene, process, by="stop condition", during="hypothesis" if long == stopped.HYPOTHESIS else "method")
    return undo.came - bad_at


def _rolled_back(scene: Scene, options: Sequence[str], document: Document, long: str) -> float:
    """Breach an experiment under Chaos Toolkit; return the seconds until its rollback is called."""
    with scene.running((*CHAOS_RUN, *options), document, long):
        bad_at = scene.wire.turn_bad()
        return scene.wire.first_write(since=bad_at).came - bad_at


def _killed(scene: Scene) -> float:
    """Kill a run's worker; return the seconds until the server has answered the undo."""
    with scene.running(RUN, stopped.on_nothing, stopped.ACTIVITY) as process:
        worker = next(event.pid for event in scene.events() if isinstance(event, ProcessStarted) and event.role == "worker")
        killed_at = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        undo = scene.wire.first_write(since=killed_at)
        _see_out(scene, process, by="worker", during="method")
    return undo.answered - killed_at


def _see_out(scene: Scene, process: subprocess.Popen[bytes], *, by: str, during: str) -> None:
    """Let a run end without measuring its recovery; hold it to having been aborted by that, during that."""
    process.send_signal(signal.SIGINT)
    code = process.wait(timeout=60)
    assert code == ExitCode.ABORTED, (scene.folder / "said.txt").read_text()
    events = scene.events()
    abort = next(event for event in events if isinstance(event, AbortRequested))
    before = [event for event in events if isinstance(event, PhaseStarted | PhaseEnded) and event.seq < abort.seq]
    assert (abort.by, before[-1].phase, type(before[-1])) == (by, during, PhaseStarted), abort
