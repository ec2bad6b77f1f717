"""What a benchmark is made of: repeated runs, interleaved with those of a peer, and the figures that come of them.

A figure is seconds of several runs, beside those of peers measured in turns with it (A B A B), so that a machine that is
slow for a moment is slow for both. What is measured is in the files called `of_…`; nothing here knows any of it.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

Work = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """The seconds that runs of one thing took, and those of its peers in the same minutes."""

    what: str
    seconds: Sequence[float]
    beside: Mapping[str, Sequence[float]] = field(default_factory=dict)
    target_seconds: float | None = None
    note: str = ""

    @property
    def median_seconds(self) -> float:
        return median(self.seconds)

    @property
    def ratios(self) -> dict[str, float]:
        """How many times as long it took as each peer, by the medians."""
        return {name: self.median_seconds / median(seconds) for name, seconds in self.beside.items()}

    @property
    def is_met(self) -> bool | None:
        """Whether the median is within the target; None where there is none."""
        return None if self.target_seconds is None else self.median_seconds <= self.target_seconds

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "what": self.what,
            "unit": "s",
            "runs": len(self.seconds),
            **_summary(self.seconds),
            "beside": {name: {**_summary(seconds), "ratio": self.ratios[name]} for name, seconds in self.beside.items()},
            "target": self.target_seconds,
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
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            found[name].append(timed(work))
    return found


def command(*words: str, cwd: Any = None, env: Mapping[str, str] | None = None) -> Work:
    """Return what runs a command to its end; AssertionError with what it said if it fails."""

    def run() -> None:
        ended = subprocess.run(words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, f"{' '.join(words)} ended with {ended.returncode}: {ended.stderr}{ended.stdout}"

    return run


def _summary(seconds: Sequence[float]) -> dict[str, float]:
    return {"min": min(seconds), "median": median(seconds), "max": max(seconds)}
