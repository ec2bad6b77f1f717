"""A cluster over HTTP: what is read and written, and what every way of failing is called."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from gameday.cluster import ObjectRef, Selection
from gameday.errors import (
    BadParameterError,
    ClusterError,
    ConflictError,
    NotFoundError,
    RefusedError,
    UnauthenticatedError,
    UnreachableError,
)
from gameday.kube import KubeCluster, connect
from tests.conftest import PATIENT_SECONDS
from tests.interpose.upstream import kept_port

pytestmark = pytest.mark.e2e
Edit = Callable[[dict[str, Any]], None]
Connecting = Callable[..., KubeCluster]
SYSTEM: Final = ObjectRef("v1", "Namespace", "", "kube-system")


@pytest.fixture
def connecting(cluster_home: Any, tmp_path: Path) -> Connecting:
    """Return a function that connects with an edited copy of the cluster's kubeconfig."""

    def with_edit(edit: Edit, *, timeout_seconds: float = PATIENT_SECONDS) -> KubeCluster:
        config = yaml.safe_load(cluster_home.kubeconfig.read_text())
        edit(config)
        copy = tmp_path / "kubeconfig"
        copy.write_text(yaml.safe_dump(config))
        return connect(kubeconfig=copy, timeout_seconds=timeout_seconds)

    return with_edit


def elsewhere(server: str) -> Edit:
    return lambda config: config["clusters"][0]["cluster"].update(server=server)


# ------------------------------------------------------------------------------------------------ reading


def test_an_object_is_found_by_name_and_only_with_the_uid_that_is_meant(cluster: KubeCluster, scratch: Any) -> None:
    made = scratch.config_map()
    ref = ObjectRef.of(made)
    assert cluster.get(ref) == cluster.get(ref.anonymous) == made
    assert cluster.get(ObjectRef("v1", "ConfigMap", scratch.name, "settings", "another-uid")) is None
    assert cluster.get(scratch.ref("ConfigMap", "nothing")) is None


def test_more_objects_than_a_page_are_all_listed_once(cluster: KubeCluster, scratch: Any) -> None:
    names = [f"m-{number:04}" for number in range(1101)]
    for name in names:
        scratch.config_map(name)
    found = cluster.list(Selection("v1", "ConfigMap", scratch.name))
    assert [obj["metadata"]["name"] for obj in found if obj["metadata"]["name"].startswith("m-")] == names
    assert {(obj["apiVersion"], obj["kind"]) for obj in found} == {("v1", "ConfigMap")}


def test_lists_are_selected_by_labels_and_fields(cluster: KubeCluster, scratch: Any) -> None:
    for name, tier in (("a", "web"), ("b", "db")):
        scratch.create("ConfigMap", name, metadata={"labels": {"tier": tier}})
    by_label = cluster.list(Selection("v1", "ConfigMap", scratch.name, labels="tier in (web)"))
    by_field = cluster.list(Selection("v1", "ConfigMap", scratch.name, fields="metadata.name=b"))
    assert [obj["metadata"]["name"] for obj in (*by_label, *by_field)] == ["a", "b"]


def test_the_cluster_says_who_it_is(cluster: KubeCluster) -> None:
    found = cluster.identity()
    system = cluster.get(SYSTEM)
    assert system is not None
    assert found.uid == system["metadata"]["uid"]
    assert (found.name, found.server) == ("embedded", cluster.server)
    assert cluster.identity() is found


def test_the_servers_clock_goes_on_between_its_answers(cluster: KubeCluster) -> None:
    before = cluster.server_time()
    assert abs(before - time.time()) < 20
    time.sleep(0.01)
    assert cluster.server_time() > before


def test_a_kind_that_is_not_in_the_table_is_asked_for(cluster: KubeCluster, scratch: Any) -> None:
    account = scratch.create("ServiceAccount", "robot")
    assert cluster.get(ObjectRef.of(account)) == account


def test_a_kind_that_the_cluster_does_not_serve_is_named(cluster: KubeCluster) -> None:
    with pytest.raises(BadParameterError, match="the cluster serves no kind 'Deploymint' in 'apps/v1'"):
        cluster.list(Selection("apps/v1", "Deploymint"))
    with pytest.raises(NotFoundError):
        cluster.list(Selection("nowhere.example/v1", "Thing"))


def test_a_port_is_open_refused_or_out_of_reach(cluster: KubeCluster) -> None:
    with kept_port() as kept:
        address = kept.getsockname()
        with socket.create_server(address):
            assert cluster.connects(*address, timeout_seconds=PATIENT_SECONDS) is True
        assert cluster.connects(*address) is False
    assert cluster.connects("no-such-host.invalid", 80) is None


# ------------------------------------------------------------------------------------------------ writing


def test_creating_what_exists_conflicts(scratch: Any) -> None:
    scratch.config_map()
    with pytest.raises(ConflictError, match="answered 409 to POST"):
        scratch.config_map()


def test_a_patch_whose_test_does_not_hold_conflicts_and_changes_nothing(scratch: Any) -> None:
    before = scratch.config_map(colour="red")
    with pytest.raises(ConflictError, match="answered 422 to PATCH"):
        scratch.patch(
            "ConfigMap",
            "settings",
            {"op": "test", "path": "/data/colour", "value": "blue"},
            {"op": "replace", "path": "/data/colour", "value": "green"},
        )
    assert scratch.get("ConfigMap", "settings") == before


