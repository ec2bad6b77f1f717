"""`python -m gameday.undo.reaper`: the last resort in the cluster, for runs of which no process is left to undo.

A loop that looks every few seconds, whatever happens to the API meanwhile; its log is one JSON object a line on standard
error. It reaches the cluster as every command does (KUBECONFIG, or the pod's service account), and answers /livez and
/readyz if GAMEDAY_REAPER_PORT names a port, at POD_IP if that is set. What it does is in `reaping`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from gameday.cluster import Cluster
from gameday.errors import ExitCode, GamedayError
from gameday.logs import configure_service_logs
from gameday.undo.reaping import Reaper
from gameday.undo.vitals import serve_vitals

PORT_VARIABLE: Final = "GAMEDAY_REAPER_PORT"
_RECONNECT_SECONDS: Final = 300.0
"""A pod's token is replaced by its kubelet well before it ends; a client of ours reads it when it is made."""
_LONGEST_WAIT_SECONDS: Final = 8.0
_FINISH_SECONDS: Final = 10.0
_READY_SECONDS: Final = 30.0
_ALIVE_SECONDS: Final = 90.0
"""A look is a few requests, each of which ends within ten seconds."""
_log = structlog.get_logger("gameday.reaper")


def main(arguments: list[str] | None = None) -> int:
    """Reap until SIGTERM or SIGINT; return the exit status."""
    given = _parser().parse_args(arguments)
    configure_service_logs()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    watch = Watch(stop, _connect, is_dry_run=given.dry_run)
    port = os.environ.get(PORT_VARIABLE)
    server = serve_vitals(os.environ.get("POD_IP", ""), int(port), watch.vitals()) if port else None
    _log.info("started", dry_run=given.dry_run, port=server.server_port if server else None)
    watch.run()
    if server is not None:
        server.shutdown()
        server.server_close()
    _log.info("ended")
    return int(ExitCode.EXPECTED)


@dataclass(slots=True)
class Watch:
    """The loop around the reaper: connects anew, backs off while the API is away, and knows how it is doing."""

    stop: threading.Event
    connect: Callable[[], Cluster]
    is_dry_run: bool = False
    _reaper: Reaper | None = None
    _connected_at: float = 0.0
    _failures: int = 0
    _beat: float = field(default_factory=time.monotonic)
    _looked: float | None = None

    def run(self) -> None:
        """Look until told to stop, then give back what is being undone."""
        wait_seconds = 0.0
        while not self.stop.wait(wait_seconds):
            wait_seconds = self._once()
        if self._reaper is not None:
            self._reaper.finish(_FINISH_SECONDS)

    def vitals(self) -> Mapping[str, Callable[[], tuple[bool, Mapping[str, Any]]]]:
        """Return what /livez and /readyz answer."""
        return {"/livez": self._livez, "/readyz": self._readyz}

    def _once(self) -> float:
        """Look once; return after how many seconds to look again."""
        self._beat = time.monotonic()
        try:
            wait_seconds = self._current().look()
        except GamedayError as error:
            self._failures += 1
            self._connected_at = 0.0
            wait_seconds = min(2.0 ** (self._failures - 1), _LONGEST_WAIT_SECONDS)
            _log.warning("could not look", error=str(error), failures=self._failures, again_in_seconds=wait_seconds)
            return wait_seconds
        if self._failures:
            _log.info("looking again", failures=self._failures)
        self._failures, self._looked = 0, time.monotonic()
        return wait_seconds

    def _current(self) -> Reaper:
        """Return the reaper, with a client that is not older than a token may be."""
        if self._reaper is None or time.monotonic() - self._connected_at > _RECONNECT_SECONDS or self._connected_at == 0.0:
            cluster = self.connect()
            if self._reaper is None:
                self._reaper = Reaper(cluster, self.stop, is_dry_run=self.is_dry_run)
            self._reaper.cluster = cluster
            self._connected_at = time.monotonic()
        return self._reaper

    def _livez(self) -> tuple[bool, Mapping[str, Any]]:
        age = time.monotonic() - self._beat
        return age < _ALIVE_SECONDS, {"last_turn_seconds": round(age, 1)}

    def _readyz(self) -> tuple[bool, Mapping[str, Any]]:
        """Say whether records can be looked at. Records that are left alone are told, and do not count against it."""
        age = None if self._looked is None else time.monotonic() - self._looked
        left_alone = sorted(self._reaper.left_alone) if self._reaper else []
        facts = {"last_look_seconds": None if age is None else round(age, 1), "left_alone": left_alone}
        return age is not None and age < _READY_SECONDS, facts


def _connect() -> Cluster:
    from gameday.kube import connect  # noqa: PLC0415  # a third of a second: the endpoints answer before

    return connect()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gameday.undo.reaper", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="say what would be undone, and write nothing to the cluster")
    return parser


if __name__ == "__main__":
    sys.exit(main())
