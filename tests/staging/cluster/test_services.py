"""Services as sockets: who answers, who is left out, and what a client notices when nobody does."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from typing import Any

import pytest
from kubernetes import client


def _who(space: Any, address: str, times: int) -> set[str]:
    """Return which pods answer; nobody if one of so many connections fails."""
    try:
        return {space.get(address)[1]["pod"] for _ in range(times)}
    except (OSError, http.client.HTTPException):
        return set()


def _refuses(space: Any, address: str) -> bool:
    """Say whether a connection is refused, and not cut off later."""
    try:
        space.get(address)
    except ConnectionRefusedError:
        return True
    except (OSError, http.client.HTTPException):
        pass
    return False


def test_a_service_spreads_connections_over_its_ready_pods(space: Any) -> None:
    space.deploy("echo", replicas=3)
    address = space.serve("echo")
    pods = {pod["metadata"]["name"] for pod in space.await_ready("echo", 3)}
    assert space.eventually(lambda: _who(space, address, 9) == pods)


def test_a_service_without_a_ready_pod_refuses_connections(space: Any) -> None:
    space.deploy("echo", replicas=2)
    address = space.serve("echo")
    space.await_ready("echo", 2)
    space.await_answer(address)
    space.apps.patch_namespaced_deployment_scale("echo", space.name, {"spec": {"replicas": 0}})
    space.eventually(lambda: not space.pods("echo"))
    space.eventually(lambda: _refuses(space, address))
    space.apps.patch_namespaced_deployment_scale("echo", space.name, {"spec": {"replicas": 1}})
    space.await_ready("echo", 1)
    space.await_answer(address)


def test_an_unready_pod_keeps_its_connections_and_gets_no_new_ones(space: Any) -> None:
    space.deploy("echo", replicas=2, livenessProbe=None)
    address = space.serve("echo")
    first, second = space.await_ready("echo", 2)
    space.await_answer(address)
    kept = http.client.HTTPConnection(address, 8080, timeout=30)
    kept.request("GET", "/")
    served_by = json.loads(kept.getresponse().read())["pod"]
    unready, other = (first, second) if first["metadata"]["name"] == served_by else (second, first)
    space.get(unready["status"]["podIP"], "/set/ready/0")
    space.eventually(lambda: len(space.ready("echo")) == 1)
    space.eventually(lambda: _who(space, address, 6) == {other["metadata"]["name"]})
    kept.request("GET", "/")
    assert json.loads(kept.getresponse().read())["pod"] == served_by
    kept.close()


def test_a_request_in_flight_fails_when_its_pod_is_killed(space: Any) -> None:
    space.deploy("echo")
    address = space.serve("echo")
    pod = space.await_ready("echo", 1)[0]
    pid = space.get(pod["status"]["podIP"])[1]["pid"]
    space.await_answer(address)
    connection = http.client.HTTPConnection(address, 8080, timeout=30)
    connection.request("GET", "/slow")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        connection.getresponse()
    connection.close()


def test_a_pod_leaves_its_service_as_soon_as_it_is_being_deleted(space: Any) -> None:
    space.deploy("echo", replicas=2, env=[{"name": "IGNORE_TERM", "value": "1"}], pod={"terminationGracePeriodSeconds": 60})
    address = space.serve("echo")
    victim = space.await_ready("echo", 2)[0]["metadata"]["name"]
    space.core.delete_namespaced_pod(victim, space.name)
    slices = client.DiscoveryV1Api(space.api)

    def terminating() -> Any:
        endpoints = slices.list_namespaced_endpoint_slice(space.name).items[0].endpoints
        return [item for item in endpoints if item.target_ref.name == victim and item.conditions.terminating]

    found = space.eventually(terminating)[0]
    assert (found.conditions.ready, found.conditions.serving) == (False, True)
    space.eventually(lambda: (who := _who(space, address, 6)) and victim not in who)
    assert victim in {pod["metadata"]["name"] for pod in space.pods("echo")}
    space.core.delete_namespaced_pod(victim, space.name, grace_period_seconds=0)


def test_endpoints_name_the_pods_behind_a_service(space: Any) -> None:
    space.deploy("echo", replicas=2)
    space.serve("echo")
    pods = {pod["metadata"]["uid"]: pod["status"]["podIP"] for pod in space.await_ready("echo", 2)}

    def slices() -> Any:
        found = client.DiscoveryV1Api(space.api).list_namespaced_endpoint_slice(space.name).items[0]
        return found if found.endpoints and all(item.conditions.ready for item in found.endpoints) else None

    found = space.eventually(slices)
    assert {item.target_ref.uid: item.addresses[0] for item in found.endpoints} == pods
    assert [(port.name, port.port) for port in found.ports] == [("http", 8080)]
    older = space.core.read_namespaced_endpoints("echo", space.name)
    assert {item.ip for item in older.subsets[0].addresses} == set(pods.values())


def test_a_load_balancer_is_reached_at_the_address_in_its_status(space: Any) -> None:
    space.deploy("echo")
    spec = {"type": "LoadBalancer", "selector": {"app": "echo"}, "ports": [{"port": 9100, "targetPort": 8080}]}
    space.core.create_namespaced_service(space.name, {"metadata": {"name": "echo"}, "spec": spec})
    space.await_ready("echo", 1)
    status = space.eventually(lambda: space.core.read_namespaced_service("echo", space.name).status.load_balancer.ingress)
    space.await_answer(status[0].ip, port=9100)


def test_a_service_port_below_1024_is_refused_with_the_reason(space: Any) -> None:
    spec = {"selector": {"app": "echo"}, "ports": [{"port": 80}]}
    with pytest.raises(client.ApiException) as refused:
        space.core.create_namespaced_service(space.name, {"metadata": {"name": "echo"}, "spec": spec})
    assert refused.value.status == 422
    assert "ports from 1024 up" in refused.value.body


def test_a_service_whose_selector_changes_sends_new_connections_elsewhere(space: Any) -> None:
    space.deploy("blue")
    space.deploy("green")
    space.await_ready("blue", 1)
    green = space.await_ready("green", 1)[0]["metadata"]["name"]
    address = space.serve("blue")
    space.await_answer(address)
    space.core.patch_namespaced_service("blue", space.name, {"spec": {"selector": {"app": "green"}}})
    space.eventually(lambda: _who(space, address, 2) == {green})


def test_large_answers_pass_whole_and_slow_readers_are_waited_for(space: Any) -> None:
    script = (
        "import os, socket\n"
        "listener = socket.create_server((os.environ['POD_IP'], 8080))\n"
        "while True:\n"
        "    connection, _ = listener.accept()\n"
        "    connection.sendall(b'x' * (20_000_000 if connection.recv(1) == b'?' else 1))\n"
        "    connection.close()\n"
    )
    space.deploy("echo", command=["python", "-c", script], readinessProbe=None, livenessProbe=None)
    address = space.serve("echo")
    space.await_ready("echo", 1)
    space.eventually(lambda: _accepts(address))
    with socket.create_connection((address, 8080), timeout=30) as connection:
        connection.sendall(b"?")
        received = 0
        while data := connection.recv(1 << 20):
            received += len(data)
    assert received == 20_000_000


def _accepts(address: str) -> bool:
    try:
        with socket.create_connection((address, 8080), timeout=5) as connection:
            connection.sendall(b"!")
            return connection.recv(1) == b"x"
    except OSError:
        return False