def test_replacing_what_has_moved_on_conflicts(cluster: KubeCluster, scratch: Any) -> None:
    old = scratch.config_map(colour="red")
    cluster.replace({**old, "data": {"colour": "blue"}})
    with pytest.raises(ConflictError, match="409"):
        cluster.replace({**old, "data": {"colour": "green"}})


def test_an_object_is_deleted_only_if_it_is_still_the_one_that_is_meant(cluster: KubeCluster, scratch: Any) -> None:
    made = scratch.config_map()
    replaced = ObjectRef("v1", "ConfigMap", scratch.name, "settings", "another-uid")
    with pytest.raises(ConflictError, match="409"):
        cluster.delete(replaced)
    with pytest.raises(ConflictError, match="409"):
        cluster.delete(ObjectRef.of(made), resource_version="1")
    cluster.delete(ObjectRef.of(made), resource_version=made["metadata"]["resourceVersion"])
    with pytest.raises(NotFoundError, match="answered 404 to DELETE"):
        cluster.delete(ObjectRef.of(made))


def test_an_eviction_that_a_disruption_budget_forbids_is_refused(cluster: KubeCluster, scratch: Any) -> None:
    scratch.deployment(replicas=1)
    (pod,) = scratch.ready()
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    scratch.create("PodDisruptionBudget", "web", "policy/v1", spec=spec)
    with pytest.raises(RefusedError, match=r"answered 429 to POST .*budget"):
        cluster.evict(ObjectRef.of(pod))
    assert cluster.get(ObjectRef.of(pod)) is not None


def test_an_evicted_pod_goes(cluster: KubeCluster, scratch: Any) -> None:
    scratch.deployment(replicas=1)
    (pod,) = scratch.ready()
    cluster.evict(ObjectRef.of(pod), grace_seconds=0)
    scratch.eventually(lambda: cluster.get(ObjectRef.of(pod)) is None)


def test_what_breaks_a_rule_of_the_api_is_refused_with_the_servers_words(scratch: Any) -> None:
    with pytest.raises(RefusedError, match="answered 422 to POST"):
        scratch.create("Service", "web", spec={"selector": {"app": "web"}, "ports": []})


# ------------------------------------------------------------------------------------------------ failing


def test_a_token_that_is_not_accepted_is_called_that(connecting: Connecting) -> None:
    found = connecting(lambda config: config["users"][0]["user"].update(token="somebody-else"))
    with pytest.raises(UnauthenticatedError, match=r"does not accept these credentials.*401 to GET .*Log in again"):
        found.get(SYSTEM)


def test_who_is_not_known_is_not_told_that_a_right_is_missing(connecting: Connecting) -> None:
    found = connecting(lambda config: config["users"][0]["user"].update(token="somebody-else"))
    with pytest.raises(UnauthenticatedError, match="does not accept these credentials"):
        found.identity()


def test_a_closed_port_is_a_sentence_with_the_address_and_what_to_ask_oneself(connecting: Connecting) -> None:
    with kept_port() as kept:
        port = kept.getsockname()[1]
        found = connecting(elsewhere(f"https://127.0.0.1:{port}"))
        with pytest.raises(
            UnreachableError, match=rf"no answer from the cluster at https://127.0.0.1:{port} to GET .*refused.*Is it up"
        ):
            found.identity()


def test_a_server_that_never_answers_is_given_up(connecting: Connecting) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = connecting(elsewhere(f"http://127.0.0.1:{server.getsockname()[1]}"), timeout_seconds=1.0)
        with pytest.raises(UnreachableError, match="timed out"):
            found.get(SYSTEM)


def test_a_certificate_of_somebody_else_is_not_trusted(connecting: Connecting, tmp_path: Path) -> None:
    from trustme import CA  # noqa: PLC0415  # only here

    authority = tmp_path / "other-ca.pem"
    CA().cert_pem.write_to_path(authority)

    def distrust(config: dict[str, Any]) -> None:
        config["clusters"][0]["cluster"].pop("certificate-authority-data", None)
        config["clusters"][0]["cluster"]["certificate-authority"] = str(authority)

    with pytest.raises(UnreachableError, match="certificate verify failed"):
        connecting(distrust).get(SYSTEM)


class Stranger(http.server.BaseHTTPRequestHandler):
    """A web server that is no cluster: whatever is asked, it answers what its path's server was told to."""

    answer: bytes = b"<html>Please sign in</html>"
    status: int = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=[(200, b"<html>Please sign in</html>"), (200, b"[]"), (502, b"<html>Bad gateway</html>"), (500, b'"x"')])
def stranger(request: pytest.FixtureRequest) -> Iterator[str]:
    status, answer = request.param
    handler = type("Answering", (Stranger,), {"status": status, "answer": answer})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_server_that_is_no_cluster_is_a_cluster_error_with_its_words(connecting: Connecting, stranger: str) -> None:
    with pytest.raises(ClusterError) as caught:
        connecting(elsewhere(stranger)).get(SYSTEM)
    assert stranger.removeprefix("http://") in str(caught.value)
