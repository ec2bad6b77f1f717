"""A run in a pod: the worker injects with the pod's account, and the guardian undoes with the token of another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from gameday.cluster import Access, Json, ObjectRef
from gameday.kube import KubeCluster, connect
from gameday.log.events import ChangeLanded, ChangeOwed, Noted, RunEnded, RunStarted
from gameday.staging import Running
from tests.e2e.conftest import QUICK, Command, eventually, replicas_of
from tests.e2e.held import fell_behind, hold
from tests.e2e.yard import as_account

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("as_before")]
SYSTEM = "gameday-system"
MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
RBAC = "rbac.authorization.k8s.io/v1"
RUN_ROLE = ObjectRef(RBAC, "Role", SYSTEM, "gameday-run")
UNDO_ROLE = ObjectRef(RBAC, "ClusterRole", "", "gameday-undo")
TOKEN = "create serviceaccounts/token gameday-undo in gameday-system"  # a right, as access reviews call it
# Undoing this takes a right that the account which injects has not: to fence the pod.
KILL = QUICK.replace("gameday.actions.workloads", "gameday.actions.pods").replace("func: scale", "func: kill")
KILL = KILL.replace("{namespace: shop, name: payment, replicas: 0}", "{namespace: shop, selector: app=cart}")


class Pod:
    """`gameday` in a pod, whose folder is the command's, so that its runs can be looked at."""

    ref = ObjectRef("v1", "Pod", SYSTEM, "game-day")

    def __init__(self, command: Command, cluster: KubeCluster) -> None:
        self._command, self._cluster = command, cluster

    def start(self) -> None:
        """Run the file in it."""
        folder = self._command.folder
        container = {
            "name": "gameday",
            "image": "gameday",
            "args": ["run", str(folder / "quick.yaml"), "--yes", "--runs", str(folder / "runs")],
            "env": [{"name": "KUBECONFIG", "value": f"{MOUNT}/kubeconfig"}, {"name": "COLUMNS", "value": "200"}],
        }
        spec = {
            "serviceAccountName": "gameday-inject",
            "automountServiceAccountToken": True,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "containers": [container],
        }
        metadata = {"name": self.ref.name, "namespace": SYSTEM}
        self._cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    def exit_code(self) -> int:
        """Wait for its end."""

        def ended() -> list[Any]:
            found = self._cluster.get(self.ref) or {}
            statuses = found.get("status", {}).get("containerStatuses") or ()
            return [item["state"]["terminated"]["exitCode"] for item in statuses if "terminated" in item.get("state", {})]

        return int(eventually(ended, timeout_seconds=90)[0])

    def remove(self) -> None:
        """Leave nothing of it."""
        if self._cluster.get(self.ref) is not None:
            self._cluster.delete(self.ref, grace_seconds=0)
        eventually(lambda: self._cluster.get(self.ref) is None, timeout_seconds=60)


@pytest.fixture
def pod(command: Command, shop_cluster: KubeCluster) -> Iterator[Pod]:
    """Return a pod of the account that injects."""
    eventually(lambda: shop_cluster.get(ObjectRef("v1", "ServiceAccount", SYSTEM, "gameday-inject")), timeout_seconds=60)
    found = Pod(command, shop_cluster)
    yield found
    found.remove()


@contextmanager
def without(cluster: KubeCluster, role: ObjectRef, resource: str) -> Iterator[None]:
    """Take the rules about a resource out of a role for a while."""

    def write(rules: Sequence[Json]) -> None:
        cluster.patch(role, [{"op": "replace", "path": "/rules", "value": rules}])

    before = (cluster.get(role) or {})["rules"]
    write([rule for rule in before if resource not in rule["resources"]])
    try:
        assert len((cluster.get(role) or {})["rules"]) < len(before)
        yield
    finally:
        write(before)


def undo_as_doctor_sees_it(command: Command) -> dict[str, str]:
    done = command.run("doctor", "-n", "shop", "-o", "json")
    (found,) = [check for check in json.loads(done.stdout)["checks"] if check["topic"] == "undo"]
    return dict(found)


def test_in_a_pod_the_guardian_undoes_with_a_token_of_the_account_that_undoes(command: Command, pod: Pod) -> None:
    (command.folder / "quick.yaml").write_text(KILL)
    pod.start()
    assert pod.exit_code() in {0, 1} or fell_behind(command), "whether losing a cart pod deviates is not the question here"
    assert command.wait_for(RunEnded).residue == []
    notes = " ".join(event.text for event in command.events() if isinstance(event, Noted))
    assert "undoes with a token of gameday-undo" in notes


def test_what_is_undone_there_takes_the_rights_of_that_account_and_none_of_the_one_that_injects(
    command: Command, pod: Pod, shop_cluster: KubeCluster
) -> None:
    held = hold(command)
    pod.start()
    command.wait_for(ChangeLanded, timeout_seconds=120)
    # The one that injects may patch Deployments all the while.
    with without(shop_cluster, UNDO_ROLE, "deployments"):
        held.let_go()
        assert pod.exit_code() == 5
    (left,) = command.wait_for(RunEnded).residue
    assert "system:serviceaccount:gameday-system:gameday-undo" in left
    assert replicas_of(shop_cluster, "payment") == 0
    recovered = command.run("recover")
    assert recovered.returncode == 0, recovered.stdout + recovered.stderr
    assert replicas_of(shop_cluster, "payment") == 2


def test_the_account_that_injects_has_no_right_that_only_an_undo_needs(command: Command, shop: Running) -> None:
    injecting = connect(kubeconfig=as_account(shop.kubeconfig, "gameday-inject", command.folder))
    only_to_undo = [
        ("patch", "pods", ""),
        ("delete", "deployments", "apps"),
        ("delete", "services", ""),
        ("delete", "configmaps", ""),
    ]
    for verb, resource, group in only_to_undo:
        assert not injecting.may(Access(verb, resource, group, "shop")).allowed
    assert injecting.may(Access("patch", "deployments", "apps", "shop")).allowed


def test_without_the_right_to_that_token_a_run_is_refused_before_anything_is_changed(
    command: Command, pod: Pod, shop: Running, shop_cluster: KubeCluster
) -> None:
    (command.folder / "quick.yaml").write_text(KILL)
    outside = Command(command.folder, as_account(shop.kubeconfig, "gameday-inject", command.folder))
    with without(shop_cluster, RUN_ROLE, "serviceaccounts/token"):
        pod.start()
        assert pod.exit_code() == 3
        assert TOKEN in command.wait_for(RunEnded).summary
        planned = outside.run("plan", "quick.yaml")
        assert (planned.returncode, TOKEN in planned.stdout) == (3, True), planned.stdout + planned.stderr
        undo = undo_as_doctor_sees_it(outside)
        assert (undo["state"], TOKEN in undo["next_step"]) == ("missing", True)
    assert not any(isinstance(event, ChangeOwed | RunStarted) for event in command.events())
    undo = undo_as_doctor_sees_it(outside)
    assert (undo["state"], undo["found"]) == ("ok", f"by gameday-undo, whose token this account may take: {TOKEN}")
