"""Rights are asked of a real cluster, as an account that has few."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from gameday.change import CreateObject, DeletePod, EvictPod, PatchObject
from gameday.change.registry import action_named
from gameday.cluster import Access, ObjectRef, plural
from gameday.guard import Policy, RunFacts, gather, judge
from gameday.guard.needs import ENGINE, to_inject, to_undo
from gameday.kube import KubeCluster, connect
from gameday.plan import PlannedChange, look_at, plan_action
from tests.conftest import PATIENT_SECONDS
from tests.e2e.lying import lying_cluster

pytestmark = pytest.mark.e2e


@pytest.fixture
def account(scratch: Any, cluster_home: Any, tmp_path: Path) -> KubeCluster:
    """Return the cluster as an account sees it that may read everything of its namespace, and patch Deployments only."""
    name = scratch.name
    scratch.create("ServiceAccount", "few")
    api = "rbac.authorization.k8s.io"
    read = {"apiGroups": ["", "apps", "policy", "autoscaling"], "resources": ["*"], "verbs": ["get", "list"]}
    write = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}
    scratch.create("Role", "few", f"{api}/v1", rules=[read, write])
    subject = {"kind": "ServiceAccount", "name": "few", "namespace": name}
    reference = {"apiGroup": api, "kind": "Role", "name": "few"}
    scratch.create("RoleBinding", "few", f"{api}/v1", roleRef=reference, subjects=[subject])
    identify = {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]}
    whole = {"apiGroup": api, "kind": "ClusterRole", "name": name}
    pair: dict[str, Any] = {
        "ClusterRole": {"rules": [identify]},
        "ClusterRoleBinding": {"subjects": [subject], "roleRef": whole},
    }
    for kind, more in pair.items():
        scratch.cluster.create({"apiVersion": f"{api}/v1", "kind": kind, "metadata": {"name": name}, **more})
        scratch.cluster_wide.append(ObjectRef(f"{api}/v1", kind, "", name))
    config = yaml.safe_load(Path(cluster_home.kubeconfig).read_text())
    core = client.CoreV1Api(_api(cluster_home))
    body = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600))
    config["users"][0]["user"] = {"token": core.create_namespaced_service_account_token("few", name, body).status.token}
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return connect(kubeconfig=path, timeout_seconds=PATIENT_SECONDS)


def _api(home: Any) -> Any:
    from kubernetes import config  # noqa: PLC0415  # reads KUBECONFIG when it is imported

    return config.new_client_from_config(str(home.kubeconfig))


def changing(scratch: Any, path: str = "/spec/replicas", kind: str = "Deployment", version: str = "apps/v1") -> PlannedChange:
    return look_at(PatchObject(scratch.ref(kind, "web", version), {path: 1}), scratch.cluster, by="act")


def test_what_is_not_granted_is_refused_by_name_before_anything_runs(scratch: Any, account: KubeCluster) -> None:
    scratch.deployment()
    scratch.config_map("web")
    changes = [changing(scratch), changing(scratch, "/data/x", "ConfigMap", "v1")]
    findings = {item.object: item for item in judge(changes, *told(changes, account, scratch)) if item.rule == "rights"}
    assert list(findings) == [f"patch configmaps web in {scratch.name}"]
    assert "this account may not" in findings[f"patch configmaps web in {scratch.name}"].message
    assert "gameday doctor" in findings[f"patch configmaps web in {scratch.name}"].message


def test_whoever_may_patch_the_kind_that_is_meant_need_not_be_granted_the_others(scratch: Any, account: KubeCluster) -> None:
    scratch.deployment()
    where = {"namespace": scratch.name, "name": "web", "variables": {"COLOUR": "blue"}}
    planned = plan_action(action_named("gameday.actions.config.set_env"), where, scratch.cluster, by="act")
    assert [item for item in judge(planned, *told(planned, account, scratch)) if item.rule == "rights"] == []


def told(
    changes: list[PlannedChange], view: Any, scratch: Any, *more: str, starting: bool = False, off: tuple[str, ...] = ()
) -> Any:
    policy = Policy(namespaces=(scratch.name, *more), switched_off=off)
    return policy, gather(changes, policy, view, run=RunFacts(starting=starting))


def test_what_the_engine_needs_is_asked_when_a_run_starts(scratch: Any, account: KubeCluster, cluster: KubeCluster) -> None:
    assert [item.object for item in judge([], *told([], account, scratch, starting=True)) if item.rule == "rights"] == [
        str(access) for access in ENGINE
    ]
    assert judge([], *told([], cluster, scratch, starting=True)) == ()
    assert judge([], *told([], account, scratch, starting=True, off=("rights",))) == ()


def test_a_namespace_that_may_not_be_read_could_not_be_looked_at(scratch: Any, account: KubeCluster) -> None:
    assert judge([], *told([], account, scratch)) == ()
    (finding,) = judge([], *told([], account, scratch, "default"))
    assert finding.rule == "namespace-opted-in"
    assert finding.message.startswith("could not look: ")
    assert "403" in finding.message


@pytest.mark.parametrize("status", [404, 501, 403])
def test_a_cluster_that_does_not_say_what_is_granted_is_refused_unless_that_is_switched_off(
    status: int, scratch: Any, cluster_home: Any, tmp_path: Path
) -> None:
    scratch.deployment()
    changes = [changing(scratch)]

    def answers(method: str, path: str) -> int | None:
        return status if (method, path.rpartition("/")[2]) == ("POST", "selfsubjectaccessreviews") else None

    with lying_cluster(cluster_home.kubeconfig, tmp_path, answers) as kubeconfig:
        view = connect(kubeconfig=kubeconfig)
        (finding,) = judge(changes, *told(changes, view, scratch))
        assert finding.rule == "rights"
        assert finding.message.startswith("could not look: the cluster at ")
        assert str(status) in finding.message
        assert judge(changes, *told(changes, view, scratch, off=("rights",))) == ()


def test_each_change_needs_its_own_request_and_those_of_its_undo(scratch: Any) -> None:
    metadata = {"name": "m", "namespace": "shop"}
    create = PlannedChange(CreateObject({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata}), "act", None)
    delete, evict = (PlannedChange(kind(scratch.ref("Pod", "p")), "act", None) for kind in (DeletePod, EvictPod))
    assert [str(access) for access in to_inject([create])] == ["create cronjobs.batch in shop", "get cronjobs.batch m in shop"]
    assert [str(access) for access in to_undo([create])] == ["get cronjobs.batch m in shop", "delete cronjobs.batch m in shop"]
    at = scratch.name
    pod = [f"get pods p in {at}", f"list pods in {at}"]
    assert sorted(map(str, to_inject([delete]))) == sorted([f"delete pods p in {at}", *pod])
    assert sorted(map(str, to_inject([evict]))) == sorted([f"create pods/eviction p in {at}", *pod])
    assert sorted(map(str, to_undo([delete, evict]))) == sorted([f"patch pods p in {at}", *pod])


def test_a_grant_is_told_with_its_access(cluster: KubeCluster) -> None:
    asked = Access("patch", "deployments/scale", "apps", "shop", "web")
    assert cluster.may(asked).allowed
    assert cluster.may(asked).access == asked


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Pod", "pods"),
        ("NetworkPolicy", "networkpolicies"),
        ("Ingress", "ingresses"),
        ("Endpoints", "endpoints"),
        ("EndpointSlice", "endpointslices"),
    ],
)
def test_plurals_are_those_of_kubernetes(kind: str, expected: str) -> None:
    assert plural(kind) == expected
