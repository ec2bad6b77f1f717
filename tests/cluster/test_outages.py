"""The cluster itself fails while a run is on: its API server, a node, the way to it. Verdicts say no more than was seen.

Each fault begins once the run's own has landed, and ends by the test's hand; nothing is left behind in any of them.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from gameday.cluster import Selection
from gameday.log.events import AbortRequested, ActivityEnded, ChangeLanded, RunEnded, VerdictGiven
from tests.cluster.conftest import Real
from tests.e2e.conftest import QUICK, Command, eventually, ours_in, replicas_of

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("as_before")]

FEW = QUICK.replace("rate: 30/s", "rate: 10/s")
CUSTOMERS_FIRST = FEW.replace("pauses: {after: 1}", "pauses: {after: 3}")
ASKS_THE_CLUSTER = """\
    - type: probe
      name: checkout has all its pods
      tolerance: {type: range, range: [100, 100]}
      provider: {type: python, module: gameday.probes.workloads, func: ready, arguments: {namespace: shop, name: checkout}}
"""
CLUSTER_FIRST = f"""\
version: 1.0.0
title: A checkout pod is lost
description: Whether all pods are there is asked of the cluster, before anything else.
steady-state-hypothesis:
  title: Checkout has all its pods, and customers can check out
  probes:
{ASKS_THE_CLUSTER}    - type: probe
      name: orders go through
      tolerance: {{type: range, range: [97, 100]}}
      provider: {{type: python, module: gameday.probes.checkout, func: success_rate, arguments: {{window_seconds: 2}}}}
method:
  - type: action
    name: kill a checkout pod
    provider:
      type: python
      module: gameday.actions.pods
      func: kill
      arguments: {{namespace: shop, selector: app=checkout, count: 1}}
    pauses: {{after: 3}}
extensions:
  - name: gameday
    runbook: pod-loss
    traffic: {{journey: checkout, rate: 10/s}}
    objectives: {{rto: 1m}}
    expect: held
    caps: {{pods: 1}}
    namespaces: [shop]
    baseline: 1s
    recovery_timeout: 40s
"""
ATTEMPTS = 3
LOST_NODE = 2
"""This machine reaches the cluster's addresses through the first."""
MENDING = (
    ("link.sh", "on", "host"),
    ("node.sh", "start", str(LOST_NODE)),
    *(("service.sh", how, service) for service in ("etcd", "apiserver") for how in ("cont", "start")),
)


@pytest.fixture
def breakable(shop_on: Real) -> Iterator[Real]:
    """Return a cluster whose own parts may be broken; afterwards mend what is broken still, and wait until all is calm.

    Where the API was away, nodes are taken for lost a while after it is back, since nobody has heard of them meanwhile.
    """
    if not shop_on.is_ours:
        pytest.skip("the cluster was given, so its nodes and control plane are not ours to break")
    yield shop_on
    for script, *words in MENDING:
        shop_on.mend(script, *words)
    shop_on.settle(calm_seconds=6)


@dataclass(frozen=True)
class Run:
    """A run whose fault has landed."""

    command: Command
    process: subprocess.Popen[bytes]

    def ended(self, *, exit_code: int) -> VerdictGiven:
        """Wait for the end, hold it to its exit code and to have left nothing behind, and return the verdict."""
        found = self.process.wait(timeout=240)
        assert found == exit_code, (self.command.folder / "err.txt").read_text()
        assert self.command.wait_for(RunEnded).residue == []
        verdict: VerdictGiven = self.command.wait_for(VerdictGiven)
        return verdict


Begin = Callable[[str], Run]


@pytest.fixture
def begin(command: Command, breakable: Real) -> Iterator[Begin]:
    """Return what starts a run of an experiment and waits until its fault has landed.

    A run that finds customers unhappy before it has changed anything changes nothing, and is begun again when all is calm.
    """
    begun: list[subprocess.Popen[bytes]] = []

    def begin(experiment: str) -> Run:
        (command.folder / "quick.yaml").write_text(experiment)
        told = command.folder / "err.txt"
        for _ in range(ATTEMPTS):
            begun.append(command.start("run", "quick.yaml", "--yes"))
            eventually(lambda: landed(command) or begun[-1].poll() is not None, timeout_seconds=60, what=told.read_text)
            if landed(command):
                break
            assert "baseline: red" in told.read_text(), told.read_text()
            breakable.settle(calm_seconds=6)
        assert landed(command), told.read_text()
        return Run(command, begun[-1])

    yield begin
    for process in begun:
        process.terminate()
        process.wait(timeout=60)


