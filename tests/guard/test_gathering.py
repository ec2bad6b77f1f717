"""What the guard reads of a real cluster before it judges."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.change import DeletePod, PatchObject
from gameday.cluster import ObjectRef
from gameday.guard import Policy, gather, judge
from gameday.plan import look_at

pytestmark = pytest.mark.e2e


def test_the_facts_of_a_change_are_read_from_the_cluster(cluster: Any, scratch: Any) -> None:
    scratch.deployment()
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    scratch.create("HorizontalPodAutoscaler", "grow", "autoscaling/v2", spec={"scaleTargetRef": target, "maxReplicas": 3})
    other = {**target, "name": "other"}
    scratch.create("HorizontalPodAutoscaler", "else", "autoscaling/v2", spec={"scaleTargetRef": other, "maxReplicas": 3})
    change = look_at(PatchObject(scratch.ref("Deployment", "web", "apps/v1"), {"/spec/replicas": 2}), cluster, by="act")
    policy = Policy(namespaces=(scratch.name, "nowhere"))
    found = gather([change], policy, cluster, pods_lost=2, objects_changed=1)
    assert found.identity == cluster.identity()
    assert found.namespace_labels["nowhere"] is None
    labels = found.namespace_labels[scratch.name]
    assert labels is not None
    assert labels["gameday.dev/enabled"] == "true"
    assert [scaler["metadata"]["name"] for scaler in found.autoscalers[change.ref]] == ["grow"]
    assert (found.pods_lost_before, found.objects_changed_before) == (2, 1)
    assert {finding.rule for finding in judge([change], policy, found)} == {"namespace-opted-in", "field-owned"}


def test_a_running_pod_of_a_deployment_may_be_killed_and_one_of_its_own_may_not(cluster: Any, scratch: Any) -> None:
    scratch.deployment(replicas=1)
    (pod,) = scratch.ready()
    container = {"name": "main", "image": "python:3", "command": ["python", "-c", "input()"]}
    alone = scratch.create("Pod", "alone", spec={"containers": [container]})
    policy = Policy(namespaces=(scratch.name,))
    for obj, refused_by in ((pod, set()), (alone, {"pod-owned"})):
        change = look_at(DeletePod(ObjectRef.of(obj)), cluster, by="act")
        assert {finding.rule for finding in judge([change], policy, gather([change], policy, cluster))} == refused_by
