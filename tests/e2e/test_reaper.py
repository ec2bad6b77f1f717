"""The reaper: the last one left to undo, with rights of its own, beside others and after them."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gameday import staging
from gameday.change import DeletePod
from gameday.cluster import ObjectRef, Selection
from gameday.cluster.reading import is_ready
from gameday.errors import ForbiddenError
from gameday.kube import KubeCluster, connect
from gameday.log.events import ChangeLanded, RunEnded
from gameday.staging import Running
from gameday.undo.record import UNDOING
from gameday.undo.storing import SecretStore
from tests.conftest import PATIENT_SECONDS
from tests.e2e.conftest import Command, eventually, ours_in, replicas_of
from tests.e2e.held import SLOW, end, fell_behind
from tests.e2e.yard import Switch, Yard, apply, as_account, config_map, make_due, rendered

pytestmark = pytest.mark.e2e
WITHIN_SECONDS = 15
"""What is promised; where something else is tested, it may take longer on a busy machine."""
_numbers = count(1)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start a cluster with nothing on it but what `deploy/` says."""
    running = staging.up(directory=tmp_path_factory.mktemp("yard") / "cluster", manifests=[], afterwards=[])
    apply(running.kubeconfig, staging.reaper_manifests())
    yield running
    running.stop()


@pytest.fixture
def yard(deployed: Running, tmp_path: Path) -> Iterator[Yard]:
    """Return a namespace that has bound gameday's accounts, with the cluster's own reaper out of the way."""
    cluster = connect(kubeconfig=deployed.kubeconfig, timeout_seconds=PATIENT_SECONDS)
    reaper = ObjectRef("apps/v1", "Deployment", "gameday-system", "gameday-reaper")
    cluster.patch(reaper, [{"op": "replace", "path": "/spec/replicas", "value": 0}])
    eventually(lambda: not cluster.list(Selection("v1", "Pod", "gameday-system")), timeout_seconds=PATIENT_SECONDS)
    name = f"yard-{next(_numbers)}"
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    apply(deployed.kubeconfig, staging.reaper_manifests() / "namespace", name)
    account = as_account(deployed.kubeconfig, "gameday-undo", tmp_path)
    found = Yard(cluster, deployed.kubeconfig, account, name, tmp_path)
    yield found
    found.clear()


@pytest.fixture
def foreign(yard: Yard) -> str:
    """Return a namespace that has bound nothing."""
    name = f"{yard.name}-foreign"
    yard.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


@pytest.fixture
def switch(yard: Yard, tmp_path: Path) -> Iterator[Switch]:
    """Return a way to the API that can be cut, for the reaper's account."""
    found = Switch.before(yard.account, tmp_path)
    yield found
    found.close()


def test_the_manifests_are_accepted_and_the_reaper_becomes_ready(deployed: Running) -> None:
    cluster = connect(kubeconfig=deployed.kubeconfig, timeout_seconds=PATIENT_SECONDS)
    staging.wait_ready(deployed.kubeconfig, namespaces=["gameday-system"], timeout_seconds=PATIENT_SECONDS)
    (pod,) = cluster.list(Selection("v1", "Pod", "gameday-system", "app=gameday-reaper"))
    assert pod["spec"]["serviceAccountName"] == "gameday-undo"
    for manifest in rendered(staging.reaper_manifests()):
        assert cluster.get(ObjectRef.of(manifest)) is not None, manifest


# ------------------------------------------------------------------------------------------------ on the shop's cluster


@pytest.mark.usefixtures("as_before")
def test_a_run_of_which_no_process_is_left_is_undone_by_the_reaper_of_the_cluster(
    command: Command, shop_cluster: KubeCluster
) -> None:
    (command.folder / "quick.yaml").write_text(SLOW)
    reaper = Selection("v1", "Pod", "gameday-system", "app=gameday-reaper")
    eventually(lambda: any(map(is_ready, shop_cluster.list(reaper))), timeout_seconds=PATIENT_SECONDS)
    running = command.start("run", "quick.yaml", "--yes")
    command.wait_for(ChangeLanded)
    end(command, running, "command", "guardian", "worker", "load")
    running.wait(timeout=10)
    assert replicas_of(shop_cluster, "payment") == 0
    assert len(ours_in(shop_cluster)) == 2, "a record and a Lease"
    make_due(shop_cluster)
    eventually(lambda: ours_in(shop_cluster) == [], timeout_seconds=WITHIN_SECONDS, what=lambda: ours_in(shop_cluster))
    assert replicas_of(shop_cluster, "payment") == 2
    assert not any(isinstance(event, RunEnded) for event in command.events()), "none of the run's own processes did it"
    (run,) = (command.folder / "runs").iterdir()
    # It says so when all is undone, and so a moment later.
    (event,) = eventually(
        lambda: [item for item in events_of(shop_cluster) if item["message"].startswith(f"{run.name}: ")],
        timeout_seconds=PATIENT_SECONDS,
    )
    assert event["reason"] == "Undone"
    assert "deployment shop/payment" in event["message"]


