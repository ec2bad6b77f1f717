"""When a record is due for whoever watches it, with a server's clock that may be set at any moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from gameday.undo.owing import DEADLINE_SECONDS, blank_shard
from gameday.undo.sightings import CONFIRM_SECONDS, Sightings
from gameday.undo.storing import Stored

START = 1_700_000_000.0


@dataclass
class Watched:
    """A guardian's record, a server's clock, and an observer who looks every second."""

    seconds: float = 0.0
    set_by: float = 0.0
    deadline: float = START + DEADLINE_SECONDS
    sightings: Sightings = field(default_factory=Sightings)

    def __post_init__(self) -> None:
        self.sightings.now = lambda: self.seconds

    def left(self) -> float:
        blank = blank_shard("r", Path(), cluster_uid="u")
        shards = [Stored("r-0", "1", msgspec.structs.replace(blank, deadline=self.deadline))]
        return self.sightings.seconds_until_due("r", shards, self.server_time)

    def renew(self) -> None:
        self.deadline = self.server_time + DEADLINE_SECONDS

    def is_due_after(self, seconds: int, *, renewing: bool = False) -> bool:
        """Look so many times; a guardian that renews does so every 20 s."""
        for number in range(seconds):
            if not self.left():
                return True
            self.seconds += 1
            if renewing and number % 20 == 19:
                self.renew()
        return not self.left()

    @property
    def server_time(self) -> float:
        return START + self.seconds + self.set_by


def test_one_that_was_watched_all_the_while_is_due_when_its_deadline_passes() -> None:
    watched = Watched()
    assert not watched.is_due_after(59)
    assert watched.is_due_after(1)


def test_one_that_is_first_seen_after_its_deadline_is_looked_at_twice() -> None:
    watched = Watched(seconds=100.0)
    assert watched.left() == CONFIRM_SECONDS
    assert not watched.is_due_after(4)
    assert watched.is_due_after(1)


def test_one_that_is_renewed_is_never_due() -> None:
    assert not Watched().is_due_after(3600, renewing=True)


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
@pytest.mark.parametrize("seen_for", [0, 1, 19])
def test_a_clock_that_is_set_makes_no_living_guardian_s_record_due(seconds: float, seen_for: int) -> None:
    watched = Watched()
    assert not watched.is_due_after(seen_for)
    watched.set_by = seconds
    # It notices within two seconds, and answers slowly.
    assert not watched.is_due_after(4)
    watched.renew()
    assert not watched.is_due_after(600, renewing=True)


@pytest.mark.parametrize(
    ("seconds", "within_seconds"), [(3600.0, CONFIRM_SECONDS), (-3600.0, DEADLINE_SECONDS + CONFIRM_SECONDS)]
)
def test_a_clock_that_is_set_makes_no_dead_guardian_s_record_wait(seconds: float, within_seconds: float) -> None:
    watched = Watched(set_by=seconds)
    assert watched.is_due_after(int(within_seconds))


def test_what_is_forgotten_is_seen_anew() -> None:
    watched = Watched(seconds=100.0)
    watched.is_due_after(3)
    watched.sightings.keep(["another"])
    assert watched.left() == CONFIRM_SECONDS
