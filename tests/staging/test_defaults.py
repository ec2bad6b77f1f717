from __future__ import annotations

from typing import Any

import pytest

from gameday.staging.defaults import fill, prepare_new
from gameday.staging.history import copy_object
from gameday.staging.resources import DEPLOYMENTS, NAMESPACES, NODES, PODS, RESOURCES, SECRETS, SERVICES, Resource


def container(**more: Any) -> dict[str, Any]:
    return {"name": "a", "image": "shop", **more}


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return fill(PODS, {"metadata": {"name": "a"}, "spec": {"containers": list(containers), **spec}})


def test_a_pod_gets_what_kubernetes_gives_it() -> None:
    made = pod(container(ports=[{"containerPort": 1}], livenessProbe={"httpGet": {"port": 1}}))
    spec = made["spec"]
    assert (spec["restartPolicy"], spec["terminationGracePeriodSeconds"]) == ("Always", 30)
    assert spec["containers"][0]["ports"][0]["protocol"] == "TCP"
    assert spec["containers"][0]["livenessProbe"] == {
        "httpGet": {"port": 1, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert {item["key"]: item["tolerationSeconds"] for item in spec["tolerations"]} == {
        "node.kubernetes.io/not-ready": 300,
        "node.kubernetes.io/unreachable": 300,
    }
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


def test_a_toleration_of_ones_own_is_kept_as_it_is() -> None:
    own = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2}
    assert [item["tolerationSeconds"] for item in pod(container(), tolerations=[own])["spec"]["tolerations"]] == [2, 300]
    everything = {"operator": "Exists"}
    assert pod(container(), tolerations=[everything])["spec"]["tolerations"] == [everything]


@pytest.mark.parametrize(
    ("image", "policy"),
    [("shop", "Always"), ("shop:latest", "Always"), ("shop:1", "IfNotPresent"), ("host:5000/shop", "Always")],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    assert pod({"name": "a", "image": image})["spec"]["containers"][0]["imagePullPolicy"] == policy


@pytest.mark.parametrize(
    ("resources", "quality"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
    ],
)
def test_the_quality_of_service_follows_the_resources(resources: dict[str, Any], quality: str) -> None:
    assert pod(container(resources=resources))["status"]["qosClass"] == quality


def test_a_null_is_as_good_as_nothing() -> None:
    made = fill(DEPLOYMENTS, {"metadata": {}, "spec": {"replicas": None, "strategy": {"rollingUpdate": None}}})
    assert made["spec"]["replicas"] == 1
    assert made["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": "25%", "maxSurge": "25%"}


def test_zero_replicas_stay_zero_and_recreate_has_no_rolling_update() -> None:
    made = fill(DEPLOYMENTS, {"metadata": {}, "spec": {"replicas": 0, "strategy": {"type": "Recreate"}}})
    assert (made["spec"]["replicas"], made["spec"]["strategy"]) == (0, {"type": "Recreate"})


def test_a_services_target_port_is_its_port() -> None:
    made = fill(SERVICES, {"metadata": {}, "spec": {"ports": [{"port": 80}, {"port": 81, "targetPort": "http"}]}})
    assert [port["targetPort"] for port in made["spec"]["ports"]] == [80, "http"]


def test_string_data_wins_over_data() -> None:
    made = fill(SECRETS, {"metadata": {}, "data": {"a": "eA=="}, "stringData": {"a": "y"}})
    assert made["data"] == {"a": "eQ=="}
    assert "stringData" not in made


def test_a_client_does_not_say_what_state_its_object_is_in() -> None:
    claimed = {"metadata": {"name": "a"}, "spec": {}, "status": {"phase": "Running"}}
    assert "status" not in prepare_new(PODS, copy_object(claimed))
    assert prepare_new(NAMESPACES, copy_object(claimed))["status"] == {"phase": "Active"}
    assert prepare_new(NODES, copy_object(claimed))["status"] == {"phase": "Running"}


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda row: row.kind)
def test_filling_twice_is_filling_once(resource: Resource) -> None:
    once = fill(resource, {"metadata": {"name": "a"}, "spec": {"template": {"spec": {"containers": [container()]}}}})
    assert fill(resource, copy_object(once)) == once
