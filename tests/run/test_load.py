"""Where customers knock: the url given, a load balancer, or the Service's own address, if it can be reached."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from gameday.errors import NoTargetError, RefusedError
from gameday.experiment import TrafficSpec
from gameday.run.load import target_url

pytestmark = pytest.mark.e2e


def traffic(scratch: Any, service: str = "web", url: str = "") -> TrafficSpec:
    return TrafficSpec("checkout", 40.0, url=url, service=service, namespace=scratch.name)


def test_a_url_that_is_given_is_taken_as_it_is(cluster: Any, scratch: Any) -> None:
    assert target_url(cluster, traffic(scratch, "none", "https://shop.example/")) == "https://shop.example"


def test_a_service_is_found_at_its_address_in_the_cluster(cluster: Any, scratch: Any) -> None:
    scratch.deployment(replicas=1)
    service = scratch.service(port=8181)
    scratch.ready()
    address = f"{service['spec']['clusterIP']}:8181"

    def found() -> str:
        try:
            return target_url(cluster, traffic(scratch))
        except RefusedError:
            # It listens a moment after its first pod is Ready.
            return ""

    assert scratch.eventually(found) == f"http://{address}"


def test_a_load_balancer_comes_before_the_address_in_the_cluster(cluster: Any, scratch: Any) -> None:
    scratch.service()
    with socket.create_server(("127.0.0.1", 0)) as balancer:
        port = balancer.getsockname()[1]
        scratch.patch("Service", "web", {"op": "replace", "path": "/spec/ports/0/port", "value": port})
        service = scratch.get("Service", "web")
        service["status"] = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}
        assert target_url(_With(cluster, service), traffic(scratch)) == f"http://127.0.0.1:{port}"


class _With:
    """The real cluster with one Service as a cloud would have filled it in."""

    def __init__(self, cluster: Any, service: Any) -> None:
        self._cluster, self._service = cluster, service

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def get(self, _: Any) -> Any:
        return self._service


def test_a_service_that_is_not_there_is_named_with_ways_out(cluster: Any, scratch: Any) -> None:
    with pytest.raises(NoTargetError, match=r"expected a Service 'web' in namespace .*`traffic: \{url: …\}`"):
        target_url(cluster, traffic(scratch))


def test_a_service_that_cannot_be_reached_from_here_is_refused(cluster: Any, scratch: Any) -> None:
    spec = {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 80}]}
    scratch.create("Service", "web", spec=spec)
    with pytest.raises(RefusedError, match=f"the Service {scratch.name}/web cannot be reached from here"):
        target_url(cluster, traffic(scratch))


def test_a_service_without_a_port_is_refused(cluster: Any, scratch: Any) -> None:
    scratch.create("Service", "web", spec={"clusterIP": "None", "selector": {"app": "web"}})
    with pytest.raises(RefusedError, match=f"the Service {scratch.name}/web has no port to send customers to"):
        target_url(cluster, traffic(scratch))
