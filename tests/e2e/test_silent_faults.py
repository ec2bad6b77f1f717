"""Experiments in which the fault silently does nothing: every one of them ends inconclusive or refused, and leaves nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from gameday import staging
from gameday.cluster import ObjectRef, Selection
from gameday.cluster.reading import is_ready, selector_text
from gameday.kube import KubeCluster
from gameday.log.events import ChangeApplied, Noted
from tests.between import between
from tests.e2e.conftest import Command, eventually, ours_in, what_people_configured
from tests.e2e.lying import (
    keeps_to_itself,
)
from tests.e2e.silent import OBJECTS, Json, document, scale
from tests.e2e.silent_cases import INCONCLUSIVE, RECORD, REFUSED, Case, carried_out

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def quiet(shop_cluster: KubeCluster) -> Iterator[None]:
    """Put into the shop's cluster what nothing can happen to."""
    for obj in OBJECTS:
        shop_cluster.create(obj)
    eventually(lambda: all_are_ready(shop_cluster), timeout_seconds=60)
    leaving = ObjectRef("v1", "Pod", "quiet", "leaving")
    shop_cluster.delete(leaving)
    done = ObjectRef("v1", "Pod", "quiet", "done")
    eventually(lambda: (shop_cluster.get(done) or {}).get("status", {}).get("phase") == "Succeeded", timeout_seconds=60)
    yield
    shop_cluster.patch(leaving, [{"op": "remove", "path": "/metadata/finalizers"}])
    for obj in reversed(OBJECTS):
        if obj["kind"] != "Pod" or obj["metadata"]["name"] != "leaving":
            shop_cluster.delete(ObjectRef.of(obj))
    eventually(
        lambda: all(shop_cluster.get(ObjectRef("v1", "Namespace", "", name)) is None for name in ("quiet", "closed")),
        timeout_seconds=60,
    )


@pytest.fixture
def as_quiet_as_before(shop_cluster: KubeCluster) -> Iterator[None]:
    """Compare the cluster with how it was."""
    before = [what_people_configured(shop_cluster, namespace) for namespace in ("quiet", "shop")]
    yield
    assert [what_people_configured(shop_cluster, namespace) for namespace in ("quiet", "shop")] == before
    assert ours_in(shop_cluster) == []
    eventually(lambda: all_are_ready(shop_cluster), timeout_seconds=60)


def all_are_ready(cluster: KubeCluster) -> bool:
    """Say whether every Deployment has the pods that it wants and no other, but for the one that is paused."""
    return all(
        is_paused(item) or has_its_pods(cluster, item)
        for namespace in ("shop", "quiet", "closed")
        for item in cluster.list(Selection("apps/v1", "Deployment", namespace))
    )


def is_paused(deployment: Json) -> bool:
    return bool(deployment["spec"].get("paused"))


def has_its_pods(cluster: KubeCluster, deployment: Json) -> bool:
    """Count the pods themselves: a status may still be that of before what the last test did."""
    labels = selector_text(deployment["spec"]["selector"])
    pods = cluster.list(Selection("v1", "Pod", deployment["metadata"]["namespace"], labels))
    return bool(len(pods) == sum(map(is_ready, pods)) == deployment["spec"]["replicas"])


def under_lies(command: Command, shop: staging.Running, case: Case) -> tuple[int, str]:
    with between(shop.kubeconfig, command.folder, *case.lies()) as kubeconfig:
        return carried_out(command, case, "--kubeconfig", str(kubeconfig))


@pytest.mark.usefixtures("quiet", "as_quiet_as_before")
@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_could_do_nothing_is_refused(case: Case, command: Command, shop: staging.Running) -> None:
    code, said = under_lies(command, shop, case)
    assert (code, bool(re.search(case.told, said))) == (3, True), said
    assert not [event for event in command.events() if isinstance(event, ChangeApplied)]


@pytest.mark.usefixtures("quiet", "as_quiet_as_before")
@pytest.mark.parametrize("case", INCONCLUSIVE, ids=lambda case: case.name)
def test_what_did_nothing_is_inconclusive(case: Case, command: Command, shop: staging.Running) -> None:
    code, said = under_lies(command, shop, case)
    assert (code, bool(re.search(case.told, said))) == (2, True), said


@pytest.mark.usefixtures("quiet", "as_quiet_as_before")
def test_what_is_owed_is_undone_although_its_record_was_lost(command: Command, shop: staging.Running) -> None:
    """Here the fault does something, and what would show it to others is gone: the guardian undoes from memory."""
    with between(shop.kubeconfig, command.folder, keeps_to_itself(RECORD)) as kubeconfig:
        # Here it has to land, however busy the machine is.
        (command.folder / "silent.json").write_text(json.dumps(document(scale(), landing_timeout="30s")))
        ended = command.run("run", "silent.json", "--yes", "--kubeconfig", str(kubeconfig))
    assert ended.returncode == 0, ended.stderr
    assert any(isinstance(event, Noted) and "undoing from memory" in event.text for event in command.events())
