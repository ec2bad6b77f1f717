"""`gameday install` on a real Kubernetes: a game day as a Job that neither an eviction nor a drain takes away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gameday.cluster import ObjectRef
from gameday.kube import KubeCluster
from tests.cluster.conftest import Real
from tests.e2e.conftest import Command, eventually, ours_in
from tests.e2e.test_scheduled import (  # noqa: F401  # the tests of the embedded cluster, on this one
    SYSTEM,
    ended,
    installed,
    log_of,
    run_of,
    started,
    test_a_run_cannot_be_evicted_and_undoes_when_it_is_deleted,
    test_a_scheduled_run_takes_its_project_along_and_says_what_it_came_to,
)

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("as_before")]


@pytest.fixture(scope="module")
def cluster(shop_on: Real, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeCluster]:
    """Return the cluster, with a game day of a project's on a schedule; both are taken away again."""
    yield installed(tmp_path_factory.mktemp("scheduled"), shop_on.kubeconfig)
    objects = ("cronjob/gameday", "poddisruptionbudget/gameday-run", "configmap/gameday-project")
    shop_on.kubectl("delete", "-n", SYSTEM, "--ignore-not-found", *objects)
    shop_on.kubectl("delete", "jobs", "-n", SYSTEM, "-l", "app=gameday-run")


def test_a_drain_leaves_a_run_where_it_is(cluster: KubeCluster, shop_on: Real) -> None:
    if not shop_on.is_ours:
        pytest.skip("the cluster was given, so its nodes are not ours to drain")
    job = started(cluster, "drained", "experiments/slow.yaml")
    pod = run_of(cluster, job)
    eventually(lambda: "fault landed" in log_of(cluster, pod), timeout_seconds=60, what=lambda: log_of(cluster, pod))
    node = (cluster.get(ObjectRef.of(pod)) or pod)["spec"]["nodeName"]
    try:
        drained = shop_on.try_kubectl("drain", node, "--pod-selector=app=gameday-run", "--delete-emptydir-data", "--timeout=15s")
    finally:
        shop_on.kubectl("uncordon", node)
    assert "would violate the pod's disruption budget" in drained.stderr
    assert ended(cluster, job) == set()
    shop_on.kubectl("delete", "-n", SYSTEM, f"job/{job.name}")
    eventually(lambda: not ours_in(cluster), timeout_seconds=60, what=lambda: ours_in(cluster))


def test_what_install_writes_is_built_by_kustomize_and_taken_by_the_server(command: Command, shop_on: Real) -> None:
    words = ["install", "-n", "shop", "--schedule", "@weekly", "--file", "first", "--write", "overlay"]
    written = command.run(*words)
    assert written.returncode == 0, written.stderr
    applied = shop_on.kubectl("apply", "-k", str(command.folder / "overlay"), "--dry-run=server").splitlines()
    assert {line.split()[0] for line in applied} >= {"deployment.apps/gameday-reaper", "cronjob.batch/gameday"}
    assert [line for line in applied if not line.endswith("(server dry run)")] == []
