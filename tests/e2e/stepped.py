"""Clocks that are set while a run is on: of this machine, for processes that are started with it, and of the cluster.

Only wall clocks move. `CLOCK_MONOTONIC` is what it is, as when an administrator or NTP sets a machine's time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import Final

from tests.between import PassOn, Reply, Request, between
from tests.e2e.lying import Lie

_SITE: Final = '''\
"""Python imports this before anything else: every reading of the wall clock is off by what the file beside it says."""

import datetime
import os
import time
from pathlib import Path

_OFFSET = Path(__file__).with_name("offset")
_time, _datetime = time.time, datetime.datetime


def stepped():
    try:
        return _time() + float(_OFFSET.read_text() or 0)
    except (OSError, ValueError):
        return _time()


class _Kind(type):
    def __instancecheck__(cls, obj):
        return isinstance(obj, _datetime)


class Stepped(_datetime, metaclass=_Kind):
    @classmethod
    def now(cls, tz=None):
        return _datetime.fromtimestamp(stepped(), tz)

    @classmethod
    def utcnow(cls):
        return _datetime.fromtimestamp(stepped(), datetime.timezone.utc).replace(tzinfo=None)


time.time = stepped
time.time_ns = lambda: int(stepped() * 1e9)
datetime.datetime = Stepped
'''


@dataclass(frozen=True)
class MachineClock:
    """The wall clock of the processes that are started with `PYTHONPATH` set to its folder."""

    folder: Path

    @classmethod
    def in_folder(cls, folder: Path) -> MachineClock:
        """Put it there, not yet off."""
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_SITE)
        return cls(folder)

    def set_by(self, seconds: float) -> None:
        """Set it."""
        draft = self.folder / "offset.new"
        draft.write_text(str(seconds))
        draft.replace(self.folder / "offset")


@dataclass
class ServerClock:
    """The clock of a cluster as it is seen through its Date header."""

    kubeconfig: Path
    seconds: float = 0.0

    def set_by(self, seconds: float) -> None:
        """Set it."""
        self.seconds = seconds


@contextmanager
def server_clock(kubeconfig: Path, folder: Path) -> Iterator[ServerClock]:
    """Yield a way to a cluster on which its clock can be set."""

    def dated(request: Request, pass_on: PassOn) -> Reply:
        reply = pass_on(request)
        moment = parsedate_to_datetime(reply.date).timestamp() + clock.seconds
        return replace(reply, date=formatdate(moment, usegmt=True))

    lie: Lie = dated
    clock = ServerClock(folder / "none")
    with between(kubeconfig, folder, lie) as path:
        clock.kubeconfig = path
        yield clock
