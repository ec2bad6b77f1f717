from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.staging.api.protobuf import read_protobuf
from gameday.staging.errors import ApiError, BadRequest, UnsupportedMediaType

MAGIC = b"k8s\x00"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def body(version: str, kind: str, message: bytes) -> bytes:
    return MAGIC + field(1, field(1, version) + field(2, kind)) + field(2, message) + field(3, "") + field(4, "")


def test_a_config_map_is_read_from_its_bytes() -> None:
    metadata = field(1, "a") + field(2, "") + field(7, 0) + field(8, b"") + field(11, field(1, "x") + field(2, "y"))
    message = field(1, metadata) + field(2, field(1, "key") + field(2, "värde")) + field(4, 0)
    assert read_protobuf(body("v1", "ConfigMap", message)) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "labels": {"x": "y"}},
        "data": {"key": "värde"},
        "immutable": False,
    }


def test_numbers_keep_their_sign_and_a_zero_that_means_something() -> None:
    strategy = field(1, "RollingUpdate") + field(2, field(1, field(1, 1) + field(3, "25%")) + field(2, field(2, 3)))
    message = field(1, field(1, "a")) + field(2, field(1, 0) + field(4, strategy) + field(5, 0) + field(9, -1))
    assert read_protobuf(body("apps/v1", "Deployment", message))["spec"] == {
        "replicas": 0,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": 3}},
        "progressDeadlineSeconds": -1,
    }


def test_a_pods_volumes_and_references_stand_where_json_has_them() -> None:
    volume = field(1, "shared") + field(2, field(2, b""))
    settings = field(1, "settings") + field(2, field(19, field(1, field(1, "app")) + field(3, 420) + field(4, 0)))
    secret = field(1, "TOKEN") + field(3, field(4, field(1, field(1, "keys")) + field(2, "token")))
    probe = field(1, field(2, field(1, "/healthz") + field(2, field(1, 1) + field(3, "http")))) + field(4, 5)
    container = field(1, "main") + field(7, secret) + field(11, probe) + field(19, field(2, field(1, field(1, "app"))))
    template = field(2, field(1, volume) + field(1, settings) + field(2, container))
    found = read_protobuf(body("batch/v1", "Job", field(2, field(2, 3) + field(6, template) + field(10, 0))))
    assert found["spec"]["completions"] == 3
    assert found["spec"]["suspend"] is False
    assert found["spec"]["template"]["spec"] == {
        "volumes": [
            {"name": "shared", "emptyDir": {}},
            {"name": "settings", "configMap": {"name": "app", "defaultMode": 420, "optional": False}},
        ],
        "containers": [
            {
                "name": "main",
                "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}],
                "envFrom": [{"configMapRef": {"name": "app"}}],
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 5},
            }
        ],
    }


def test_a_kind_or_a_field_without_a_table_is_refused_and_not_dropped() -> None:
    with pytest.raises(UnsupportedMediaType, match="v1 Gadget cannot be read as protobuf"):
        read_protobuf(body("v1", "Gadget", b""))
    with pytest.raises(UnsupportedMediaType, match="field 99 of ConfigMap"):
        read_protobuf(body("v1", "ConfigMap", field(99, "x")))


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    for start in (b"", MAGIC, body("v1", "ConfigMap", b"")[:20]):
        try:
            read_protobuf(start + content)
        except ApiError as error:
            assert error.code in {400, 415}  # noqa: PT017 - most inputs are refused, and some are not
    with pytest.raises((BadRequest, UnsupportedMediaType)):
        read_protobuf(MAGIC + content + b"\xff")


def test_the_server_creates_from_protobuf(cluster: Any) -> None:
    message = field(1, field(1, "a")) + field(2, field(1, "x") + field(2, "1"))
    headers = {"Content-Type": "application/vnd.kubernetes.protobuf"}
    reply = cluster.request("POST", CONFIG_MAPS, body("v1", "ConfigMap", message), headers=headers)
    assert (reply.status, reply.body["data"]) == (201, {"x": "1"})
    broken = cluster.request("POST", CONFIG_MAPS, b"k8s\x00\xff", headers=headers)
    assert (broken.status, broken.body["kind"]) == (400, "Status")
