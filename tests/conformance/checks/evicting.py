"""Disruption budgets and the evictions that they forbid."""

from __future__ import annotations

from tests.conformance.checking import check
from tests.conformance.manifests import condition, pod, rolled_out, running, shell, unplaced
from tests.conformance.space import Space
from tests.conformance.transport import Json, Reply


def budget(name: str = "web", **spec: object) -> Json:
    return {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec}}


def eviction(space: Space, name: str, **options: object) -> Json:
    body: Json = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": space.name}}
    return body | ({"deleteOptions": options} if options else {})


def evict(space: Space, name: str, **options: object) -> Reply:
    return space.post(f"pods/{name}/eviction", eviction(space, name, **options))


def pods(space: Space) -> list[str]:
    return [item["metadata"]["name"] for item in space.items("pods", labelSelector="app=web")]


@check("A budget counts its pods, and an eviction that it forbids is a 429 that names it and its numbers.")
def budget_forbids(space: Space) -> None:
    space.make("poddisruptionbudgets", budget(minAvailable=2))
    space.make("deployments", running(space, replicas=2))
    rolled_out(space, "web", 2)
    found = space.until("poddisruptionbudgets/web", lambda obj: (obj.get("status") or {}).get("currentHealthy") == 2)
    status = found["status"]
    numbers = {"currentHealthy": 2, "desiredHealthy": 2, "expectedPods": 2, "disruptionsAllowed": 0, "observedGeneration": 1}
    assert {key: status.get(key) for key in numbers} == numbers
    told = condition(found, "DisruptionAllowed")
    assert (told["status"], told["reason"]) == ("False", "InsufficientPods")
    name = pods(space)[0]
    refused = evict(space, name).refused(429, "TooManyRequests")
    assert refused["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    message = "The disruption budget web needs 2 healthy pods and has 2 currently"
    assert refused["details"] == {"causes": [{"reason": "DisruptionBudget", "message": message}]}
    assert "deletionTimestamp" not in space.read(f"pods/{name}")["metadata"]


@check("An eviction that a budget allows is a 201, takes from the budget, and marks the pod as a target.")
def budget_allows(space: Space) -> None:
    space.make("poddisruptionbudgets", budget(minAvailable=1))
    stubborn = shell(space, "trap '' TERM; while true; do sleep 0.1; done")
    for name in ("first", "second"):
        space.make("pods", pod(name, stubborn, labels={"app": "web"}))
    found = space.until("poddisruptionbudgets/web", lambda obj: (obj.get("status") or {}).get("disruptionsAllowed") == 1)
    told = condition(found, "DisruptionAllowed")
    assert (told["status"], told["reason"]) == ("True", "SufficientPods")
    done = evict(space, "first", gracePeriodSeconds=20).expect(201)
    assert (done["kind"], done["status"]) == ("Status", "Success")
    leaving = space.read("pods/first")
    assert leaving["metadata"]["deletionTimestamp"]
    target = condition(leaving, "DisruptionTarget")
    assert (target["status"], target["reason"]) == ("True", "EvictionByEvictionAPI")
    evict(space, "second").refused(429, "TooManyRequests")
    space.delete("pods/first", {"gracePeriodSeconds": 0}).expect(200)


@check("A dry run of an eviction is judged, and takes nothing.")
def budget_of_a_dry_run(space: Space) -> None:
    space.make("poddisruptionbudgets", budget(maxUnavailable=1))
    space.make("deployments", running(space, replicas=1))
    rolled_out(space, "web", 1)
    space.until("poddisruptionbudgets/web", lambda obj: (obj.get("status") or {}).get("disruptionsAllowed") == 1)
    name = pods(space)[0]
    evict(space, name, dryRun=["All"]).expect(201)
    assert "deletionTimestamp" not in space.read(f"pods/{name}")["metadata"]
    assert space.read("poddisruptionbudgets/web")["status"]["disruptionsAllowed"] == 1


@check("A pod that is pending is evicted whatever a budget says.")
def budget_and_pending_pods(space: Space) -> None:
    space.make("poddisruptionbudgets", budget(minAvailable=1))
    space.make("pods", unplaced("a", labels={"app": "web"}))
    evict(space, "a").expect(201)
    space.gone("pods/a")


@check("A pod of two budgets cannot be evicted at all.")
def two_budgets(space: Space) -> None:
    for name in ("one", "two"):
        space.make("poddisruptionbudgets", budget(name, maxUnavailable=1))
    space.make("deployments", running(space, replicas=1))
    rolled_out(space, "web", 1)
    reply = evict(space, pods(space)[0])
    assert reply.status == 500
    told = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    assert reply.body["message"] == told


@check("An eviction names its pod, which must be there.")
def evictions_that_cannot_be(space: Space) -> None:
    found = evict(space, "nobody").refused(404, "NotFound")
    assert found["message"] == 'pods "nobody" not found'
    space.make("pods", unplaced("a"))
    found = space.post("pods/a/eviction", eviction(space, "b")).refused(400, "BadRequest")
    assert "b" in found["message"]


@check("An eviction only of one uid is otherwise a 409.")
def eviction_with_preconditions(space: Space) -> None:
    space.make("pods", unplaced("a"))
    evict(space, "a", preconditions={"uid": "11111111-1111-1111-1111-111111111111"}).refused(409, "Conflict")
    assert "deletionTimestamp" not in space.read("pods/a")["metadata"]
