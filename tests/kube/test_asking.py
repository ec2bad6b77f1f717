"""Programs in the cluster, asked through the API server."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from gameday.cluster import ObjectRef
from gameday.errors import ClusterError, NotFoundError
from gameday.kube import KubeCluster

pytestmark = pytest.mark.e2e


@pytest.fixture
def web(scratch: Any) -> Any:
    scratch.deployment(replicas=1)
    service = ObjectRef.of(scratch.service())
    scratch.ready()

    def is_reached() -> bool:
        # Endpoints follow a moment after pods are Ready.
        with suppress(ClusterError):
            return bool(scratch.cluster.ask(service, "http", "/").status == 200)
        return False

    scratch.eventually(is_reached)
    return scratch


def test_a_pod_answers_by_its_ports_number_and_a_service_by_number_or_name(cluster: KubeCluster, web: Any) -> None:
    (pod,) = web.pods()
    service = web.get("Service", "web")
    port = pod["spec"]["containers"][0]["ports"][0]["containerPort"]
    listening = service["spec"]["ports"][0]
    direct = cluster.ask(ObjectRef.of(pod), port, "/")
    assert direct.status == 200
    assert cluster.ask(ObjectRef.of(service), listening["port"], "/").body == direct.body
    if listening.get("name"):
        assert cluster.ask(ObjectRef.of(service), listening["name"], "/") == direct


def test_an_error_of_the_program_is_an_answer_and_no_error_of_the_cluster(cluster: KubeCluster, scratch: Any) -> None:
    scratch.deployment(replicas=1, command=["python", "-m", "http.server", "8080", "--bind", "$(POD_IP)"])

    def answer() -> int:
        try:
            return cluster.ask(ObjectRef.of(scratch.pods()[0]), 8080, "/there/is/no/such/page").status
        except (ClusterError, IndexError):
            return 0

    assert scratch.eventually(answer) == 404


def test_where_nothing_listens_or_nothing_is_an_error_says_so(cluster: KubeCluster, web: Any) -> None:
    (pod,) = web.pods()
    with pytest.raises(ClusterError, match="error trying to reach service"):
        cluster.ask(ObjectRef.of(pod), 1, "/")
    with pytest.raises(NotFoundError):
        cluster.ask(web.ref("Pod", "nobody"), 8080, "/")
