"""What a benchmark is made of: repeated runs, interleaved with those of a peer, and the figures that come of them.

A figure is what several runs took, seconds as a rule, beside those of peers measured in turns with it (A B A B), so that a
machine that is slow for a moment is slow for both. What is measured is in the files called `of_…`; nothing here knows any of it.
"""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

Work = Callable[[], None]
Turn = Callable[[], Sequence[float]]
"""Measures by itself, and returns the seconds of each of its runs."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What runs of one thing took, and those of its peers in the same minutes."""

    what: str
    values: Sequence[float]
    beside: Mapping[str, Sequence[float]] = field(default_factory=dict)
    target: float | None = None
    percentile: int = 50
    """How many of a hundred runs must be within the target."""
    unit: str = "s"
    note: str = ""

    @property
    def ratios(self) -> dict[str, float]:
        """How many times as much it took as each peer, by the medians."""
        return {name: median(self.values) / median(values) for name, values in self.beside.items()}

    @property
    def is_met(self) -> bool | None:
        """Whether enough of the runs are within the target; None where there is none."""
        return None if self.target is None else percentile(self.values, self.percentile) <= self.target

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "what": self.what,
            "unit": self.unit,
            "runs": len(self.values),
            **_summary(self.values),
            "beside": {name: {**_summary(values), "ratio": self.ratios[name]} for name, values in self.beside.items()},
            "target": self.target,
            "percentile": self.percentile,
            "met": self.is_met,
            "note": self.note,
        }


def timed(work: Work) -> float:
    """Return how long it takes, in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def repeated(work: Work, *, runs: int) -> list[float]:
    """Time it several times."""
    return [timed(work) for _ in range(runs)]


def interleaved(works: Mapping[str, Work], *, runs: int) -> dict[str, list[float]]:
    """Time each in turn, several times round; a first round is not counted, since it fills caches."""
    for work in works.values():
        work()
    return in_turns({name: partial(repeated, work, runs=1) for name, work in works.items()}, turns=runs)


def in_turns(turns_of: Mapping[str, Turn], *, turns: int) -> dict[str, list[float]]:
    """Have each measure by itself in its turn, several times round."""
    found: dict[str, list[float]] = {name: [] for name in turns_of}
    for _ in range(turns):
        for name, turn in turns_of.items():
            found[name] += turn()
    return found


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the least within which that many of a hundred runs were; the 99th of fewer than 100 runs is the worst of them."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def command(*words: str, cwd: Any = None, env: Mapping[str, str] | None = None) -> Work:
    """Return what runs a command to its end; AssertionError with what it said if it fails."""

    def run() -> None:
        ended = subprocess.run(words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, f"{' '.join(words)} ended with {ended.returncode}: {ended.stderr}{ended.stdout}"

    return run


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {"min": min(values), "median": median(values), "max": max(values)}
