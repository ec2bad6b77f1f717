"""Proxying: a pod's or a Service's answer, asked for through the API server."""

from __future__ import annotations

from functools import partial

from tests.conformance.checking import check
from tests.conformance.checks.services import service
from tests.conformance.manifests import PORT, is_ready, pod, web
from tests.conformance.space import Space


@check("A pod answers through the API by its port's number, and a Service by its port's number or name.")
def ask_a_pod_and_a_service(space: Space) -> None:
    space.make("services", service())
    space.make("pods", pod("a", web(space), labels={"app": "web"}))
    space.pod("a", is_ready)
    direct = space.get(f"pods/a:{PORT}/proxy/")
    assert direct.status == 200, direct.text
    for port in (PORT, "http"):
        path = f"services/web:{port}/proxy/"
        space.eventually(partial(_says, space, path, direct.text))


def _says(space: Space, path: str, text: str) -> bool:
    reply = space.get(path)
    return reply.status == 200 and reply.text == text


@check("What a program says with an error's status is its answer, and passed on as it stands.")
def ask_for_what_is_not_there(space: Space) -> None:
    space.make("pods", pod("a", web(space), labels={"app": "web"}))
    space.pod("a", is_ready)
    found = space.get(f"pods/a:{PORT}/proxy/there/is/no/such/page")
    assert found.status == 404
    assert '"kind":"Status"' not in found.text.replace(" ", "")


@check("A pod or Service that is not there is a 404, and a port where nothing listens a 503 or 502, as a Status.")
def ask_where_nobody_answers(space: Space) -> None:
    for path in ("pods/nobody:8080/proxy/", "services/nobody:8080/proxy/"):
        space.get(path).refused(404, "NotFound")
    space.make("pods", pod("a", web(space), labels={"app": "web"}))
    space.pod("a", is_ready)
    found = space.get("pods/a:1/proxy/")
    assert found.status in {502, 503}, found.text
    assert '"kind":"Status"' in found.text.replace(" ", "")


@check("Who may read pods may not ask them for that.")
def proxying_is_a_right_of_its_own(space: Space) -> None:
    space.make("pods", pod("a", web(space), labels={"app": "web"}))
    reader = space.as_account("reader", {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]})
    found = reader.get(f"pods/a:{PORT}/proxy/").refused(403, "Forbidden")
    assert 'cannot get resource "pods/proxy"' in found["message"]
