"""`gameday install`, as a process of its own, on a cluster with nothing of ours on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gameday import staging
from gameday.cluster import ObjectRef
from gameday.cluster.reading import is_rolled_out
from gameday.kube import KubeCluster, connect
from tests.conftest import PATIENT_SECONDS
from tests.e2e.conftest import eventually

pytestmark = pytest.mark.e2e
REAPER = ObjectRef("apps/v1", "Deployment", "gameday-system", "gameday-reaper")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[staging.Running]:
    running = staging.up(directory=tmp_path_factory.mktemp("bare"), manifests=[])
    try:
        cluster = connect(kubeconfig=running.kubeconfig, timeout_seconds=PATIENT_SECONDS)
        for name in ("staging", "other"):
            cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        yield running
    finally:
        running.stop()


@pytest.fixture
def cluster(bare: staging.Running) -> KubeCluster:
    return connect(kubeconfig=bare.kubeconfig, timeout_seconds=PATIENT_SECONDS)


def install(bare: staging.Running, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "KUBECONFIG": str(bare.kubeconfig)}
    command = [sys.executable, "-m", "gameday", "install", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_namespace_with_a_typo_installs_nothing(bare: staging.Running, cluster: KubeCluster, tmp_path: Path) -> None:
    done = install(bare, tmp_path, "-n", "stagign", "--yes")
    assert (done.returncode, "no namespace 'stagign'" in done.stderr) == (64, True)
    assert cluster.get(REAPER) is None


def test_without_a_terminal_it_must_be_asked_for(bare: staging.Running, cluster: KubeCluster, tmp_path: Path) -> None:
    done = install(bare, tmp_path)
    assert (done.returncode, "--yes" in done.stderr) == (64, True)
    assert cluster.get(REAPER) is None


def test_it_is_installed_and_installing_again_changes_nothing(
    bare: staging.Running, cluster: KubeCluster, tmp_path: Path
) -> None:
    words = ("-n", "staging", "--cluster-name", "my-staging", "--yes")
    first = install(bare, tmp_path, *words)
    assert first.returncode == 0, first.stderr
    assert "deployment gameday-system/gameday-reaper created" in first.stdout
    assert "namespace staging configured" in first.stdout
    assert connect(kubeconfig=bare.kubeconfig).identity().name == "my-staging"
    # Until its controller has written its last: what comes between a look and an application counts as applied.
    eventually(lambda: is_rolled_out(cluster.get(REAPER)), timeout_seconds=PATIENT_SECONDS)
    again = install(bare, tmp_path, *words)
    assert {line.rpartition(" ")[2] for line in again.stdout.splitlines()} == {"unchanged"}


def test_what_is_printed_touches_no_cluster(tmp_path: Path, bare: staging.Running) -> None:
    done = install(bare, tmp_path, "--print", "-n", "nowhere", "--kubeconfig", "/nonexistent")
    assert done.returncode == 0, done.stderr
    assert next(item["kind"] for item in yaml.safe_load_all(done.stdout)) == "Namespace"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--schedule", "@daily"], "which game day"),
        (["--file", "first"], "--schedule"),
        (["--schedule", "at ten", "--file", "first"], "five fields"),
        (["--schedule", "@daily", "--file", "frist"], "is called 'frist'"),
    ],
)
def test_a_schedule_that_cannot_be_meant_is_refused(words: list[str], told: str, bare: staging.Running, tmp_path: Path) -> None:
    done = install(bare, tmp_path, "--print", *words)
    assert (done.returncode, told in done.stderr) == (64, True), done.stderr