@pytest.mark.usefixtures("as_before")
def test_a_run_needs_no_more_than_the_rights_of_the_account_that_injects(
    command: Command, shop: Running, shop_cluster: KubeCluster, tmp_path: Path
) -> None:
    account = ObjectRef("v1", "ServiceAccount", "gameday-system", "gameday-inject")
    eventually(lambda: shop_cluster.get(account), timeout_seconds=PATIENT_SECONDS)
    limited = Command(command.folder, as_account(shop.kubeconfig, "gameday-inject", tmp_path))
    done = limited.run("run", "quick.yaml", "--yes")
    assert done.returncode == 0 or fell_behind(limited), done.stderr


# ------------------------------------------------------------------------------------------------ processes of our own


def test_a_record_is_undone_once_its_deadline_has_passed_and_not_before(yard: Yard) -> None:
    yard.reaper().is_ready()
    # The server says its time in whole seconds.
    deadline = time.time() + 3.0
    run_id = yard.owe(deadline_seconds=4.0)
    yard.take_lease(run_id)
    eventually(lambda: yard.value() == "good", timeout_seconds=PATIENT_SECONDS)
    assert time.time() > deadline
    eventually(lambda: ours_in(yard.cluster) == [], timeout_seconds=PATIENT_SECONDS, what=lambda: ours_in(yard.cluster))


def test_a_record_whose_guardian_lives_is_left_to_it(yard: Yard) -> None:
    run_id, due = yard.owe(deadline_seconds=60.0), yard.owe("other", deadline_seconds=0.0)
    reaper = yard.reaper()
    reaper.said("undone", run=due)
    reaper.end()
    assert yard.value() == "bad"
    assert [item.shard.run_id for item in yard.store.read()] == [run_id]


def test_a_guardian_that_was_only_slow_keeps_its_record(yard: Yard) -> None:
    run_id = yard.owe(deadline_seconds=-1.0)
    stored = yard.store.read(run_id)
    yard.date(run_id, 60.0)
    found = yard.undo_as_if_due(run_id, stored)
    assert (found.state, yard.value()) == ("on", "bad")


def test_a_record_of_a_newer_format_is_left_alone_and_said(yard: Yard) -> None:
    name = yard.put_newer("run-of-tomorrow")
    before = yard.cluster.get(ObjectRef("v1", "Secret", "gameday-system", name))
    due = yard.owe(deadline_seconds=0.0)
    reaper = yard.reaper()
    reaper.said("undone", run=due)
    assert "newer than" in reaper.said("left alone", record=name)["reason"]
    (event,) = eventually(lambda: [item for item in events_of(yard.cluster) if item["involvedObject"]["name"] == name])
    assert (event["type"], event["reason"]) == ("Warning", "LeftAlone")
    assert "is of format 99" in event["message"]
    status, facts = reaper.asks("/readyz")
    assert (status, facts["left_alone"]) == (200, [name])
    assert yard.cluster.get(ObjectRef("v1", "Secret", "gameday-system", name)) == before


def test_what_only_one_host_can_undo_stays_in_the_record_and_is_said(yard: Yard) -> None:
    run_id = yard.owe(deadline_seconds=0.0, rollback="restore the queue", host="ops-1")
    reaper = yard.reaper()
    told = reaper.said("left behind", run=run_id)
    assert told["detail"] == "this rollback can only be carried out on ops-1: gameday recover"
    assert yard.value() == "good", "the rest is undone"
    (stored,) = yard.store.read(run_id)
    assert [entry.by for entry in stored.shard.owes] == ["restore the queue"]
    # The event comes after the line in its log.
    told_of = eventually(
        lambda: [item["reason"] for item in events_of(yard.cluster) if item["involvedObject"]["name"] == stored.name]
    )
    assert told_of == ["LeftBehind"]


