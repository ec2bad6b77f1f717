"""A real Kubernetes with the shop on it: one that `make test-cluster` was given, or one of this machine's own.

Its own is brought up if it is not up, and then taken down again. A cluster that was given is only used: nothing breaks its
nodes or its control plane, and tests that would are skipped on it. What each test came to is written to the file that
GAMEDAY_TEST_RESULT names.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from gameday import staging
from gameday.cluster import ObjectRef, Selection
from gameday.cluster.reading import is_ready
from gameday.errors import ClusterError
from gameday.kube import KubeCluster, connect
from tests.cluster.build import build_all, home
from tests.cluster.images import make_images
from tests.e2e.conftest import QUICK, Command, eventually, ours_in, what_people_configured
from tests.results import CLUSTER, outcome, second_go, versions

MACHINE: Final = Path(__file__).parent / "machine"
READY_SECONDS: Final = 180.0
CALM_SECONDS: Final = 20.0
PATIENCE_SECONDS: Final = 120.0
"""For an event of a run: nodes, control plane, shop and customers share this machine with the command."""
CUSTOMERS: Final = 8
"""As many as it takes to meet every pod of a service, in all likelihood."""
NAMESPACES: Final = ("shop", "offsite", "gameday-system")
_OUTCOMES: Final = pytest.StashKey[dict[str, str]]()
_REPEATED: Final = pytest.StashKey[dict[str, str]]()
_VERSIONS: Final = pytest.StashKey[dict[str, str]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note what each test came to, and whether that took a second go."""
    report = yield
    name = item.nodeid.removeprefix("tests/cluster/")
    outcomes = item.session.stash.setdefault(_OUTCOMES, {})
    if call.when == "call" or report.outcome != "passed":
        outcomes[name] = outcome(report, call)
    if why := second_go(report):
        item.session.stash.setdefault(_REPEATED, {})[name] = why
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the result, if asked to."""
    path = os.environ.get("GAMEDAY_TEST_RESULT")
    if path and _VERSIONS in session.stash:
        found_on: dict[str, str] = session.stash[_VERSIONS]
        found: dict[str, str] = session.stash.setdefault(_OUTCOMES, {})
        repeated: dict[str, str] = session.stash.setdefault(_REPEATED, {})
        CLUSTER.write(Path(path), found_on, found, repeated)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what needed a second go: of a test that passed, pytest itself says no more."""
    reports = [report for found in terminalreporter.stats.values() for report in found if isinstance(report, pytest.TestReport)]
    for name, why in {report.nodeid: why for report in reports if (why := second_go(report))}.items():
        terminalreporter.write_line(f"repeated: {name}: {why}")


@dataclass(frozen=True)
class Real:
    """A real cluster, as people and as the engine reach it."""

    kubeconfig: Path
    cluster: KubeCluster = field(repr=False)
    is_ours: bool
    """Whether its nodes and its control plane may be broken."""

    def kubectl(self, *words: str) -> str:
        done = self.try_kubectl(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def try_kubectl(self, *words: str) -> subprocess.CompletedProcess[str]:
        asked = ["kubectl", f"--kubeconfig={self.kubeconfig}", *words]
        return subprocess.run(asked, capture_output=True, text=True, check=False, timeout=200)

    def machine(self, script: str, *words: str) -> None:
        """Break something of the cluster itself, or mend it; skips the test on a cluster that is not ours to break."""
        if not self.is_ours:
            pytest.skip("the cluster was given, so its nodes and control plane are not ours to break")
        done = subprocess.run([MACHINE / script, *words], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr

    def mend(self, script: str, *words: str) -> None:
        """Mend something of the cluster, which may not be broken."""
        subprocess.run([MACHINE / script, *words], capture_output=True, check=False, timeout=60)

    def inside(self, *words: str) -> str:
        """Ask with kubectl from where the API server is, which no partition of this machine cuts off."""
        asked = ["nsenter", "--net=/run/netns/gd-cp", "kubectl", f"--kubeconfig={self.kubeconfig}", *words]
        return subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60).stdout

    def nodes(self) -> list[str]:
        """Name the nodes."""
        return [node["metadata"]["name"] for node in self.cluster.list(Selection("v1", "Node"))]

    def unsettled(self) -> list[str]:
        """Name the nodes that are not Ready, and the workloads that do not have all their pods, or have more than these."""
        found = [
            f"{node['metadata']['name']} is not Ready"
            for node in self.cluster.list(Selection("v1", "Node"))
            if ("Ready", "True") not in [(one["type"], one["status"]) for one in node["status"]["conditions"]]
        ]
        found += [
            f"{node['metadata']['name']} is taken out by {taint['key']}"
            for node in self.cluster.list(Selection("v1", "Node"))
            for taint in node["spec"].get("taints") or ()
            if not taint["key"].startswith("node-role.kubernetes.io/")
        ]
        for namespace in NAMESPACES:
            for workload in self.cluster.list(Selection("apps/v1", "Deployment", namespace)):
                name, wanted = workload["metadata"]["name"], workload["spec"]["replicas"]
                pods = self.cluster.list(Selection("v1", "Pod", namespace, f"app={name}"))
                ready = [pod for pod in pods if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]]
                status = workload.get("status") or {}
                if not len(ready) == len(pods) == wanted == status.get("availableReplicas", 0):
                    found.append(f"{name}: {len(ready)} of {wanted} Ready, {len(pods)} pods")
        return found

    def ask(self, path: str, body: object = None, *, key: str = "", timeout_seconds: float = 10.0) -> Any:
        """Ask the storefront at the address that its Service has in the cluster."""
        service = self.cluster.get(ObjectRef("v1", "Service", "shop", "storefront"))
        assert service is not None
        url = f"http://{service['spec']['clusterIP']}:{service['spec']['ports'][0]['port']}{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Idempotency-Key": key} if key else {})
        with urllib.request.urlopen(request, timeout=timeout_seconds) as answer:
            return json.load(answer)

    def serves(self) -> bool:
        """Whether every way through the shop answers soon: a freshly started one takes a while, and no baseline waits for it."""
        try:
            for customer in range(CUSTOMERS):
                product = self.ask("/products", timeout_seconds=1)["products"][0]["sku"]
                body = {"product": product, "quantity": 1}
                cart = self.ask(f"/cart/{customer}/items", body, timeout_seconds=1)
                body = {"customer": str(customer), "amount": cart["total"], "card": "tok_visa"}
                self.ask("/payments", body, timeout_seconds=1)
                self.ask("/orders/by-key/none", timeout_seconds=1)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False
        return True

    def settle(self, *, calm_seconds: float = 0.0) -> None:
        """Wait until every workload has its pods, and only these, and has served with them for a while."""
        since = [math.inf]

        def settled() -> bool:
            try:
                fine = not self.unsettled() and self.serves()
            except ClusterError:
                fine = False
            since[0] = min(since[0], time.monotonic()) if fine else math.inf
            return time.monotonic() - since[0] >= calm_seconds

        eventually(settled, timeout_seconds=READY_SECONDS, what=self.unsettled)


