"""Who undoes: asked of a real cluster, by accounts with few rights, in a pod and outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config

from gameday.change import PatchObject
from gameday.cluster import Cluster, ObjectRef
from gameday.guard import Policy, RunFacts, gather, judge
from gameday.guard.accounts import UNDO_ACCOUNT, undo_account
from gameday.guard.needs import to_undo
from gameday.kube import KubeCluster, connect
from gameday.plan import PlannedChange, look_at
from tests.conftest import PATIENT_SECONDS

pytestmark = pytest.mark.e2e
API = "rbac.authorization.k8s.io"
READ = {"apiGroups": ["", "apps", "policy", "autoscaling"], "resources": ["*"], "verbs": ["get", "list"]}
PATCH = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}
Accounts = Callable[..., KubeCluster]


@pytest.fixture
def accounts(scratch: Any, cluster_home: Any, tmp_path: Path) -> Iterator[Accounts]:
    """Return what makes an account that injects, and one that undoes, and gives the cluster as the former sees it."""
    cluster, name, made = scratch.cluster, scratch.name, list[ObjectRef]()

    def create(kind: str, namespace: str, object_name: str, api_version: str = f"{API}/v1", **members: Any) -> None:
        metadata = {"name": object_name, **({"namespace": namespace} if namespace else {})}
        made.append(ObjectRef.of(cluster.create({"apiVersion": api_version, "kind": kind, "metadata": metadata, **members})))

    def bind(kind: str, namespace: str, account: Mapping[str, str], rules: Sequence[Any]) -> None:
        role = f"{account['name']}-{name}"
        reference = {"apiGroup": API, "kind": kind, "name": role}
        create(kind, namespace, role, rules=list(rules))
        create(f"{kind}Binding", namespace, role, roleRef=reference, subjects=[{"kind": "ServiceAccount", **account}])

    def accounts(*, own: Sequence[Any], undo: Sequence[Any] | None, may_take: bool = True) -> KubeCluster:
        injecting = {"name": "inject", "namespace": name}
        create("ServiceAccount", name, "inject", "v1")
        bind("Role", name, injecting, [READ, *own])
        identify = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}
        bind("ClusterRole", "", injecting, [identify])
        if may_take:
            take = {
                "apiGroups": [""],
                "resources": ["serviceaccounts/token"],
                "resourceNames": [UNDO_ACCOUNT],
                "verbs": ["create"],
            }
            bind("Role", "gameday-system", injecting, [take])
        if undo is not None:
            create("ServiceAccount", "gameday-system", UNDO_ACCOUNT, "v1")
            bind("Role", name, {"name": UNDO_ACCOUNT, "namespace": "gameday-system"}, [READ, *undo])
        found = yaml.safe_load(Path(cluster_home.kubeconfig).read_text())
        with config.new_client_from_config(str(cluster_home.kubeconfig)) as api:
            issued = client.CoreV1Api(api).create_namespaced_service_account_token("inject", name, {"spec": {}})
        found["users"][0]["user"] = {"token": issued.status.token}
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(found))
        return connect(kubeconfig=tmp_path / "kubeconfig", timeout_seconds=PATIENT_SECONDS)

    yield accounts
    for ref in reversed(made):
        cluster.delete(ref)


@pytest.fixture
def in_pod(cluster_home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process one of a pod of the cluster, by what a kubelet tells it."""
    host, port = cluster_home.status.url.removeprefix("https://").split(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)


@pytest.fixture
def changes(scratch: Any) -> list[PlannedChange]:
    scratch.deployment()
    return [look_at(PatchObject(scratch.ref("Deployment", "web", "apps/v1"), {"/spec/replicas": 1}), scratch.cluster, by="act")]


def findings(changes: list[PlannedChange], cluster: Cluster, namespace: str) -> dict[str, str]:
    policy = Policy(namespaces=(namespace,), switched_off=("namespace-opted-in",))
    undoing = undo_account(cluster, to_undo(changes))
    facts = gather(changes, policy, cluster, run=RunFacts(), undoing=undoing)
    return {item.object: item.message for item in judge(changes, policy, facts) if item.rule == "rights"}


