"""The generator's 100 ms windows, and pure folds over them: rates, percentiles, time to recover.

What a window counts. Every sample belongs to the window in which it was *due*: the moment at which the customer pressed
the button, not the one at which an answer, or a time-out, came. A request that was due during an outage and failed two
seconds after its end still is a failure of the outage, so the end of the outage stands where it was. The price is that a
window is only written when everything that was due in it has ended, at most one step's time-out later; windows come in
order, each once, and are never corrected.

A step's first request is due when its journey is; each further one when the answer before it arrived (plus the customer's
time to think). A journey counts, as a success or as a failure, where the step was due that decided it. Latency is
counted from the due moment, for answers as expected only: an outage that answers errors fast must not look quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gameday.traffic import histogram

WINDOW_SECONDS = 0.1
MINIMUM_SAMPLES = 30
STEADY_WINDOWS = 5
MOST_BEHIND_SECONDS = WINDOW_SECONDS
"""A generator that sends later than this has not kept to its schedule in that window: what it saw may belong to another."""
MOST_WINDOWS_BEHIND = 0.01
"""The share of windows in which that may happen before the measurements are not to be believed."""
WAITING = "waiting"
"""The kind of failure that is the waiting page: customers turned away for now, and told so."""
LONGEST_WIDE_SECONDS = 2.0
FEWEST_SAMPLES = 5
"""A wide window of so many samples is wide enough once it is that long, so that a small load too shows a recovery soon."""
UNANSWERED = frozenset({"timeout", "connect_failed", "connection_lost"})
"""Failures to which nobody said anything; a refusal is an answer."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How attempts at one thing (a step, or a whole journey) ended."""

    ok: int = 0
    failed: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    """The failures by kind: `connect_refused`, `timeout`, `status_503`; for a journey `submit:status_503`."""
    poor_errors: int = 0
    """Failures whose answer lacked what the journey wants an error to say."""
    latency: histogram.Counts = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """How many attempts there were."""
        return self.ok + self.failed

    @property
    def success(self) -> float | None:
        """The share that succeeded; None where there was no attempt."""
        return self.ok / self.samples if self.samples else None

    @property
    def turned_away(self) -> int:
        """How many saw the waiting page."""
        return sum(number for kind, number in self.errors.items() if kind.rpartition(":")[2] == WAITING)

    @property
    def accepted_success(self) -> float | None:
        """The share that succeeded of those who were let in; None where nobody was."""
        accepted = self.samples - self.turned_away
        return self.ok / accepted if accepted else None


