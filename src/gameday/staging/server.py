"""`python -m gameday.staging.server`: one embedded cluster as a process of its own.

It says on standard output, in one line of JSON, when it serves; its log goes to standard error. It ends on SIGTERM or SIGINT (a
second signal ends the pods without grace), or when everybody who held a `--hold-fd` pipe is gone, and takes its folder's
content along. Starting it in the background and finding it again is in `lifecycle.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import os
import shutil
import signal
import sys
from pathlib import Path

import structlog

from gameday.errors import ExitCode, GamedayError
from gameday.staging.cluster import CONTEXT, Cluster, ClusterSettings
from gameday.staging.lifecycle import STATE_FILE
from gameday.staging.processes import start_ticks

_log = structlog.get_logger("gameday.staging")
_COLLECTOR_THRESHOLDS = (10_000, 20, 50)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main(arguments: list[str] | None = None) -> int:
    """Run a cluster until told to stop; return the exit status."""
    given = _parser().parse_args(arguments)
    _configure_log(verbose=given.verbose)
    settings = ClusterSettings(
        directory=given.directory,
        nodes=given.nodes,
        zones=given.zones,
        keep=given.keep,
        manifests=given.manifests,
        afterwards=given.afterwards,
    )
    created = not given.directory.exists()
    given.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        asyncio.run(_serve(settings, given.hold_fd))
    except GamedayError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    finally:
        _clear(given.directory, itself=created or given.remove_directory, keep=given.keep)
    return int(ExitCode.EXPECTED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gameday.staging.server", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="where everything of the cluster is kept while it runs")
    parser.add_argument("--nodes", type=int, default=2, help="how many nodes it has")
    parser.add_argument("--zones", type=int, default=3, help="how many zones the nodes are in")
    parser.add_argument(
        "--keep", action="store_true", help="keep the objects, claims and hostPaths in the folder for the next start"
    )
    parser.add_argument("--manifests", type=Path, action="append", default=[], help="a file or folder to create objects from")
    parser.add_argument("--afterwards", type=Path, action="append", default=[], help="the same, when all workloads are Ready")
    parser.add_argument("--hold-fd", type=int, action="append", default=[], help="a pipe; at its end, the cluster ends")
    parser.add_argument("--remove-directory", action="store_true", help="remove the folder itself, too, at the end")
    parser.add_argument("--verbose", action="store_true", help="log every request")
    return parser


def _configure_log(*, verbose: bool) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


async def _serve(settings: ClusterSettings, hold_fds: list[int]) -> None:
    cluster = Cluster(settings)
    stop = asyncio.Event()
    try:
        _watch_holders(hold_fds, stop)
        _watch_signals(cluster, stop)
        await cluster.start()
        _spare_collector()
        _announce(cluster)
        await stop.wait()
    finally:
        _log.info("the cluster stops")
        try:
            await cluster.stop()
        finally:
            # The loop hears no more signals soon, and one that came then would cut short what is still to be cleared.
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def _spare_collector() -> None:
    """Keep the garbage collector from going through the modules and the store again and again: neither has cycles to find."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTOR_THRESHOLDS)


def _watch_signals(cluster: Cluster, stop: asyncio.Event) -> None:
    def stop_or_hurry() -> None:
        if stop.is_set():
            cluster.hurry()
        stop.set()

    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop_or_hurry)


def _watch_holders(hold_fds: list[int], stop: asyncio.Event) -> None:
    """Stop when the last of these pipes is at its end."""
    loop = asyncio.get_running_loop()
    held = set(hold_fds)

    def look(descriptor: int) -> None:
        if os.read(descriptor, 4096):
            return
        loop.remove_reader(descriptor)
        held.discard(descriptor)
        if not held:
            stop.set()

    for descriptor in hold_fds:
        loop.add_reader(descriptor, look, descriptor)


def _announce(cluster: Cluster) -> None:
    """Write the state file, and say on standard output that the cluster serves."""
    state = {
        "ready": True,
        "pid": os.getpid(),
        "start_ticks": start_ticks(os.getpid()),
        "kubeconfig": str(cluster.kubeconfig),
        "context": CONTEXT,
        "url": cluster.url,
        "nodes": [node.name for node in cluster.nodes],
    }
    text = json.dumps(state)
    path = cluster.settings.directory / STATE_FILE
    fresh = path.with_name(f".{STATE_FILE}")
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(path)
    with contextlib.suppress(BrokenPipeError):  # whoever started this may be gone
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    _log.info("the cluster serves", url=cluster.url)


def _clear(directory: Path, *, itself: bool, keep: bool) -> None:
    if itself and not keep:
        shutil.rmtree(directory, ignore_errors=True)
        return
    for name in (STATE_FILE, "kubeconfig"):
        (directory / name).unlink(missing_ok=True)
    for name in ("pods", "logs") if keep else ("pods", "host", "claims", "logs"):
        shutil.rmtree(directory / name, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