def test_an_api_server_that_is_killed_and_comes_back_changes_no_verdict_that_customers_gave(
    begin: Begin, breakable: Real
) -> None:
    run = begin(CUSTOMERS_FIRST)
    breakable.machine("service.sh", "kill", "apiserver")
    time.sleep(5)
    breakable.machine("service.sh", "start", "apiserver")
    verdict = run.ended(exit_code=0)
    assert verdict.verdict == "deviated"
    assert replicas_of(breakable.cluster, "payment") == 2


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        (("service.sh", "kill", "apiserver"), ("service.sh", "start", "apiserver")),
        (("service.sh", "stop", "apiserver"), ("service.sh", "cont", "apiserver")),
        (("service.sh", "stop", "etcd"), ("service.sh", "cont", "etcd")),
        (("link.sh", "off", "host"), ("link.sh", "on", "host")),
    ],
    ids=["API server killed", "API server frozen", "etcd frozen", "this machine cut off"],
)
def test_what_could_not_be_seen_is_inconclusive(
    begin: Begin, breakable: Real, fault: tuple[str, ...], end: tuple[str, ...]
) -> None:
    run = begin(CLUSTER_FIRST)
    breakable.machine(*fault)
    # The hypothesis is measured 3 s after the fault; a request is given up after 10 s.
    eventually(lambda: looked(run.command), timeout_seconds=40)
    breakable.machine(*end)
    verdict = run.ended(exit_code=2)
    assert verdict.verdict == "inconclusive"
    assert "'checkout has all its pods' could not look" in " ".join(verdict.reasons)


def test_a_machine_that_was_cut_off_does_not_call_the_silence_of_the_shop_a_deviation(begin: Begin, breakable: Real) -> None:
    """Only customers are looked at, and not one of them gets an answer; but neither does the run from the cluster."""
    run = begin(CLUSTER_FIRST.replace(ASKS_THE_CLUSTER, "").replace("rate: 10/s", "rate: 20/s"))
    breakable.machine("link.sh", "off", "host")
    eventually(lambda: looked(run.command), timeout_seconds=40)
    time.sleep(10)  # until a request to the cluster is given up
    breakable.machine("link.sh", "on", "host")
    verdict = run.ended(exit_code=2)
    assert verdict.verdict == "inconclusive"
    assert "may itself have been cut off" in " ".join(verdict.reasons)


def landed(command: Command) -> bool:
    """Whether the run's fault is in place."""
    return any(isinstance(event, ChangeLanded) for event in command.events())


def looked(command: Command) -> bool:
    """Whether the hypothesis has been measured after the fault."""
    return any(isinstance(event, ActivityEnded) and event.phase == "after" for event in command.events())


def test_a_machine_that_stays_cut_off_finds_its_fault_undone_by_the_clusters_reaper(begin: Begin, breakable: Real) -> None:
    run = begin(FEW.replace("pauses: {after: 1}", "pauses: {after: 30}"))
    breakable.machine("link.sh", "off", "host")
    # From within the cluster, since from here nothing is to be seen: a record is due at most 60 s after the last sign of life.
    eventually(
        lambda: breakable.inside("get", "deployment", "payment", "-n", "shop", "-o", "jsonpath={.spec.replicas}") == "2",
        timeout_seconds=120,
    )
    breakable.machine("link.sh", "on", "host")
    verdict = run.ended(exit_code=4)
    assert verdict.verdict == "inconclusive"
    assert run.command.wait_for(AbortRequested).by == "lease"


def test_a_node_that_is_powered_off_is_never_called_held(begin: Begin, breakable: Real) -> None:
    """On it is the pod that keeps the orders, so nobody can buy, and nobody can look the orders up."""
    put_on_the_node_that_will_be_lost(breakable, "orders")
    run = begin(FEW.replace("recovery_timeout: 20s", "recovery_timeout: 10s"))
    breakable.machine("node.sh", "kill", str(LOST_NODE))
    verdict = run.ended(exit_code=2)
    assert verdict.verdict == "inconclusive"
    assert "the orders could not be looked up" in " ".join(verdict.reasons)
    assert ours_in(breakable.cluster) == []
    assert replicas_of(breakable.cluster, "payment") == 2


def put_on_the_node_that_will_be_lost(real: Real, app: str) -> None:
    kept = [node for node in real.nodes() if not node.endswith(str(LOST_NODE))]

    def is_there() -> bool:
        pods = real.cluster.list(Selection("v1", "Pod", "shop", f"app={app}"))
        return len(pods) == 1 and pods[0]["spec"].get("nodeName", kept[0]) not in kept

    real.kubectl("cordon", *kept)
    try:
        real.kubectl("delete", "pod", "-n", "shop", "-l", f"app={app}")
        eventually(is_there, timeout_seconds=120)
    finally:
        real.kubectl("uncordon", *kept)
    # A cordoned node is no settled cluster, so that is waited for only now.
    real.settle()
    (pod,) = real.cluster.list(Selection("v1", "Pod", "shop", f"app={app}"))
    assert pod["spec"]["nodeName"] not in kept