NOTHING = Outcomes()


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time and everything that was due in it; `start` is CLOCK_MONOTONIC."""

    start: float
    seconds: float
    offered: int
    """Journeys that were due to begin."""
    behind_seconds: float
    """The latest sending, against its schedule: how far the generator itself was behind."""
    journeys: Outcomes
    steps: Mapping[str, Outcomes]
    cohorts: Mapping[str, Outcomes] = field(default_factory=dict)
    """Whole journeys by the cohort of their customers, without latencies; empty where the journey has no cohorts."""

    @property
    def end(self) -> float:
        """When the next window starts."""
        return self.start + self.seconds

    def of(self, step: str | None) -> Outcomes:
        """Return the outcomes of a step, or of whole journeys where no step is named."""
        return self.journeys if step is None else self.steps.get(step, NOTHING)

    def of_cohort(self, cohort: str) -> Outcomes:
        """Return the outcomes of the whole journeys of one cohort."""
        return self.cohorts.get(cohort, NOTHING)


def merge(windows: Sequence[Window]) -> Window:
    """Return one window over all of these, from the earliest start to the latest end; at least one is needed."""
    start, end = min(window.start for window in windows), max(window.end for window in windows)
    names = dict.fromkeys(name for window in windows for name in window.steps)
    cohorts = dict.fromkeys(name for window in windows for name in window.cohorts)
    return Window(
        start,
        end - start,
        sum(window.offered for window in windows),
        max(window.behind_seconds for window in windows),
        _total(window.journeys for window in windows),
        {name: _total(window.of(name) for window in windows) for name in names},
        {name: _total(window.of_cohort(name) for window in windows) for name in cohorts},
    )


def between(windows: Iterable[Window], since: float, until: float) -> list[Window]:
    """Return the windows that lie wholly in the interval, in order."""
    inside = (window for window in windows if window.start >= since - 1e-9 and window.end <= until + 1e-9)
    return sorted(inside, key=lambda window: window.start)


def unanswered_seconds(windows: Iterable[Window]) -> float:
    """Return the longest stretch in which requests were due and not one of them was answered, not even by an error."""
    longest = 0.0
    stretch: Window | None = None
    for window in windows:
        seen = list(window.steps.values())
        if any(outcome.ok or outcome.failed > sum(outcome.errors.get(kind, 0) for kind in UNANSWERED) for outcome in seen):
            stretch = None
        elif stretch is not None or any(outcome.samples for outcome in seen):
            stretch = stretch or window
            longest = max(longest, window.end - stretch.start)
    return longest


def outcomes(
    windows: Iterable[Window], *, since: float = float("-inf"), until: float = float("inf"), step: str | None = None
) -> Outcomes:
    """Return how everything ended that was due in the interval."""
    return _total(window.of(step) for window in between(windows, since, until))


def success_rate(
    windows: Iterable[Window], *, since: float = float("-inf"), until: float = float("inf"), step: str | None = None
) -> float | None:
    """Return the share of successes (0 to 1) of a step, or of whole journeys; None where there was no sample."""
    return outcomes(windows, since=since, until=until, step=step).success


def latency_percentile(
    windows: Iterable[Window],
    percent: float,
    *,
    since: float = float("-inf"),
    until: float = float("inf"),
    step: str | None = None,
) -> float | None:
    """Return a percentile of the latency in seconds of what succeeded in the interval; None where nothing did."""
    return histogram.percentile(outcomes(windows, since=since, until=until, step=step).latency, percent)


def widened(windows: Sequence[Window], *, minimum_samples: int = MINIMUM_SAMPLES, step: str | None = None) -> list[Window]:
    """Merge consecutive windows until each has enough samples, or is long enough; what is left over at the end is dropped."""
    return [merge(group) for group in _groups(windows, minimum_samples, step)]


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long after the fault the service was itself again, and between which bounds that is certain."""

    seconds: float
    low_seconds: float
    high_seconds: float
    ever_out: bool
    """False where nothing was ever out of tolerance; `high_seconds` then is the longest outage that could hide."""


Tolerance = Callable[[Window], bool]
"""Says whether a window is as it should be."""


def success_at_least(rate: float, *, step: str | None = None) -> Tolerance:
    """Return the tolerance that wants at least this share (0 to 1) of successes."""
    return lambda window: (window.of(step).success or 0.0) >= rate


def time_to_recover(
    windows: Iterable[Window],
    fault_at: float,
    tolerance: Tolerance,
    *,
    until: float = float("inf"),
    minimum_samples: int = MINIMUM_SAMPLES,
    steady: int = STEADY_WINDOWS,
    step: str | None = None,
) -> Recovery | None:
    """Return when a service was back in tolerance for good after a fault; None where that cannot be shown.

    The algorithm: take the windows from the one in which the fault began, merge consecutive ones until each has
    `minimum_samples` (or, with at least five samples, until it is 2 s long), and find the last one out of tolerance. If at
    least `steady` windows follow it (all within tolerance, since it is the last one out), the service recovered at the start
    of the first of them. If fewer follow, it has not been seen to recover.

    The interval: recovery was not before the start of the last 100 ms in which anything failed within that last wide window
    (of the window itself, where none did and it is out for another reason), and not after the end of the first wide window
    within tolerance, whose first part might still have been out.

    If no window was ever out of tolerance the answer is zero, with the longest wide window as the upper bound: a shorter
    outage could hide in one. That too takes at least `steady` windows.
    """
    after = sorted((w for w in windows if w.end > fault_at + 1e-9 and w.end <= until + 1e-9), key=lambda w: w.start)
    groups = _groups(after, minimum_samples, step)
    wide = [merge(group) for group in groups]
    out = [index for index, window in enumerate(wide) if not tolerance(window)]
    first_steady = out[-1] + 1 if out else 0
    if len(wide) - first_steady < steady:
        return None
    if not out:
        return Recovery(0.0, 0.0, max(window.seconds for window in wide), ever_out=False)
    failing = [window for window in groups[out[-1]] if window.of(step).failed]
    last_bad = failing[-1].start if failing else wide[out[-1]].start
    back = wide[first_steady]
    return Recovery(
        seconds=max(0.0, back.start - fault_at),
        low_seconds=max(0.0, last_bad - fault_at),
        high_seconds=back.end - fault_at,
        ever_out=True,
    )


