"""Experiments in which the fault silently does nothing: every one of them ends inconclusive or refused, and leaves nothing."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gameday import staging
from gameday.cluster import ObjectRef, Selection
from gameday.kube import KubeCluster
from gameday.log.events import ChangeApplied, Noted, VerdictGiven
from tests.e2e.conftest import Command, eventually, ours_in, what_people_configured
from tests.e2e.lying import (
    keeps_to_itself,
    liar,
)
from tests.e2e.silent import ACTIONS, OBJECTS, Json, document, foreign, python, scale
from tests.e2e.silent_cases import ELSEWHERE, INCONCLUSIVE, RECORD, REFUSED, Case

pytestmark = [pytest.mark.e2e, pytest.mark.honest]


@pytest.fixture(scope="module")
def quiet(shop_cluster: KubeCluster) -> Iterator[None]:
    """Put into the shop's cluster what nothing can happen to."""
    for obj in OBJECTS:
        shop_cluster.create(obj)
    eventually(lambda: all_are_ready(shop_cluster))
    leaving = ObjectRef("v1", "Pod", "quiet", "leaving")
    shop_cluster.delete(leaving)
    done = ObjectRef("v1", "Pod", "quiet", "done")
    eventually(lambda: (shop_cluster.get(done) or {}).get("status", {}).get("phase") == "Succeeded")
    yield
    shop_cluster.patch(leaving, [{"op": "remove", "path": "/metadata/finalizers"}])
    for obj in reversed(OBJECTS):
        if obj["kind"] != "Pod" or obj["metadata"]["name"] != "leaving":
            shop_cluster.delete(ObjectRef.of(obj))
    eventually(lambda: all(shop_cluster.get(ObjectRef("v1", "Namespace", "", name)) is None for name in ("quiet", "closed")))


@pytest.fixture
def as_quiet_as_before(shop_cluster: KubeCluster) -> Iterator[None]:
    """Compare the cluster with how it was."""
    before = [what_people_configured(shop_cluster, namespace) for namespace in ("quiet", "shop")]
    yield
    assert [what_people_configured(shop_cluster, namespace) for namespace in ("quiet", "shop")] == before
    assert ours_in(shop_cluster) == []
    eventually(lambda: all_are_ready(shop_cluster), timeout_seconds=30)


def all_are_ready(cluster: KubeCluster) -> bool:
    """Say whether every Deployment has the pods that it wants, but for the one that is paused."""
    return all(
        is_paused(item) or item.get("status", {}).get("readyReplicas", 0) == item["spec"]["replicas"]
        for namespace in ("shop", "quiet", "closed")
        for item in cluster.list(Selection("apps/v1", "Deployment", namespace))
    )


def is_paused(deployment: Json) -> bool:
    return bool(deployment["spec"].get("paused"))


def carried_out(command: Command, case: Case, *more: str) -> tuple[int, str]:
    """Run a case's experiment; return the exit code and everything that was said."""
    (command.folder / "experiments").mkdir()
    (command.folder / "actions").mkdir()
    (command.folder / "actions" / "broken.py").write_text(ACTIONS)
    (command.folder / "silent.json").write_text(json.dumps(case.experiment))
    ended = command.run("run", "silent.json", "--yes", *more)
    verdicts = [event for event in command.events() if isinstance(event, VerdictGiven)]
    assert not [event for event in verdicts if event.verdict != "inconclusive"], verdicts
    return ended.returncode, "\n".join([ended.stdout, ended.stderr, *(reason for item in verdicts for reason in item.reasons)])


def under_lies(command: Command, shop: staging.Running, case: Case) -> tuple[int, str]:
    with liar(shop.kubeconfig, command.folder, *case.lies()) as kubeconfig:
        return carried_out(command, case, "--kubeconfig", str(kubeconfig))


@pytest.mark.usefixtures("quiet", "as_quiet_as_before")
@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_could_do_nothing_is_refused(case: Case, command: Command, shop: staging.Running) -> None:
    code, said = under_lies(command, shop, case)
    assert (code, bool(re.search(case.told, said))) == (3, True), said
    assert not [event for event in command.events() if isinstance(event, ChangeApplied)]


@pytest.mark.usefixtures("quiet", "as_quiet_as_before")
@pytest.mark.parametrize("case", INCONCLUSIVE, ids=lambda case: case.name)
def test_what_did_nothing_is_inconclusive(case: Case, command: Command, shop: staging.Running) -> None:
    code, said = under_lies(command, shop, case)
    assert (code, bool(re.search(case.told, said))) == (2, True), said


@pytest.mark.parametrize("case", ELSEWHERE, ids=lambda case: case.name)
def test_what_did_nothing_elsewhere_is_inconclusive(case: Case, command: Command) -> None:
    code, said = carried_out(command, case, "--unguarded")
    assert (code, bool(re.search(case.told, said))) == (2, True), said


@pytest.mark.usefixtures("quiet", "as_quiet_as_before")
def test_what_is_owed_is_undone_although_its_record_was_lost(command: Command, shop: staging.Running) -> None:
    """Here the fault does something, and what would show it to others is gone: the guardian undoes from memory."""
    with liar(shop.kubeconfig, command.folder, keeps_to_itself(RECORD)) as kubeconfig:
        (command.folder / "silent.json").write_text(json.dumps(document(scale())))
        ended = command.run("run", "silent.json", "--yes", "--kubeconfig", str(kubeconfig))
    assert ended.returncode == 0, ended.stderr
    assert any(isinstance(event, Noted) and "undoing from memory" in event.text for event in command.events())


@pytest.fixture
def failing_service() -> Iterator[str]:
    """Serve 500 to a POST, and a page that is no JSON to a GET."""

    class Failing(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = b"<html>"
            self.send_response(200 if self.command == "GET" else 500)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815  # the base class's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Failing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_an_action_that_a_service_answers_with_an_error_is_inconclusive(failing_service: str, command: Command) -> None:
    action = {"type": "action", "name": "break it", "provider": {"type": "http", "url": failing_service, "method": "POST"}}
    code, said = carried_out(command, Case("", foreign(action), ""), "--unguarded")
    assert (code, "500" in said) == (2, True), said


def test_a_probe_whose_answer_is_no_json_is_inconclusive(failing_service: str, command: Command) -> None:
    tolerance = {"type": "jsonpath", "path": "$.ok", "target": "body"}
    probe = {"type": "probe", "name": "look", "provider": {"type": "http", "url": failing_service}, "tolerance": tolerance}
    code, said = carried_out(command, Case("", foreign(python("break it", "os.getpid"), probes=[probe]), ""), "--unguarded")
    assert code == 2, said
