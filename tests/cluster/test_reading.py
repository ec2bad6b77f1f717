"""Names of objects, and what is read of workloads and their pods."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.cluster import Identity, ObjectRef
from gameday.cluster.reading import controller_of, is_ready, ready_pods, running_pods, selector_text, workload_of


def test_an_object_is_named_as_people_write_it() -> None:
    assert str(ObjectRef("apps/v1", "Deployment", "shop", "web", "uid")) == "deployment shop/web"
    assert str(ObjectRef("v1", "Node", "", "node-1")) == "node node-1"
    assert str(Identity("uid", "", "")) == "unnamed (uid)"


def test_a_name_without_its_uid_is_the_same_across_replacements() -> None:
    ref = ObjectRef("v1", "Pod", "shop", "web", "uid")
    assert ref.anonymous == ObjectRef("v1", "Pod", "shop", "web")


@pytest.mark.parametrize(
    ("conditions", "metadata", "ready"),
    [
        ([{"type": "Ready", "status": "True"}], {}, True),
        ([{"type": "Ready", "status": "True"}], {"deletionTimestamp": "now"}, False),
        ([{"type": "Ready", "status": "False"}], {}, False),
        ([{"type": "Ready", "status": "Unknown"}], {}, False),
        (None, {}, False),
    ],
)
def test_a_pod_is_ready_when_it_says_so_and_is_not_about_to_go(conditions: Any, metadata: Any, ready: Any) -> None:
    assert is_ready({"metadata": metadata, "status": {"conditions": conditions}}) is ready


def test_a_selector_is_written_as_the_api_takes_it() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "env", "operator": "NotIn", "values": ["prod"]},
        {"key": "x", "operator": "Exists"},
        {"key": "y", "operator": "DoesNotExist"},
    ]
    assert selector_text({"matchLabels": {"app": "web"}, "matchExpressions": expressions}) == (
        "app=web,tier in (a,b),env notin (prod),x,!y"
    )
    assert selector_text({}) == ""


@pytest.mark.e2e
def test_a_pod_leads_to_the_workload_at_the_top_of_its_owners(cluster: Any, scratch: Any) -> None:
    scratch.deployment(replicas=1)
    (pod,) = scratch.ready()
    owner = controller_of(pod)
    assert owner is not None
    assert owner.kind == "ReplicaSet"
    workload = workload_of(cluster, pod)
    assert workload == scratch.get("Deployment", "web", "apps/v1")
    assert workload is not None
    assert [found["metadata"]["uid"] for found in ready_pods(cluster, workload)] == [pod["metadata"]["uid"]]


@pytest.mark.e2e
def test_running_pods_come_in_the_order_of_their_names_and_none_that_has_gone_meanwhile(cluster: Any, scratch: Any) -> None:
    scratch.deployment(replicas=3)
    names = sorted(pod["metadata"]["name"] for pod in scratch.ready(number=3))
    found = running_pods(cluster, scratch.name, "app=web")
    assert next(found)["metadata"]["name"] == names[0]
    cluster.delete(scratch.ref("Pod", names[1]), grace_seconds=0)
    assert next(found)["metadata"]["name"] == names[2]
    assert [pod["metadata"]["name"] for pod in running_pods(cluster, scratch.name, "app=nobody")] == []


@pytest.mark.e2e
def test_a_pod_of_its_own_has_no_workload(cluster: Any, scratch: Any) -> None:
    container = {"name": "main", "image": "python:3", "command": ["python", "-c", "input()"]}
    assert workload_of(cluster, scratch.create("Pod", "alone", spec={"containers": [container]})) is None