def generator_kept_up(windows: Iterable[Window]) -> bool:
    """Say whether the generator itself kept its schedule, so that what it measured is the service's doing.

    It did if in no more than one window of a hundred (one, where there are fewer) anything was sent more than 100 ms after
    it was due: less than that is in the latencies, which count from the due moment, and moves nothing into another window
    by more than one. No window at all is not keeping up.
    """
    late = [window.behind_seconds > MOST_BEHIND_SECONDS for window in windows]
    return bool(late) and sum(late) <= max(1.0, MOST_WINDOWS_BEHIND * len(late))


def by_cohort(windows: Iterable[Window]) -> dict[str, Outcomes]:
    """Return how the whole journeys of each cohort ended that were due in these windows."""
    found = list(windows)
    names = dict.fromkeys(name for window in found for name in window.cohorts)
    return {name: _total(window.of_cohort(name) for window in found) for name in names}


def to_json(window: Window) -> dict[str, Any]:
    """Return a window as the generator writes it; cohorts stand in it only where the journey has any."""
    cohorts = {name: _outcomes_to_json(found) for name, found in window.cohorts.items()}
    return {
        "start": round(window.start, 6),
        "seconds": round(window.seconds, 6),
        "offered": window.offered,
        "behind_seconds": round(window.behind_seconds, 6),
        "journeys": _outcomes_to_json(window.journeys),
        "steps": {name: _outcomes_to_json(found) for name, found in window.steps.items()},
        **({"cohorts": cohorts} if cohorts else {}),
    }


def from_json(value: Mapping[str, Any]) -> Window:
    """Return the window that `to_json` wrote."""
    return Window(
        value["start"],
        value["seconds"],
        value["offered"],
        value["behind_seconds"],
        _outcomes_from_json(value["journeys"]),
        {name: _outcomes_from_json(found) for name, found in value["steps"].items()},
        {name: _outcomes_from_json(found) for name, found in value.get("cohorts", {}).items()},
    )


def _groups(windows: Sequence[Window], minimum_samples: int, step: str | None) -> list[list[Window]]:
    groups: list[list[Window]] = []
    current: list[Window] = []
    samples = 0
    for window in windows:
        current.append(window)
        samples += window.of(step).samples
        long_enough = samples >= FEWEST_SAMPLES and window.end - current[0].start >= LONGEST_WIDE_SECONDS - 1e-9
        if samples >= minimum_samples or long_enough:
            groups.append(current)
            current, samples = [], 0
    return groups


def _total(found: Iterable[Outcomes]) -> Outcomes:
    everything = list(found)
    errors: dict[str, int] = {}
    for one in everything:
        for kind, number in one.errors.items():
            errors[kind] = errors.get(kind, 0) + number
    return Outcomes(
        sum(one.ok for one in everything),
        sum(one.failed for one in everything),
        errors,
        sum(one.poor_errors for one in everything),
        histogram.merged(one.latency for one in everything),
    )


def _outcomes_to_json(found: Outcomes) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "failed": found.failed,
        "errors": dict(found.errors),
        "poor_errors": found.poor_errors,
        "latency": histogram.to_json(found.latency),
    }


def _outcomes_from_json(value: Mapping[str, Any]) -> Outcomes:
    return Outcomes(value["ok"], value["failed"], value["errors"], value["poor_errors"], histogram.from_json(value["latency"]))