@pytest.fixture(scope="session")
def real(request: pytest.FixtureRequest) -> Iterator[Real]:
    """Return the cluster with nothing of ours on it yet."""
    given = os.environ.get("GAMEDAY_TEST_KUBECONFIG")
    with _given(Path(given).resolve()) if given else _our_own() as found:
        request.session.stash[_VERSIONS] = versions(found.kubeconfig)
        yield found


@contextmanager
def _given(kubeconfig: Path) -> Iterator[Real]:
    yield Real(kubeconfig, connect(kubeconfig=kubeconfig), is_ours=False)


@contextmanager
def _our_own() -> Iterator[Real]:
    kubeconfig = home() / "run" / "kubeconfig"
    was_up = _is_up(kubeconfig)
    if not was_up:
        _cluster("up")
    programs = build_all(home())
    images = make_images(home(), programs)
    assert f"IMAGES={images}\n" in (home() / "run" / "settings").read_text(), (
        "the cluster that is up runs another version of this code; take it down first: make cluster-down"
    )
    before, os.environ["PATH"] = os.environ["PATH"], f"{programs}{os.pathsep}{os.environ['PATH']}"
    try:
        yield Real(kubeconfig, connect(kubeconfig=kubeconfig), is_ours=True)
    finally:
        os.environ["PATH"] = before
        if not was_up:
            _cluster("down")


def _is_up(kubeconfig: Path) -> bool:
    """Whether a cluster answers; what a crash or a restart of the machine left of one does not."""
    try:
        return kubeconfig.exists() and bool(connect(kubeconfig=kubeconfig).identity())
    except ClusterError:
        return False


def _cluster(what: str) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-m", "tests.cluster", what], cwd=root, check=False)
    assert done.returncode == 0, f"the cluster did not come {what}; why stands above"


@pytest.fixture(scope="session")
def shop_on(real: Real) -> Real:
    """Put gameday's accounts, rights and reaper on the cluster, then the shop, as people would, and wait until all is Ready."""
    real.kubectl("apply", "-k", str(staging.reaper_manifests()))
    real.kubectl("label", "--overwrite", "namespace", "gameday-system", "gameday.dev/cluster-name=real")
    real.kubectl("apply", "-f", str(staging.shop_manifests()))  # file by file, in the order of their names
    # With its last pod Ready, the machine is still busy with what they begin with.
    real.settle(calm_seconds=CALM_SECONDS)
    return real


@pytest.fixture
def command(shop_on: Real, tmp_path: Path) -> Command:
    """Return the command, with the real cluster as its own, beside an experiment as short as a round can be."""
    (tmp_path / "quick.yaml").write_text(QUICK)
    return Command(tmp_path, shop_on.kubeconfig, patience_seconds=PATIENCE_SECONDS)


@pytest.fixture
def as_before(shop_on: Real) -> Iterator[None]:
    """Compare the cluster with how it was: every pod Ready, no changed specification, nothing of ours left."""
    shop_on.settle()
    before = what_people_configured(shop_on.cluster)
    yield
    shop_on.settle()
    assert what_people_configured(shop_on.cluster) == before
    assert ours_in(shop_on.cluster) == []
