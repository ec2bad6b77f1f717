"""Which Services can be interposed, and which faults be meant: everything else is refused before anything changes."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.change.registry import action_named
from gameday.errors import BadParameterError, NoTargetError
from gameday.interpose.config_map import as_document
from gameday.interpose.faults import Constant, Delay, Latency, Normal, Pareto, Uniform
from gameday.interpose.settings import read_settings
from gameday.kube import KubeCluster
from tests.interposition.conftest import Busy

pytestmark = pytest.mark.e2e
INTERPOSE = action_named("gameday.actions.services.interpose")
HTTP = {"name": "http", "port": 8080, "targetPort": "http"}


def service(scratch: Any, **spec: Any) -> None:
    scratch.create("Service", "web", spec={"selector": {"app": "web"}, "ports": [HTTP], **spec})


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"clusterIP": "None"}, "it is headless, so that clients reach its pods by themselves"),
        ({"type": "ExternalName", "externalName": "shop.example", "selector": None}, "a name of something outside"),
        ({"selector": None}, "it selects no pods, since somebody else writes its endpoints"),
        ({"ports": [HTTP, {"name": "admin", "port": 9090}]}, "it has 2 ports, and a proxy stands before one"),
        ({"ports": [{"name": "dns", "port": 5353, "protocol": "UDP"}]}, "it speaks UDP"),
        ({"ports": [{"name": "https", "port": 8443}]}, "it speaks TLS"),
        ({"ports": [{"name": "web", "port": 9443, "appProtocol": "https"}]}, "interpose it under prepare with protocol: tcp"),
    ],
)
def test_where_no_proxy_can_stand_is_refused_with_the_reason(
    cluster: KubeCluster, scratch: Any, spec: dict[str, Any], told: str
) -> None:
    service(scratch, **spec)
    with pytest.raises(BadParameterError, match=r"services.interpose: service .* cannot be interposed: ") as refused:
        INTERPOSE.plan(cluster, namespace=scratch.name, name="web")
    assert told in str(refused.value)


def test_tls_is_passed_on_as_bytes_where_that_is_asked_for(cluster: KubeCluster, busy: Busy) -> None:
    busy.scratch.create("Service", "tls", spec={"selector": {"app": "web"}, "ports": [{"name": "https", "port": 8443}]})
    planned = INTERPOSE.plan(cluster, namespace=busy.scratch.name, name="tls", protocol="tcp")
    assert [change.ref.name for change in planned] == ["tls-gameday-origin", "tls-gameday-proxy", "tls"]


def test_a_service_that_is_not_there_or_has_no_pods_is_no_target(cluster: KubeCluster, scratch: Any) -> None:
    with pytest.raises(NoTargetError, match=r"there is no service .*/web in this cluster. See: kubectl get services"):
        INTERPOSE.plan(cluster, namespace=scratch.name, name="web")
    service(scratch)
    with pytest.raises(NoTargetError, match="has no pods that a proxy could stand before: app=web matches none"):
        INTERPOSE.plan(cluster, namespace=scratch.name, name="web")


def test_pods_of_a_mesh_are_left_to_the_mesh(cluster: KubeCluster, scratch: Any) -> None:
    service(scratch)
    sidecar = {"name": "istio-proxy", "image": "python:3", "command": ["sleep", "60"]}
    scratch.deployment(replicas=1, pod={"containers": [sidecar]})
    scratch.eventually(scratch.pods)
    with pytest.raises(BadParameterError, match=r"are in a mesh \(Istio\)"):
        INTERPOSE.plan(cluster, namespace=scratch.name, name="web")


def test_a_namespace_without_the_account_of_proxies_says_how_to_put_it_there(cluster: KubeCluster, scratch: Any) -> None:
    service(scratch)
    scratch.deployment(replicas=1)
    scratch.ready()
    with pytest.raises(NoTargetError, match=rf"it is not there. .*: gameday install -n {scratch.name} --image IMAGE"):
        INTERPOSE.plan(cluster, namespace=scratch.name, name="web")
    scratch.create("ServiceAccount", "gameday-proxy")
    with pytest.raises(NoTargetError, match=r"without the annotation gameday.dev/image"):
        INTERPOSE.plan(cluster, namespace=scratch.name, name="web")


@pytest.mark.parametrize(
    ("action", "arguments", "told"),
    [
        ("services.interpose", {"replicas": 0}, "replicas to be a whole number from 1 to 10"),
        ("services.interpose", {"replicas": True}, "replicas to be a whole number from 1 to 10"),
        ("services.interpose", {"protocol": "udp"}, "expected protocol to be http or tcp"),
        ("services.slow", {"seconds": -1}, "fault.delay.seconds: expected float > 0.0"),
        ("services.slow", {"seconds": 1, "jitter_seconds": 2}, "expected at most the 1 s that it is about"),
        ("services.slow", {"seconds": "1"}, "fault.delay.seconds: expected float, got str"),
        (
            "services.slow",
            {"seconds": 1, "distribution": "cauchy"},
            "distribution to be one of constant, uniform, normal, pareto",
        ),
        ("services.slow", {"seconds": 1, "distribution": "normal"}, "expected deviation_seconds with distribution normal"),
        ("services.slow", {"seconds": 1, "shape": 2}, "expected nothing else with distribution constant, but got shape"),
        ("services.slow", {"seconds": 9, "distribution": "pareto", "shape": 2, "most_seconds": 1}, "expected at least the 9 s"),
        ("storage.slow", {"seconds": 1, "distribution": "pareto", "shape": 0}, "fault.delay.shape: expected float > 0.0"),
        ("services.fail", {"status": 99}, "fault.status: expected int >= 200"),
        ("services.fail", {"match": {"percent": 130}}, "match.percent: expected float <= 100.0"),
        ("services.fail", {"match": {"percent": -5}}, "match.percent: expected float > 0.0"),
        ("services.fail", {"match": {"paht": "/x"}}, "match: object contains unknown field paht"),
        ("services.fail", {"match": {"customer": {"header": "a", "cookie": "b"}}}, "exactly one of header, cookie and query"),
        ("services.refuse", {"percent": 0}, "match.percent: expected float > 0.0"),
        ("services.cut", {"after_bytes": -1}, "fault.after_bytes: expected int >= 0"),
        ("services.reset", {"at": "noon"}, "fault.at: invalid enum value 'noon'"),
        ("services.hang", {"lasts_seconds": 0}, "lasts_seconds to be a number from 1 to 86400"),
        ("services.throttle", {"bytes_per_second": 0}, "fault.bytes_per_second: expected float >= 1.0"),
        ("services.represent", {"host": "http://x/", "port": 80}, "expected host to be a name or an address"),
        ("services.represent", {"host": "x", "port": 0}, "expected port to be a number from 1 to 65535"),
        ("services.represent", {"host": "x", "port": 80}, "yet, but it is there; choose another name"),
        ("storage.block", {"how": "burn"}, "expected how to be one of refuse, hang, slow_down, error, deny"),
        ("storage.block", {"how": "refuse", "bucket": "a"}, "no operations and no bucket with refuse"),
        ("storage.block", {"operations": ["copy"]}, "expected operations as a list of get, put, delete, list"),
        ("storage.block", {"operations": "get"}, "expected operations as a list of get, put, delete, list"),
        ("storage.block", {"percent": 101}, "match.percent: expected float <= 100.0"),
        ("storage.block", {"bucket": "*"}, "expected bucket to be the name of one bucket"),
        ("storage.block", {"bucket": "receipts/2026"}, "expected bucket to be the name of one bucket"),
        ("storage.cut", {"bucket": "Receipts", "after_bytes": 1}, "lower-case letters"),
        ("storage.slow", {"bucket": "re", "seconds": 1}, "3 to 63"),
        ("storage.slow", {"bucket": "10.0.0.1", "seconds": 1}, "no IP address"),
        ("storage.slow", {"seconds": 0}, "fault.delay.seconds: expected float > 0.0"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(
    cluster: KubeCluster, busy: Busy, action: str, arguments: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadParameterError) as refused:
        action_named(f"gameday.actions.{action}").plan(cluster, namespace=busy.scratch.name, name="web", **arguments)
    assert str(refused.value).startswith(f"{action}: ")
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("action", "arguments", "delay"),
    [
        ("services.slow", {}, Constant(2.0)),
        ("services.slow", {"jitter_seconds": 0}, Constant(2.0)),
        ("services.slow", {"jitter_seconds": 0.5}, Uniform(2.0, 0.5)),
        ("services.slow", {"distribution": "normal", "deviation_seconds": 0.5}, Normal(2.0, 0.5)),
        ("storage.slow", {"distribution": "pareto", "shape": 3, "most_seconds": 9}, Pareto(2.0, 3.0, 9.0)),
    ],
)
def test_a_delay_is_drawn_from_the_distribution_that_the_action_was_given(
    cluster: KubeCluster, busy: Busy, action: str, arguments: dict[str, Any], delay: Delay
) -> None:
    planned = action_named(f"gameday.actions.{action}").plan(
        cluster, namespace=busy.scratch.name, name="web", seconds=2, **arguments
    )
    switch = planned[-1].manifest  # type: ignore[union-attr]  # the last one creates the switch
    heard = as_document({"metadata": {"uid": "u", "creationTimestamp": "2026-11-26T12:00:00Z"}, "data": switch["data"]}, "http")
    (rule,) = read_settings(heard, protocol="http").rules
    assert rule.fault == Latency(delay)
