"""The demo's steady state fifty times in a row without a fault: none deviates, so one that does in a game day means something.

Everything is as in a run: the shop on an embedded cluster, the load generator at the experiment's own rate, its windows in a
log, and the experiment's probes over that log, held against their tolerances by Chaos Toolkit. Takes about seven minutes.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chaoslib.configuration import load_configuration
from chaoslib.hypothesis import run_steady_state_hypothesis
from chaoslib.run import EventHandlerRegistry

from gameday import staging
from gameday.change import install
from gameday.experiment import Experiment, load_experiment
from gameday.kube import KubeCluster, connect
from gameday.log import LogWriter, read
from gameday.log.events import LedgerChecked, ProbeMeasured
from gameday.run.channel import Peer
from gameday.run.engine import WorkerEngine
from gameday.run.line import Line
from gameday.run.load import LEDGER_FILE, Load
from gameday.run.observing import RunObservations
from gameday.run.preflight import of_experiment, traffic_of
from gameday.traffic.spec import LoadSpec
from gameday.traffic.windows import generator_kept_up
from gameday.verdict import windows_of
from gameday.workspace import SHIPPED, Catalogue

RUNS = 50
WARM_UP_SECONDS = 5.0

pytestmark = pytest.mark.soak


@pytest.fixture
def experiment() -> Experiment:
    return load_experiment(SHIPPED / "experiments" / "pod-loss.yaml", catalogue=Catalogue((SHIPPED,)))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[KubeCluster]:
    """Start an embedded cluster with the shop on it, Ready."""
    running = staging.up(directory=tmp_path / "cluster")
    staging.wait_ready(running.kubeconfig, timeout_seconds=60)
    yield connect(kubeconfig=running.kubeconfig)
    running.stop()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LogWriter]:
    (tmp_path / "run").mkdir()
    writer = LogWriter(tmp_path / "run")
    yield writer
    writer.close()


@asynccontextmanager
async def customers(experiment: Experiment, shop: KubeCluster, log: LogWriter) -> AsyncIterator[Load]:
    """Send customers as a run of the experiment does; stop when one of them could not be played."""
    traffic = traffic_of(of_experiment(experiment), shop)
    assert traffic is not None
    directory = log.path.parent
    spec = LoadSpec(str(traffic.path), (traffic.url,), str(directory / LEDGER_FILE), traffic.rate_per_second, run="soak")
    load = Load(log, directory, spec, traffic.journey, died=pytest.fail)
    await load.start()
    try:
        yield load
    finally:
        await load.stop()


@asynccontextmanager
async def line_to(log: LogWriter) -> AsyncIterator[Peer]:
    """Give a worker's end of a line, at whose other end what it measures is written into the log."""

    async def write(message: dict[str, Any]) -> None:
        if "log" in message:
            log.write(msgspec.convert(message["log"], ProbeMeasured))

    ours, theirs = socket.socketpair()
    line, peer = Line(ours, handle=write, lost=lambda _: None), Peer(theirs, lost=lambda _: None)
    line.start()
    try:
        yield peer
    finally:
        peer.close()
        line.close()


def evaluate(experiment: Experiment, engine: WorkerEngine) -> dict[str, Any]:
    """Have Chaos Toolkit measure the steady state and hold it against its tolerances."""
    document = {key: value for key, value in experiment.document.items() if key != "controls"}
    install(engine)
    try:
        configuration = load_configuration(document.get("configuration", {}))
        found: dict[str, Any] = run_steady_state_hypothesis(document, configuration, {}, None, EventHandlerRegistry())
    finally:
        install(None)
    return found


def told(number: int, state: dict[str, Any]) -> str:
    values = (f"{run['activity']['name']} {run['output']!r}" for run in state["probes"])
    return f"{number:3}  {'ok ' if state['steady_state_met'] else 'OUT'}  {', '.join(values)}"


async def test_no_steady_state_of_fifty_deviates_without_a_fault(
    experiment: Experiment, shop: KubeCluster, log: LogWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    directory, deviated = log.path.parent, []
    async with customers(experiment, shop, log) as load, line_to(log) as peer:
        await asyncio.sleep(WARM_UP_SECONDS)
        for number in range(1, RUNS + 1):
            # As in a round of its own: nothing that was due before it counts.
            observations = RunObservations(directory, lambda: shop, round_id=f"run-{number}", since=time.monotonic())
            engine = WorkerEngine(peer, lambda: shop, observations, round_id=f"run-{number}")
            state = await asyncio.to_thread(evaluate, experiment, engine)
            deviated += [] if state["steady_state_met"] else [told(number, state)]
            with capsys.disabled():
                print(told(number, state), flush=True)
    await load.check_orders("soak")
    events = read(directory)
    windows, ledger = windows_of(events), next(event for event in events if isinstance(event, LedgerChecked))
    with capsys.disabled():
        journeys = sum(window.journeys.samples for window in windows)
        failed = sum(window.journeys.failed for window in windows)
        behind_ms = 1000 * max(window.behind_seconds for window in windows)
        print(f"{journeys} journeys, {failed} failed; the generator was behind by up to {behind_ms:.1f} ms")
        print(f"{ledger.acknowledged} orders acknowledged, {ledger.found} found; lost {ledger.lost}, doubled {ledger.doubled}")
    assert deviated == []
    assert (ledger.lost, ledger.doubled, ledger.altered, ledger.error) == ([], [], [], "")
    assert generator_kept_up(windows), "the load generator fell behind, so the values above prove nothing"