def test_outside_a_pod_an_account_that_may_undo_does_so_itself(accounts: Accounts, changes: list[PlannedChange]) -> None:
    chosen = undo_account(accounts(own=[PATCH], undo=[PATCH]), to_undo(changes))
    assert (chosen.name, chosen.why_own) == ("", "")


def test_outside_a_pod_one_that_may_not_takes_the_token_of_the_one_that_may(
    accounts: Accounts, changes: list[PlannedChange], scratch: Any
) -> None:
    own = accounts(own=[], undo=[PATCH])
    chosen = undo_account(own, to_undo(changes))
    assert chosen.name == UNDO_ACCOUNT
    operation = [{"op": "replace", "path": "/spec/replicas", "value": 0}]
    chosen.cluster.patch(scratch.ref("Deployment", "web", "apps/v1"), operation)
    assert list(findings(changes, own, scratch.name)) == [f"patch deployments.apps web in {scratch.name}"], "the injection's own"


@pytest.mark.usefixtures("in_pod")
def test_in_a_pod_the_token_is_taken_whatever_the_own_account_may(accounts: Accounts, changes: list[PlannedChange]) -> None:
    assert undo_account(accounts(own=[PATCH], undo=[PATCH]), to_undo(changes)).name == UNDO_ACCOUNT


@pytest.mark.usefixtures("in_pod")
def test_in_a_pod_without_the_right_to_it_the_own_account_undoes_if_it_may_and_says_why(
    accounts: Accounts, changes: list[PlannedChange], scratch: Any
) -> None:
    own = accounts(own=[PATCH], undo=[PATCH], may_take=False)
    chosen = undo_account(own, to_undo(changes))
    assert chosen.name == ""
    assert f'serviceaccounts "{UNDO_ACCOUNT}" is forbidden' in chosen.why_own
    assert 'cannot create resource "serviceaccounts/token"' in chosen.why_own
    assert findings(changes, own, scratch.name) == {}


@pytest.mark.usefixtures("in_pod")
def test_where_nobody_may_undo_the_guard_refuses_and_names_the_right_to_the_token(
    accounts: Accounts, changes: list[PlannedChange], scratch: Any
) -> None:
    found = findings(changes, accounts(own=[], undo=[PATCH], may_take=False), scratch.name)
    told = found[f"create serviceaccounts/token {UNDO_ACCOUNT} in gameday-system"]
    assert told.startswith("this account may not (nor undo by itself: ")
    assert "have it granted by a Role" in told


@pytest.mark.usefixtures("in_pod")
def test_where_the_account_that_undoes_may_not_the_guard_names_it(
    accounts: Accounts, changes: list[PlannedChange], scratch: Any
) -> None:
    found = findings(changes, accounts(own=[], undo=[]), scratch.name)
    assert found[f"patch deployments.apps web in {scratch.name}"].startswith(("this account may not", f"{UNDO_ACCOUNT} may not"))


@pytest.mark.usefixtures("in_pod")
def test_an_account_that_may_undo_does_where_the_other_one_lacks_a_right_or_is_not_there(
    accounts: Accounts, changes: list[PlannedChange], scratch: Any
) -> None:
    lacking = undo_account(accounts(own=[PATCH], undo=[]), to_undo(changes))
    assert (lacking.name, lacking.why_own) == ("", f"{UNDO_ACCOUNT} may not patch deployments.apps web in {scratch.name}")


@pytest.mark.usefixtures("in_pod")
def test_without_such_an_account_the_own_one_undoes(accounts: Accounts, changes: list[PlannedChange]) -> None:
    chosen = undo_account(accounts(own=[PATCH], undo=None), to_undo(changes))
    assert chosen.name == ""
    assert "not found" in chosen.why_own


def test_a_pod_of_another_cluster_is_none_of_this_one(cluster: KubeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not cluster.in_pod()
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    assert not cluster.in_pod()
