from __future__ import annotations

from typing import Any

import pytest

from gameday.staging.defaults import fill
from gameday.staging.history import copy_object
from gameday.staging.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    ROLES,
    SECRETS,
    SERVICES,
    Resource,
)
from gameday.staging.validation import create_causes, update_causes


def causes(resource: Resource, obj: dict[str, Any]) -> dict[str, str]:
    filled = fill(resource, {"metadata": {"name": "a"}, **copy_object(obj)})
    return {cause.field: cause.message for cause in create_causes(resource, filled)}


def pod(**container: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "main", "image": "x", **container}]}}


def workload(**spec: Any) -> dict[str, Any]:
    labels = {"app": "a"}
    template = {"metadata": {"labels": labels}, **pod()}
    return {"spec": {"selector": {"matchLabels": labels}, "template": template, **spec}}


@pytest.mark.parametrize("name", ["a", "a-b.c", "0", "a" * 253])
def test_names_are_dns_subdomains(name: str) -> None:
    assert causes(CONFIG_MAPS, {"metadata": {"name": name}}) == {}


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a_b", "a..b", "a" * 254])
def test_what_is_no_name_is_told(name: str) -> None:
    assert causes(CONFIG_MAPS, {"metadata": {"name": name}}).keys() == {"metadata.name"}


def test_namespaces_and_services_are_single_labels_and_roles_nearly_free() -> None:
    assert causes(NAMESPACES, {"metadata": {"name": "a.b"}}).keys() == {"metadata.name"}
    assert causes(ROLES, {"metadata": {"name": "system:Some-Role"}}) == {}


def test_labels_and_annotations_have_rules() -> None:
    metadata = {"name": "a", "labels": {"ok/x": "fine", "bad": "-no-"}, "annotations": {"x": "y" * 262_145}}
    assert causes(CONFIG_MAPS, {"metadata": metadata}).keys() == {"metadata.labels", "metadata.annotations"}


@pytest.mark.parametrize(
    ("container", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Main"}, "name"),
        ({"image": ""}, "image"),
        ({"ports": [{"containerPort": 70_000}]}, "ports[0].containerPort"),
        ({"env": [{"value": "1"}]}, "env[0].name"),
        ({"env": [{"name": "A", "value": 1}]}, "env[0].value"),
        ({"volumeMounts": [{"name": "data", "mountPath": "/data"}]}, "volumeMounts[0].name"),
        ({"readinessProbe": {"periodSeconds": 1}}, "readinessProbe"),
    ],
)
def test_a_container_is_told_what_is_wrong_with_it(container: dict[str, Any], field: str) -> None:
    assert causes(PODS, pod(**container)).keys() == {f"spec.containers[0].{field}"}


def test_a_pod_needs_a_container_and_each_its_own_name() -> None:
    assert causes(PODS, {"spec": {"containers": []}}) == {"spec.containers": "Required value"}
    twice = {"spec": {"containers": [{"name": "a", "image": "x"}, {"name": "a", "image": "x"}]}}
    assert causes(PODS, twice) == {"spec.containers[1].name": 'Duplicate value: "a"'}


def test_a_workload_must_select_its_own_pods() -> None:
    assert causes(DEPLOYMENTS, workload()) == {}
    other = causes(DEPLOYMENTS, workload(selector={"matchLabels": {"app": "b"}}))
    assert other["spec.template.metadata.labels"].endswith("`selector` does not match template `labels`")
    assert causes(DEPLOYMENTS, workload(selector={})) == {"spec.selector": "Required value"}


def test_a_services_ports_are_checked() -> None:
    assert causes(SERVICES, {"spec": {}}) == {"spec.ports": "Required value"}
    assert causes(SERVICES, {"spec": {"clusterIP": "None"}}) == {}
    two = [{"port": 80, "name": "a"}, {"port": 80}]
    assert causes(SERVICES, {"spec": {"ports": two}}).keys() == {"spec.ports[1].name", "spec.ports[1]"}


def test_a_secret_is_base64() -> None:
    assert causes(SECRETS, {"data": {"x": "!"}}) == {"data[x]": "Invalid value: illegal base64 data"}


def test_immutable_data_stays_and_cannot_be_made_mutable() -> None:
    old = {"metadata": {"name": "a"}, "immutable": True, "data": {"x": "1"}}
    new = {"metadata": {"name": "a"}, "data": {"x": "2"}}
    assert [cause.field for cause in update_causes(CONFIG_MAPS, old, new)] == ["data", "immutable"]


def test_a_services_address_stays() -> None:
    old = fill(SERVICES, {"metadata": {"name": "a"}, "spec": {"clusterIP": "127.0.0.2", "ports": [{"port": 1}]}})
    new = copy_object(old)
    new["spec"]["clusterIP"] = "127.0.0.3"
    assert [cause.field for cause in update_causes(SERVICES, old, new)] == ["spec.clusterIPs[0]"]
