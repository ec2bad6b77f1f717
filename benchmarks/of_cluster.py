"""The embedded cluster, and the engine on it: start to Ready, a lost pod's replacement, writing down what is owed."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from measuring import Figure, interleaved, repeated

from gameday import staging
from gameday.change import PatchObject
from gameday.cluster import Cluster, ObjectRef, Selection
from gameday.cluster.reading import is_ready
from gameday.kube import connect
from gameday.undo.owing import Debt, blank_shard
from gameday.undo.storing import SecretStore

NAMESPACE = "shop"
CHECKOUT = Selection("v1", "Pod", NAMESPACE, "app=checkout")
PAYMENT = ObjectRef("apps/v1", "Deployment", NAMESPACE, "payment")
PODS = 22
_SETTLING_SECONDS: Final = 10
_LOOKS: Final = 6
_LOOK_SECONDS: Final = 10
_WRITES: Final = ("create", "replace", "patch", "delete", "evict")


class Counted:
    """A cluster that counts the calls it passes on; each is one request."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.calls: Counter[str] = Counter()

    @property
    def writes(self) -> int:
        """How many of them change something."""
        return sum(self.calls[name] for name in _WRITES)

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self._cluster, name)


@contextmanager
def a_shop() -> Iterator[staging.Running]:
    """Start a cluster with the shop on it, Ready."""
    with tempfile.TemporaryDirectory(prefix="gameday-bench-") as folder:
        running = staging.up(directory=Path(folder) / "cluster")
        try:
            progress = staging.wait_ready(running.kubeconfig)
            assert progress.ready == PODS, f"expected {PODS} pods, found {progress}"
            yield running
        finally:
            running.stop()


def start() -> Iterator[Figure]:
    """Start a cluster with the shop, from nothing to all its pods Ready."""

    def once() -> float:
        started = time.perf_counter()
        with a_shop():
            return time.perf_counter() - started

    yield Figure(f"staging start to {PODS} pods Ready", [once() for _ in range(5)], target=6.0)


def replacement() -> Iterator[Figure]:
    """Delete a checkout pod, and wait until as many as before are Ready without it."""
    with a_shop() as running:
        cluster = connect(kubeconfig=running.kubeconfig)

        def once() -> None:
            pods = [pod for pod in cluster.list(CHECKOUT) if is_ready(pod)]
            lost = pods[0]["metadata"]["uid"]
            cluster.delete(ObjectRef.of(pods[0]))
            deadline = time.monotonic() + 30
            while sum(is_ready(pod) and pod["metadata"]["uid"] != lost for pod in cluster.list(CHECKOUT)) < len(pods):
                assert time.monotonic() < deadline, "not replaced within 30 s"
                time.sleep(0.01)

        yield Figure("delete a pod to replaced and Ready", repeated(once, runs=9), target=1.0)


def idle() -> Iterator[Figure]:
    """Leave a cluster with the shop alone: the CPU and memory of its server, beside all that runs on it (pods and shims)."""
    with a_shop() as running:
        time.sleep(_SETTLING_SECONDS)
        server, shares, memories = running.status.pid, [], []
        for _ in range(_LOOKS):
            before, since = _cpu_seconds(server), time.perf_counter()
            time.sleep(_LOOK_SECONDS)
            shares.append(100 * (_cpu_seconds(server) - before) / (time.perf_counter() - since))
            memories.append(_resident_mb(server))
        everything = sum(_resident_mb(pid) for pid in _family(server))
        yield Figure("idle, the server's share of a core", shares, target=2.0, unit="%")
        yield Figure("idle, the server's memory", memories, {"with all pods": [everything]}, target=100.0, unit="MB")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def _family(pid: int) -> list[int]:
    """Return a process and all that came of it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in _family(int(child)))]


def owed_in_the_cluster() -> Iterator[Figure]:
    """Capture what a change owes and write it as a Secret, beside one read of the same object."""
    with a_shop() as running, tempfile.TemporaryDirectory() as folder:
        cluster = connect(kubeconfig=running.kubeconfig)
        uid = cluster.identity().uid
        counted = Counted(cluster)
        debt = Debt(SecretStore(counted), counted, blank_shard("bench", Path(folder), cluster_uid=uid))
        replicas = iter(range(1, 10_000))
        writes: list[int] = []

        def owe() -> None:
            before = counted.writes
            debt.owe(PatchObject(PAYMENT, {"/spec/replicas": next(replicas) % 7}), by="bench", round_id="round-1")
            writes.append(counted.writes - before)

        debt.owe(PatchObject(PAYMENT, {"/spec/paused": True}), by="bench", round_id="round-1")
        counted.calls.clear()
        found = interleaved({"owe": owe, "one GET": lambda: _read(cluster)}, runs=50)
        requests = ", ".join(f"{number / len(writes):g} {name}" for name, number in sorted(counted.calls.items()))
        yield Figure("what a change owes, in the cluster", found.pop("owe"), found, note=f"requests a change: {requests}")
        yield Figure("… the writes that it costs there", writes, target=1, percentile=100, unit="requests")


def _read(cluster: Cluster) -> None:
    assert cluster.get(PAYMENT) is not None
