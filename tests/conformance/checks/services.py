"""Services: which pods stand behind one, and that they are reached."""

from __future__ import annotations

from tests.conformance.checking import check
from tests.conformance.manifests import PORT, is_ready, pod, python, running, shell, web
from tests.conformance.space import Space
from tests.conformance.transport import Json

ASK = """
import os, time, urllib.request
url = "http://" + os.environ["WEB_SERVICE_HOST"] + ":" + os.environ["WEB_SERVICE_PORT"]
for _ in range(200):
    try:
        print("answered", urllib.request.urlopen(url, timeout=2).status)
        break
    except OSError as error:
        last = error
        time.sleep(0.1)
else:
    print("never", last)
"""


def service(name: str = "web", port: int = PORT, target: object = "http") -> Json:
    ports = [{"name": "http", "port": port, "targetPort": target}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": "web"}, "ports": ports},
    }


def endpoints(space: Space) -> list[Json]:
    slices = space.items("endpointslices", labelSelector="kubernetes.io/service-name=web")
    return [item for found in slices for item in found.get("endpoints") or ()]


@check("A Service's slice lists each pod with its address, node and conditions.")
def endpoint_slices(space: Space) -> None:
    space.make("services", service(target=PORT))
    space.make("pods", pod("a", shell(space), labels={"app": "web"}))
    ready = space.pod("a", is_ready)
    found = space.eventually(lambda: [item for item in endpoints(space) if item["conditions"].get("ready")])
    assert found[0]["addresses"] == [ready["status"]["podIP"]]
    assert found[0]["nodeName"] == ready["spec"]["nodeName"]
    conditions = {"ready": True, "serving": True, "terminating": False}
    assert {key: found[0]["conditions"][key] for key in conditions} == conditions
    target = {"kind": "Pod", "name": "a", "namespace": space.name, "uid": ready["metadata"]["uid"]}
    assert {key: found[0]["targetRef"][key] for key in target} == target
    whole = space.items("endpointslices", labelSelector="kubernetes.io/service-name=web")[0]
    assert whole["addressType"] == "IPv4"
    assert whole["ports"] == [{"name": "http", "port": PORT, "protocol": "TCP"}]
    owner = whole["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Service", "web", True)
    assert whole["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == "endpointslice-controller.k8s.io"
    assert whole["metadata"]["name"].startswith("web-")


@check("A pod that is not ready is listed as such, and one that leaves is no longer ready.")
def endpoints_that_are_not_ready(space: Space) -> None:
    space.make("services", service(target=PORT))
    probe = {"exec": {"command": ["test", "-e", "/nowhere"]}, "periodSeconds": 1}
    space.make("pods", pod("a", shell(space, readinessProbe=probe), labels={"app": "web"}))
    space.pod("a", lambda found: found["status"]["phase"] == "Running")
    found = space.eventually(lambda: endpoints(space))
    assert found[0]["conditions"]["ready"] is False
    stubborn = shell(space, "trap '' TERM; while true; do sleep 0.1; done")
    space.make("pods", pod("b", stubborn, labels={"app": "web"}, terminationGracePeriodSeconds=20))
    space.pod("b", is_ready)

    def leaving() -> list[Json]:
        return [item["conditions"] for item in endpoints(space) if item["targetRef"]["name"] == "b"]

    space.eventually(lambda: leaving() and leaving()[0]["ready"])
    space.delete("pods/b").expect(200)
    conditions = space.eventually(lambda: [item for item in leaving() if item["terminating"]])
    assert conditions[0]["ready"] is False
    space.delete("pods/b", {"gracePeriodSeconds": 0}).expect(200)


@check("Endpoints of the core group list the same, ready and not ready apart, and warn of their age.")
def core_endpoints(space: Space) -> None:
    space.make("services", service(target=PORT))
    space.make("pods", pod("a", shell(space), labels={"app": "web"}))
    ready = space.pod("a", is_ready)

    def look() -> Json:
        found = space.get("endpoints/web")
        return dict(found.body) if found.status == 200 and found.body.get("subsets") else {}

    found = space.eventually(look)
    subset = found["subsets"][0]
    assert [item["ip"] for item in subset["addresses"]] == [ready["status"]["podIP"]]
    assert subset["ports"] == [{"name": "http", "port": PORT, "protocol": "TCP"}]
    told = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
    assert any(told in warning for warning in space.get("endpoints/web").warnings)


@check("A pod finds a Service that was there before it in its environment, and is answered through it.")
def reached_through_a_service(space: Space) -> None:
    made = space.make("services", service())
    space.make("pods", pod("server", web(space), labels={"app": "web"}))
    space.pod("server", is_ready)
    space.make("pods", pod("client", python(space, ASK), restartPolicy="Never"))
    space.pod("client", lambda found: found["status"]["phase"] in {"Succeeded", "Failed"})
    assert space.get("pods/client/log", accept="*/*").text.strip() == "answered 200"
    script = 'echo "$WEB_SERVICE_HOST $WEB_SERVICE_PORT $WEB_SERVICE_PORT_HTTP $WEB_PORT"'
    space.make("pods", pod("env", shell(space, script), restartPolicy="Never"))
    space.pod("env", lambda found: found["status"]["phase"] == "Succeeded")
    address = made["spec"]["clusterIP"]
    assert space.get("pods/env/log", accept="*/*").text.strip() == f"{address} {PORT} {PORT} tcp://{address}:{PORT}"


@check("A Service that no longer selects any pod has no endpoints.")
def endpoints_of_nothing(space: Space) -> None:
    space.make("services", service(target=PORT))
    space.make("deployments", running(space, replicas=1))
    space.eventually(lambda: [item for item in endpoints(space) if item["conditions"].get("ready")])
    space.patch("services/web", {"spec": {"selector": {"app": "nothing"}}}).expect(200)
    space.eventually(lambda: not endpoints(space))


@check("A deleted Service takes its slices along.")
def a_service_that_is_gone(space: Space) -> None:
    space.make("services", service(target=PORT))
    space.eventually(lambda: space.items("endpointslices"))
    space.delete("services/web").expect(200)
    space.eventually(lambda: not space.items("endpointslices"))
