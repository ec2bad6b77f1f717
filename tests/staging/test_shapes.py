from __future__ import annotations

from typing import Any

import pytest

from gameday.staging.errors import BadRequest
from gameday.staging.resources import CLUSTER_ROLES, CONFIG_MAPS, DEPLOYMENTS, ENDPOINT_SLICES, PODS, RESOURCES
from gameday.staging.shapes import shaped_as


def test_nulls_mean_absence_and_the_original_stays() -> None:
    given: dict[str, Any] = {
        "metadata": {"name": "a", "creationTimestamp": None},
        "spec": {"containers": [{"name": "a", "args": None}]},
    }
    assert shaped_as(PODS, given) == {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a"}]}}
    assert given["metadata"]["creationTimestamp"] is None


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("text", "spec"),
        ({"replicas": "2"}, "spec.replicas"),
        ({"replicas": True}, "spec.replicas"),
        ({"paused": 1}, "spec.paused"),
        ({"selector": ["a"]}, "spec.selector"),
        ({"template": {"metadata": {"labels": {"a": 1}}}}, "spec.template.metadata.labels"),
        ({"template": {"spec": {"containers": {"name": "a"}}}}, "spec.template.spec.containers"),
        ({"template": {"spec": {"containers": [None]}}}, "spec.template.spec.containers"),
        ({"template": {"spec": {"containers": [{"args": [1]}]}}}, "spec.template.spec.containers.args"),
        ({"strategy": {"rollingUpdate": {"maxSurge": 1.5}}}, "spec.strategy.rollingUpdate.maxSurge"),
    ],
)
def test_the_first_field_of_the_wrong_type_is_named(spec: Any, field: str) -> None:
    with pytest.raises(BadRequest, match=rf"cannot be handled as a Deployment: json: .*Deployment\.{field} of type "):
        shaped_as(DEPLOYMENTS, {"metadata": {"name": "a"}, "spec": spec})


def test_free_maps_may_have_any_key() -> None:
    given = {"metadata": {"labels": {"spec": "x", "replicas": "y"}}, "data": {"status": "z", "metadata": "w"}}
    for resource in RESOURCES:
        assert shaped_as(resource, given) == given


def test_what_clusters_write_passes_unchanged() -> None:
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    node = {
        "capacity": {"cpu": "2", "pods": 110},
        "addresses": [{"type": "InternalIP", "address": "127.0.0.2"}],
        "conditions": [ready],
        "images": [{"names": ["shop:1"], "sizeBytes": 1}],
    }
    container = {"name": "a", "image": "b", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": "x"}}}
    pod = {"conditions": [ready], "containerStatuses": [container], "podIPs": [{"ip": "127.0.0.3"}]}
    for status in (node, pod, {"replicas": 1, "conditions": [ready]}, {"loadBalancer": {"ingress": [{"ip": "x"}]}}):
        assert shaped_as(PODS, {"status": status}) == {"status": status}
    endpoint = {"addresses": ["127.0.0.3"], "conditions": {"ready": True}, "targetRef": {"kind": "Pod", "name": "a"}}
    assert shaped_as(PODS, {"endpoints": [endpoint]}) == {"endpoints": [endpoint]}
    rule = {"verbs": ["get"], "resources": ["pods"], "apiGroups": [""]}
    assert shaped_as(PODS, {"rules": [rule]}) == {"rules": [rule]}


def test_an_empty_list_or_map_is_as_if_it_were_not_there() -> None:
    container = {"name": "a", "env": [], "resources": {"limits": {}}, "volumeMounts": []}
    pod = {"metadata": {"labels": {}, "finalizers": []}, "spec": {"containers": [container], "volumes": [{"emptyDir": {}}]}}
    assert shaped_as(PODS, pod) == {
        "metadata": {},
        "spec": {"containers": [{"name": "a", "resources": {}}], "volumes": [{"emptyDir": {}}]},
    }


def test_some_lists_stay_although_they_are_empty() -> None:
    assert shaped_as(CLUSTER_ROLES, {"rules": []}) == {"rules": []}
    assert shaped_as(ENDPOINT_SLICES, {"endpoints": [], "ports": []}) == {"endpoints": [], "ports": []}


def test_the_keys_of_a_free_map_have_no_types() -> None:
    assert shaped_as(CONFIG_MAPS, {"data": {"env": "x", "replicas": "3"}}) == {"data": {"env": "x", "replicas": "3"}}
