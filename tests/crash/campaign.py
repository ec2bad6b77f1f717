"""Many deaths on clusters side by side, and what they came to: a line each, a summary, and a result that can be kept."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gameday import __version__
from tests.crash.killing import Death, learn, play
from tests.crash.points import Learnt, Point, frozen
from tests.crash.scene import Scene, scene
from tests.crash.scripts import ROOT, Script, write_project

DEFAULT_SEED: Final = 3
OF_EACH_KIND: Final = ("pod-loss", "dependency-down", "first-dependency-down (runbook executed)", "storage-blocked-inline")
"""Of what a sample is drawn: runs that delete, patch, execute a runbook, and prepare, create and wait. Each is learnt from first,
which takes as long as it does; the whole campaign leaves none out."""
RESULT: Final = Path(__file__).with_name("RESULT.json")


def seed() -> int:
    """Return the seed: always the same, unless GAMEDAY_CRASH_SEED says otherwise."""
    return int(os.environ.get("GAMEDAY_CRASH_SEED", DEFAULT_SEED))


@dataclass(slots=True)
class Campaign:
    """All deaths so far."""

    folder: Path
    told: Callable[[str], None]
    clusters: Sequence[Callable[[Path], AbstractContextManager[Scene]]] = (scene, scene)
    """Where, one side by side with the others; each is entered anew after a death that left something behind."""
    planned: int = 0
    deaths: list[Death] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def learn(self, *names: str) -> list[Learnt]:
        """Run everything once, or what is named, undisturbed."""
        scripts = [script for script in write_project(self.folder / "scripts") if not names or script.name in names]
        found: list[Learnt] = []

        def learnt(at: Scene, script: Script) -> bool:
            found.append(learn(at, script))
            return True

        self._side_by_side("learn", scripts, learnt)
        return sorted(found, key=lambda item: item.script)

    def carry_out(self, learnt: Sequence[Learnt], points: Sequence[Point]) -> None:
        """Die at all these points; a cluster on which something went wrong is not used again."""
        runs = {item.script: item for item in learnt}
        self.planned = len(points)

        def die(at: Scene, point: Point) -> bool:
            death = play(at, runs[point.script], point)
            with self._lock:
                self.deaths.append(death)
                state = "killed" if death.killed else f"not reached ({death.instead})"
                wrong = "".join(f"\n      {line}" for line in death.wrong)
                self.told(f"{len(self.deaths):4}/{self.planned} {death.seconds:5.1f} s {state}  {point}{wrong}")
            # A run that did not settle is not the next one's to find either.
            return not death.wrong

        self._side_by_side("die", points, die)

    def _side_by_side(self, name: str, items: Sequence[Any], work: Callable[[Scene, Any], bool]) -> None:
        waiting = list(reversed(items))

        def next_one() -> Any:
            with self._lock:
                return waiting.pop() if waiting else None

        def one(number: int) -> None:
            times = 0
            while waiting:
                times += 1
                folder = self.folder / f"{name}-{number}-{times}"
                folder.mkdir()
                with self.clusters[number](folder) as at:
                    while (item := next_one()) is not None and work(at, item):
                        pass

        with ThreadPoolExecutor(len(self.clusters)) as pool:
            try:
                for done in [pool.submit(one, number) for number in range(len(self.clusters))]:
                    done.result()
            finally:
                # Whoever interrupts, or fails, waits for what is on, and for no more.
                waiting.clear()

    @property
    def wrong(self) -> list[str]:
        """What was left behind, lost or otherwise wrong, each with its point."""
        return [f"{death.point}: {line}" for death in self.deaths for line in death.wrong]

    @property
    def summary(self) -> str:
        killed = sum(death.killed for death in self.deaths)
        residues = sum(bool(death.residues) for death in self.deaths)
        orders = sum(len(death.orders) for death in self.deaths)
        return f"points killed: {killed}, residues: {residues}, lost or doubled orders: {orders}, seed {seed()}"

    def save(self) -> None:
        """Write what it came to."""
        killed = [death for death in self.deaths if death.killed]
        victims = Counter(f"{death.point.victim}{' frozen' if death.point.frozen else ''}" for death in killed)
        modes = Counter(death.point.mode or "at an event" for death in killed)
        result = {
            "summary": self.summary,
            "complete": len(self.deaths) == self.planned,
            "points_planned": self.planned,
            "points_killed": len(killed),
            "points_not_reached": [str(death.point) for death in self.deaths if not death.killed],
            "residues": sum(bool(death.residues) for death in self.deaths),
            "lost_or_doubled_orders": sum(len(death.orders) for death in self.deaths),
            "wrong": self.wrong,
            "by_victim": dict(sorted(victims.items())),
            "by_moment": dict(sorted(modes.items())),
            "by_run": dict(sorted(Counter(death.point.script.name for death in killed).items())),
        }
        record("kill points", result)


def all_points(learnt: Iterable[Learnt]) -> list[Point]:
    """Return every death, in an order drawn by the seed, so that a part of them is a fair part; a few of them frozen."""
    points = [point for item in learnt for point in item.points()]
    rng = random.Random(seed())  # noqa: S311  # a sample, not a secret
    points += frozen(points, number=10, rng=rng)
    rng.shuffle(points)
    return points


def sample(learnt: Iterable[Learnt], *, number: int) -> list[Point]:
    """Return some deaths by the seed, two of them frozen."""
    points = [point for item in learnt for point in item.points()]
    rng = random.Random(seed())  # noqa: S311
    two = frozen(points, number=1, rng=rng)
    return [*two, *rng.sample(points, number - len(two))]


def record(what: str, found: Mapping[str, Any]) -> None:
    """Keep what one kind of test came to, in full, with what it was of; the results of the other kinds stay."""
    results = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    results[what] = {
        **found,
        "seed": seed(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"gameday": __version__, "python": platform.python_version(), "kernel": platform.release()},
        "digest_of_suite": _digest(Path(__file__).parent.glob("*.py")),
        "digest_of_product": _digest(_product()),
    }
    RESULT.write_text(json.dumps(results, indent=2) + "\n")


def _product() -> Iterable[Path]:
    """Return what a run consists of; the embedded cluster is another program, and changes for other reasons."""
    engine = ROOT / "src" / "gameday"
    yield from (path for path in engine.rglob("*.py") if "staging" not in path.relative_to(engine).parts)
    for name in ("actions", "probes"):
        yield from (ROOT / name).rglob("*.py")


def _digest(paths: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in sorted(paths):
        found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()
