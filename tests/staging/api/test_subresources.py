from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

Maker = Callable[..., dict[str, Any]]


class Recorder:
    """Keeps what the API asked for, and answers with what a container might have written."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], dict[str, Any]]] = []

    def __call__(self, *where: str, **how: Any) -> AsyncIterator[bytes]:
        self.asked.append((where, how))
        return self.pieces()

    async def pieces(self) -> AsyncIterator[bytes]:
        yield b"first\n"
        await asyncio.sleep(0)
        yield b"second\n"


def test_a_log_is_what_the_node_says_it_is(cluster: Any, core: Any, pod: Maker) -> None:
    node = Recorder()
    cluster.server._backend.logs = node
    core.create_namespaced_pod("default", pod("a"))
    log = core.read_namespaced_pod_log("a", "default", tail_lines=5, timestamps=True, _preload_content=False)
    assert log.data == b"first\nsecond\n"
    asked = {"follow": False, "tail_lines": 5, "previous": False, "since_seconds": None, "timestamps": True}
    assert node.asked == [(("default", "a", "main"), asked)]
    limited = cluster.request("GET", "/api/v1/namespaces/default/pods/a/log?limitBytes=8")
    assert limited.content == b"first\nse"


def test_without_a_node_logs_are_not_implemented(cluster: Any, core: Any, pod: Maker) -> None:
    core.create_namespaced_pod("default", pod("a"))
    assert cluster.request("GET", "/api/v1/namespaces/default/pods/a/log").status == 501


def test_of_several_containers_one_has_to_be_named(cluster: Any, core: Any, pod: Maker) -> None:
    cluster.server._backend.logs = Recorder()
    two = pod("a")
    two["spec"]["containers"].append({"name": "side", "image": "x"})
    core.create_namespaced_pod("default", two)
    path = "/api/v1/namespaces/default/pods/a/log"
    reply = cluster.request("GET", path)
    assert reply.status == 400
    assert reply.body["message"].endswith("choose one of: [main side]")
    assert "not valid for pod a" in cluster.request("GET", f"{path}?container=no").body["message"]
    assert cluster.request("GET", f"{path}?container=side").status == 200


def test_a_pod_is_bound_to_one_node_once(cluster: Any, core: Any, pod: Maker) -> None:
    core.create_namespaced_pod("default", pod("a"))
    path = "/api/v1/namespaces/default/pods/a/binding"
    assert cluster.request("POST", path, {"target": {"kind": "Node", "name": "n"}}).status == 201
    assert core.read_namespaced_pod("a", "default").spec.node_name == "n"
    again = cluster.request("POST", path, {"target": {"name": "m"}})
    assert (again.status, 'already assigned to node "n"' in again.body["message"]) == (409, True)


def test_a_requested_token_is_its_accounts_until_the_account_goes(cluster: Any, core: Any) -> None:
    core.create_namespaced_service_account("default", {"metadata": {"name": "robot"}})
    spec = client.V1TokenRequestSpec(audiences=[], expiration_seconds=600)
    body = client.AuthenticationV1TokenRequest(spec=spec)
    issued = core.create_namespaced_service_account_token("robot", "default", body)
    token = issued.status.token
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    who = cluster.request("POST", path, {}, token=token).body["status"]["userInfo"]
    assert who["username"] == "system:serviceaccount:default:robot"
    core.delete_namespaced_service_account("robot", "default")
    core.create_namespaced_service_account("default", {"metadata": {"name": "robot"}})
    assert cluster.request("GET", "/api/v1/pods", token=token).status == 401


@pytest.mark.parametrize(("seconds", "told"), [(599, "less than 10 minutes"), (2**32 + 1, "larger than 2^32 seconds")])
def test_a_token_for_too_short_or_too_long_is_refused(cluster: Any, core: Any, seconds: int, told: str) -> None:
    core.create_namespaced_service_account("default", {"metadata": {"name": "robot"}})
    path = "/api/v1/namespaces/default/serviceaccounts/robot/token"
    reply = cluster.request("POST", path, {"spec": {"expirationSeconds": seconds}})
    assert (reply.status, reply.body["reason"]) == (422, "Invalid")
    assert reply.body["message"] == (
        'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: '
        f"{seconds}: may not specify a duration {told}"
    )


@pytest.mark.parametrize("subresource", ["exec", "attach", "portforward"])
def test_what_a_pod_cannot_do_here_is_501_with_the_reason(cluster: Any, subresource: str) -> None:
    reply = cluster.request("POST", f"/api/v1/namespaces/default/pods/a/{subresource}")
    assert (reply.status, reply.body["reason"]) == (501, "NotImplemented")
    assert "embedded cluster" in reply.body["message"]


def test_a_missing_pod_has_no_log(core: Any) -> None:
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_pod_log("nobody", "default")
    assert caught.value.status == 404
