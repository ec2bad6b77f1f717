"""Variables as a kubelet builds them."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.staging.node.environment import (
    addressed,
    declared_variables,
    expand,
    service_variables,
)
from gameday.staging.node.references import UnresolvedError, field_value

POD: dict[str, Any] = {
    "metadata": {"name": "p", "namespace": "n", "labels": {"app": "a"}},
    "spec": {"nodeName": "node-1"},
    "status": {"podIP": "127.20.16.1"},
}


def _nothing(_kind: str, _name: str) -> None:
    return None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)b", "1b"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$$(A)", "$(A)"),
        ("cost: 5$", "cost: 5$"),
        ("$(A)$(A)", "11"),
        ("$A", "$A"),
    ],
)
def test_references_are_expanded_as_kubernetes_does(text: str, expected: str) -> None:
    assert expand(text, {"A": "1"}) == expected


def test_a_variable_may_refer_to_those_before_it_and_not_after() -> None:
    env = [{"name": "B", "value": "$(A) $(C)"}, {"name": "C", "value": "$(B)!"}]
    assert declared_variables(POD, {"env": env}, {"A": "1"}, _nothing) == {"B": "1 $(C)", "C": "1 $(C)!"}


def test_services_are_announced_by_host_port_and_named_ports() -> None:
    ports = [{"name": "http", "port": 8080}, {"name": "admin-api", "port": 9000}]
    services = [{"metadata": {"name": "my-shop"}, "spec": {"clusterIP": "127.20.1.1", "ports": ports}}]
    found = service_variables(services)
    assert found["MY_SHOP_SERVICE_HOST"] == "127.20.1.1"
    assert found["MY_SHOP_SERVICE_PORT"] == "8080"
    assert found["MY_SHOP_SERVICE_PORT_ADMIN_API"] == "9000"
    assert found["MY_SHOP_PORT_8080_TCP_ADDR"] == "127.20.1.1"
    assert found["MY_SHOP_PORT"] == "tcp://127.20.1.1:8080"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("http://backups.offsite.svc:9000", "http://127.20.1.7:9000"),
        ("backups.offsite.svc.cluster.local", "127.20.1.7"),
        ("http://other.offsite.svc:9000", "http://other.offsite.svc:9000"),
        ("a.backups.offsite.svc", "a.backups.offsite.svc"),
        ("backups.offsite.svc.example.com", "backups.offsite.svc.example.com"),
        ("backups.offsite", "backups.offsite"),
    ],
)
def test_names_of_services_in_any_namespace_become_addresses_since_there_is_no_dns(value: str, expected: str) -> None:
    known = {("backups", "offsite"): "127.20.1.7"}
    found = addressed({"A": value}, lambda name, namespace: known.get((name, namespace), ""))
    assert found == {"A": expected}


def test_a_headless_service_is_not_announced() -> None:
    assert service_variables([{"metadata": {"name": "a"}, "spec": {"clusterIP": "None", "ports": [{"port": 1}]}}]) == {}


def test_fields_of_the_pod_are_found() -> None:
    assert field_value(POD, "status.podIP") == "127.20.16.1"
    assert field_value(POD, "metadata.labels['app']") == "a"
    assert field_value(POD, "spec.nodeName") == "node-1"
    assert field_value(POD, "metadata.annotations['none']") == ""


def test_a_missing_reference_is_named_unless_it_is_optional() -> None:
    reference = {"name": "keys", "key": "k"}
    with pytest.raises(UnresolvedError, match='secret "keys" not found'):
        declared_variables(POD, {"env": [{"name": "A", "valueFrom": {"secretKeyRef": reference}}]}, {}, _nothing)
    optional = {"secretKeyRef": {**reference, "optional": True}}
    assert declared_variables(POD, {"env": [{"name": "A", "valueFrom": optional}]}, {}, _nothing) == {}


def test_a_missing_key_is_named() -> None:
    reference = {"configMapKeyRef": {"name": "settings", "key": "colour"}}
    with pytest.raises(UnresolvedError, match="couldn't find key colour in ConfigMap settings"):
        declared_variables(
            POD, {"env": [{"name": "A", "valueFrom": reference}]}, {}, lambda *_: {"kind": "ConfigMap", "data": {}}
        )


def test_all_of_a_config_map_comes_with_its_prefix() -> None:
    source = {"configMapRef": {"name": "settings"}, "prefix": "APP_"}
    found = declared_variables(POD, {"envFrom": [source]}, {}, lambda *_: {"kind": "ConfigMap", "data": {"A": "1", "B": "2"}})
    assert found == {"APP_A": "1", "APP_B": "2"}
