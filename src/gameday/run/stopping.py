"""Watching stop conditions while a run is on: the stream of samples as it comes, and probes at their intervals.

Whatever is running, a breach ends it: the worker is ended without being asked. Judging is pure (`SampleWatch`); a probe runs in
a thread of its own, so that one that hangs holds nothing up, and one that cannot look three times in a row is a breach, since
a run that nobody watches must not go on.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gameday.change import ProbeSpec, bind
from gameday.change.registry import registered
from gameday.errors import BadParameterError
from gameday.experiment.stops import Stop, StopOnProbe, StopOnSamples
from gameday.run.load import Load
from gameday.run.observing import RunObservations
from gameday.run.wording import in_words
from gameday.traffic.windows import Window, outcomes

_BLIND_LOOKS: Final = 3


@dataclass(slots=True)
class SampleWatch:
    """One condition on the stream of samples; takes windows in their order and says when it is breached."""

    condition: StopOnSamples
    armed_at: float | None = None
    """The monotonic time of the round's first fault; before it, nothing is a breach."""
    _windows: deque[Window] = field(default_factory=deque)

    def take(self, window: Window) -> str:
        """Take the next window; return why the run must stop, or nothing.

        Breached when the windows since the fault cover the whole time, and less than the share succeeded over the last
        `for_seconds` of them.
        """
        if self.armed_at is None or window.start < self.armed_at:
            return ""
        self._windows.append(window)
        while self._windows and self._windows[0].end <= window.end - self.condition.for_seconds + 1e-9:
            self._windows.popleft()
        if window.end - self.armed_at < self.condition.for_seconds:
            return ""
        success = outcomes(self._windows).success
        if success is None or success * 100 >= self.condition.success_below:
            return ""
        return f"stop condition: {self.condition}; it was {success * 100:.1f} %"


class ProbeWatch:
    """One condition on a probe, looked at in a thread until it is breached or no longer wanted."""

    def __init__(self, condition: StopOnProbe, observations: RunObservations, *, breached: Callable[[str], None]) -> None:
        """Take the condition and what the probe looks at; `breached(why)` is called from the thread, once."""
        spec = registered(condition.probe)
        if not isinstance(spec, ProbeSpec):
            raise BadParameterError(f"{condition.probe} is an action; a stop condition measures")
        self._condition, self._spec, self._observations, self._breached = condition, spec, observations, breached
        self._over = threading.Event()

    def start(self) -> None:
        """Begin to look."""
        threading.Thread(target=self._watch, name="stop-condition", daemon=True).start()

    def stop(self) -> None:
        """Look no more; a look that is on is not waited for."""
        self._over.set()

    def _watch(self) -> None:
        blind = 0
        while not self._over.wait(self._condition.every_seconds):
            try:
                found = self._spec.measure(
                    self._observations, **bind(self._spec.measure, self._spec.name, self._condition.arguments)
                )
            except Exception as error:  # noqa: BLE001  # a project's own probe raises anything, and none may end the watch
                blind += 1
                why = f"stop condition: {self._condition}: could not look {blind} times in a row: {in_words(error)}"
                breached = blind >= _BLIND_LOOKS
            else:
                blind = 0
                low, high = self._condition.within
                breached = not low <= found.value <= high
                why = f"stop condition: {self._condition}; it was {found.value:g} {found.unit}"
            if breached and not self._over.is_set():
                self._breached(why)
                return


class Watches:
    """All stop conditions of a round: armed by its first fault, and silent again when the round is over."""

    def __init__(
        self, stops: Sequence[Stop], load: Load | None, observations: RunObservations, *, breached: Callable[[str], None]
    ) -> None:
        """Take the conditions and what they look at; `breached(why)` is called in the running event loop."""
        self._load, self._breached = load, breached
        self._armed = False
        loop = asyncio.get_running_loop()

        def from_thread(why: str) -> None:
            loop.call_soon_threadsafe(breached, why)

        self._samples = [SampleWatch(stop) for stop in stops if isinstance(stop, StopOnSamples)]
        self._probes = [ProbeWatch(stop, observations, breached=from_thread) for stop in stops if isinstance(stop, StopOnProbe)]
        if load is not None and self._samples:
            load.listeners.add(self._take)

    def arm(self, applied_mono: float) -> None:
        """Begin to watch, at the round's first fault: before it, a red baseline ends the round by itself."""
        if self._armed:
            return
        self._armed = True
        for watch in self._samples:
            watch.armed_at = applied_mono
        for probe in self._probes:
            probe.start()

    def stop(self) -> None:
        """Watch no more."""
        if self._load is not None:
            self._load.listeners.discard(self._take)
        for probe in self._probes:
            probe.stop()

    def _take(self, window: Window) -> None:
        for watch in self._samples:
            why = watch.take(window)
            if why:
                self._breached(why)