def test_two_reapers_undo_once(yard: Yard) -> None:
    reapers = [yard.reaper(), yard.reaper()]
    for reaper in reapers:
        reaper.is_ready()
    names = [f"m{number}" for number in range(6)]
    run_id = yard.owe(*names, deadline_seconds=1.0)
    eventually(lambda: ours_in(yard.cluster) == [], timeout_seconds=PATIENT_SECONDS, what=lambda: ours_in(yard.cluster))
    assert {yard.value(name) for name in names} == {"good"}
    # Whoever has undone says so after it, and before it ends.
    for reaper in reapers:
        reaper.end()
    lines = [line for reaper in reapers for line in reaper.lines() if line.get("run") == run_id]
    outcomes = [entry["outcome"] for line in lines if line["event"] == "undone" for entry in line["entries"]]
    assert outcomes == ["undone"] * len(names), lines


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_reaper_has_begun_the_next_one_finishes(yard: Yard, number: signal.Signals) -> None:
    yard.deployment("web", image="nowhere")
    pod = eventually(lambda: yard.cluster.list(Selection("v1", "Pod", yard.name, "app=web")), timeout_seconds=PATIENT_SECONDS)[0]
    run_id = yard.owe(deadline_seconds=0.0)
    yard.change(run_id, DeletePod(ObjectRef.of(pod)), ready_before=1)
    first = yard.reaper()
    eventually(lambda: yard.value() == "good", timeout_seconds=PATIENT_SECONDS)
    assert {entry.state for entry in yard.entries(run_id)} == {UNDOING}, "it waits for a pod"
    first.process.send_signal(number)
    assert first.process.wait(timeout=30) == (-number if number == signal.SIGKILL else 0)
    if number == signal.SIGTERM:
        assert UNDOING not in {entry.state for entry in yard.entries(run_id)}
        assert first.said("given back", run=run_id)
    yard.patch_image("web", "python")
    second = yard.reaper()
    second.said("undone", run=run_id)
    assert yard.store.read(run_id) == []


def test_a_reaper_outlives_an_outage_of_the_api(yard: Yard, switch: Switch) -> None:
    reaper = yard.reaper(kubeconfig=switch.kubeconfig)
    reaper.is_ready()
    switch.turn_off()
    run_id = yard.owe(deadline_seconds=0.0)
    assert "no answer" in reaper.said("could not look", failures=2)["error"]
    assert reaper.asks("/livez")[0] == 200
    switch.turn_on()
    reaper.said("looking again")
    reaper.said("undone", run=run_id)


def test_a_dry_run_says_what_it_would_undo_and_writes_nothing(yard: Yard) -> None:
    run_id = yard.owe(deadline_seconds=0.0)
    before = yard.store.read(run_id)
    reaper = yard.reaper("--dry-run")
    assert reaper.said("would undo", run=run_id)["owed"] == ["configmap m"]
    reaper.end()
    assert (yard.value(), yard.store.read(run_id), events_of(yard.cluster)) == ("bad", before, [])


# ------------------------------------------------------------------------------------------------ rights


def test_in_a_namespace_that_has_not_bound_it_the_reaper_may_write_nothing_and_says_so(yard: Yard, foreign: str) -> None:
    run_id = yard.owe(deadline_seconds=0.0, namespace=foreign)
    reaper = yard.reaper()
    told = reaper.said("left behind", run=run_id)
    assert "answered 403" in told["detail"]
    assert 'User "system:serviceaccount:gameday-system:gameday-undo" cannot get resource "configmaps"' in told["detail"]
    assert yard.value(namespace=foreign) == "bad"
    (entry,) = yard.entries(run_id)
    assert (entry.outcome, entry.is_settled) == ("residue", False)


def test_the_account_that_undoes_cannot_inject(yard: Yard, tmp_path: Path) -> None:
    undoer = connect(kubeconfig=as_account(yard.kubeconfig, "gameday-undo", tmp_path))
    yard.owe(deadline_seconds=60.0)
    pod = ObjectRef("v1", "Pod", yard.name, "any")
    refused: Sequence[Callable[[], Any]] = [
        lambda: undoer.create(config_map(yard.name, "new")),
        lambda: undoer.create({**config_map("gameday-system", "new"), "kind": "Secret", "data": {}}),
        lambda: undoer.delete(pod),
        lambda: undoer.evict(pod),
        lambda: undoer.list(Selection("v1", "Secret", yard.name)),
        lambda: undoer.get(ObjectRef("v1", "ConfigMap", "default", "kube-root-ca.crt")),
        lambda: undoer.get(ObjectRef("v1", "Namespace", "", "default")),
        lambda: undoer.list(Selection("coordination.k8s.io/v1", "Lease", "gameday-system")),
    ]
    for ask in refused:
        with pytest.raises(ForbiddenError):
            ask()
    reader = connect(kubeconfig=as_account(yard.kubeconfig, "gameday-read", tmp_path))
    assert reader.get(yard.ref("m")) is not None
    with pytest.raises(ForbiddenError):
        reader.patch(yard.ref("m"), [{"op": "replace", "path": "/data/key", "value": "x"}])
    with pytest.raises(ForbiddenError):
        SecretStore(reader).read()


def events_of(cluster: KubeCluster) -> list[dict[str, Any]]:
    """Return what reapers have said in the cluster."""
    found = cluster.list(Selection("v1", "Event", "gameday-system"))
    return [event for event in found if event["source"]["component"] == "gameday-reaper"]
