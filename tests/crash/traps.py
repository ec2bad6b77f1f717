"""Traps in the server between gameday and a cluster: it stops at a chosen write, before or after it is applied, or to do so late.

Everything else is passed on as it is. What the trap's owner does while the request is held (killing whoever made it, as a
rule) decides whether it then goes on.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.between import PassOn, Reply, Request, between

BEFORE, AFTER, AMID, LATE = "before", "after", "amid", "late"
"""Killed before the server has the request; after it applied it and before it answered; and with a request that it applies
only then: just before the next write to the same object, or when everything else is over."""
_READS = frozenset({"GET", "HEAD"})
_RUN_ID = re.compile(r"\d{8}t\d{6}z-[a-z0-9-]+")
_BROKEN = Reply(0)
_SUFFIX = re.compile(r"-[a-z0-9]{5,10}-[a-z0-9]{5}\b|-[a-z0-9]{5}\b(?=$|/)")


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """One write, by what stays the same from run to run: names of runs and pods are left out of the path."""

    method: str
    path: str
    nth: int

    def __str__(self) -> str:
        return f"{self.method} {self.path} #{self.nth}"

    @property
    def is_of_ours(self) -> bool:
        """Whether it is about what gameday itself keeps in a cluster."""
        return "/namespaces/gameday-system/" in self.path


@dataclass(slots=True)
class Trap:
    """Which write is stopped at and how; `sprung` is called while it is held, and says whether it may go on afterwards."""

    is_at: Callable[[Call, int], bool]
    """Given a write, and the how manieth of all it is."""
    mode: str
    sprung: Callable[[], bool]
    was_sprung: threading.Event = field(default_factory=threading.Event)


class Traps:
    """Who counts the writes that pass, and stops at one of them."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._trap: Trap | None = None
        self._held: Request | None = None
        self._pass_on: PassOn = _nowhere
        self.calls: list[tuple[float, Call]] = []
        """The writes since the last `begin`, each with the monotonic time at which it came."""
        self.kubeconfig = Path()

    def begin(self, trap: Trap | None = None) -> None:
        """Count from one again, with this trap or none."""
        with self._lock:
            self._counts.clear()
            self.calls = []
            self._trap, self._held = trap, None

    def apply_late(self) -> int:
        """Pass on the request that was kept back; return the server's status, or 0 if there is none."""
        with self._lock:
            held, self._held = self._held, None
        return self._pass_on(held).status if held else 0

    def intercept(self, request: Request, pass_on: PassOn) -> Reply | None:
        """Let a request pass, or have the connection break where the trap's owner says so."""
        self._pass_on = pass_on
        if request.method in _READS or "/authorization.k8s.io/" in request.path:
            return None
        trap = self._trapped(request)
        if trap is None:
            if self._held is not None and self._held.path == request.path and self._amid:
                self.apply_late()
            return None
        if trap.mode == AFTER:
            reply = pass_on(request)
            return reply if trap.sprung() else _BROKEN
        # Kept back before anybody may undo, so that the undoer's first write already finds it.
        self._held = request if trap.mode in {AMID, LATE} else None
        if trap.sprung():
            self._held = None
            return None
        return _BROKEN

    @property
    def _amid(self) -> bool:
        return self._trap is not None and self._trap.mode == AMID

    def _trapped(self, request: Request) -> Trap | None:
        key = (request.method, _stable(request.path))
        with self._lock:
            self._counts[key] += 1
            call = Call(*key, self._counts[key])
            self.calls.append((time.monotonic(), call))
            trap = self._trap
            if trap is None or trap.was_sprung.is_set() or not trap.is_at(call, len(self.calls)):
                return None
            trap.was_sprung.set()
            return trap


def _stable(path: str) -> str:
    path = _RUN_ID.sub("RUN", path.partition("?")[0])
    return _SUFFIX.sub("-POD", path) if "/pods/" in path else path


def _nowhere(request: Request) -> Reply:
    raise AssertionError(f"nothing has passed yet, so {request} has nowhere to go")


@contextmanager
def trapped(kubeconfig: Path, folder: Path) -> Iterator[Traps]:
    """Serve between; the kubeconfig for it stands in what is yielded."""
    found = Traps()
    with between(kubeconfig, folder, found.intercept) as found.kubeconfig:
        yield found
