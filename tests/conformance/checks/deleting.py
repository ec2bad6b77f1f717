"""Deleting: what is answered, preconditions, finalizers, and what becomes of what was owned."""

from __future__ import annotations

import pytest

from tests.conformance.checking import check
from tests.conformance.manifests import config_map, idle_deployment, labelled, unplaced
from tests.conformance.space import Space
from tests.conformance.transport import Json

HELD = "example.org/held"


def held(name: str, *finalizers: str) -> Json:
    return {"metadata": {"name": name, "finalizers": list(finalizers or (HELD,))}}


def owned(name: str, owner: Json, *, blocks: bool = False) -> Json:
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
    return {"metadata": {"name": name, "ownerReferences": [{**reference, "blockOwnerDeletion": blocks}]}}


@check("A deletion that is over at once is answered with a Status that names what is gone.")
def delete(space: Space) -> None:
    made = space.make("configmaps", config_map("a"))
    found = space.delete("configmaps/a").expect(200)
    assert (found["kind"], found["apiVersion"], found["status"]) == ("Status", "v1", "Success")
    assert found["details"] == {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    assert space.delete("configmaps/a").refused(404, "NotFound")["message"] == 'configmaps "a" not found'


@check("A pod's deletion is answered with the pod; one that runs nowhere is gone at once.")
def delete_a_pod(space: Space) -> None:
    space.make("pods", unplaced("a"))
    found = space.delete("pods/a").expect(200)
    assert (found["kind"], found["metadata"]["name"]) == ("Pod", "a")
    space.get("pods/a").refused(404, "NotFound")


@check("A deletion only of one uid, or only of one version, is otherwise a 409 that says both.")
def delete_with_preconditions(space: Space) -> None:
    made = space.make("configmaps", config_map("a", key="1"))["metadata"]
    now = space.patch("configmaps/a", {"data": {"key": "2"}}).expect(200)["metadata"]
    other = "11111111-1111-1111-1111-111111111111"
    found = space.delete("configmaps/a", {"preconditions": {"uid": other}}).refused(409, "Conflict")
    assert found["message"] == (
        f'Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition ({other}) does not match the UID in '
        f"record ({made['uid']}). The object might have been deleted and then recreated"
    )
    old = {"preconditions": {"uid": made["uid"], "resourceVersion": made["resourceVersion"]}}
    found = space.delete("configmaps/a", old).refused(409, "Conflict")
    assert found["message"] == (
        'Operation cannot be fulfilled on ConfigMap "a": the ResourceVersion in the precondition '
        f"({made['resourceVersion']}) does not match the ResourceVersion in record ({now['resourceVersion']}). "
        "The object might have been modified"
    )
    right = {"preconditions": {"uid": now["uid"], "resourceVersion": now["resourceVersion"]}}
    space.delete("configmaps/a", right).expect(200)
    space.get("configmaps/a").refused(404, "NotFound")


@check("An object with a finalizer stays, marked as deleted, until the finalizer is off.")
def finalizers_hold(space: Space) -> None:
    space.make("configmaps", held("a"))
    found = space.delete("configmaps/a").expect(200)
    assert (found["kind"], found["metadata"]["name"]) == ("ConfigMap", "a")
    assert found["metadata"]["deletionTimestamp"]
    assert found["metadata"]["deletionGracePeriodSeconds"] == 0
    again = space.delete("configmaps/a").expect(200)
    assert again["metadata"]["deletionTimestamp"] == found["metadata"]["deletionTimestamp"]
    assert space.patch("configmaps/a", {"metadata": {"finalizers": None}}).status == 200
    space.get("configmaps/a").refused(404, "NotFound")


@check("No finalizer is added to an object that is being deleted.")
def no_new_finalizers(space: Space) -> None:
    space.make("configmaps", held("a"))
    space.delete("configmaps/a").expect(200)
    body = {"metadata": {"finalizers": [HELD, "example.org/more"]}}
    found = space.patch("configmaps/a", body).refused(422, "Invalid")
    assert found["message"] == (
        'ConfigMap "a" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being '
        'deleted, found new finalizers []string{"example.org/more"}'
    )
    space.patch("configmaps/a", {"metadata": {"finalizers": None}}).expect(200)


@check("What an object owned goes after it, as the garbage collector gets to it.")
def garbage_in_the_background(space: Space) -> None:
    owner = space.make("configmaps", config_map("owner"))
    space.make("configmaps", owned("dependent", owner))
    space.delete("configmaps/owner", {"propagationPolicy": "Background"}).expect(200)
    space.get("configmaps/owner").refused(404, "NotFound")
    space.gone("configmaps/dependent")


@check("Deleted in the foreground, an object waits for what blocks it.")
def garbage_in_the_foreground(space: Space) -> None:
    owner = space.make("configmaps", config_map("owner"))
    dependent = owned("dependent", owner, blocks=True)
    dependent["metadata"]["finalizers"] = [HELD]
    space.make("configmaps", dependent)
    found = space.delete("configmaps/owner", {"propagationPolicy": "Foreground"}).expect(200)
    assert found["metadata"]["finalizers"] == ["foregroundDeletion"]
    space.until("configmaps/dependent", lambda obj: "deletionTimestamp" in obj["metadata"])
    assert space.read("configmaps/owner")["metadata"]["deletionTimestamp"]
    space.patch("configmaps/dependent", {"metadata": {"finalizers": None}}).expect(200)
    space.gone("configmaps/owner")


@check("Orphaned, what an object owned stays, and belongs to nobody.")
def garbage_orphaned(space: Space) -> None:
    owner = space.make("configmaps", config_map("owner"))
    space.make("configmaps", owned("dependent", owner))
    space.delete("configmaps/owner", propagationPolicy="Orphan").expect(200)
    space.gone("configmaps/owner")
    found = space.until("configmaps/dependent", lambda obj: not obj["metadata"].get("ownerReferences"))
    assert "deletionTimestamp" not in found["metadata"]


@check("What belongs to an owner that is not there is collected; with a second owner it stays.")
def garbage_of_nobody(space: Space) -> None:
    owner = space.make("configmaps", config_map("owner"))
    ghost = {"metadata": {"name": "ghost", "uid": "11111111-1111-1111-1111-111111111111"}}
    space.make("configmaps", owned("lost", ghost))
    two = owned("kept", owner)
    two["metadata"]["ownerReferences"] += owned("x", ghost)["metadata"]["ownerReferences"]
    space.make("configmaps", two)
    space.gone("configmaps/lost")
    assert space.read("configmaps/kept")["metadata"]["ownerReferences"][0]["name"] == "owner"


@check("A policy that nobody knows is a 422.")
def unknown_propagation(space: Space) -> None:
    space.make("configmaps", config_map("a"))
    found = space.delete("configmaps/a", {"propagationPolicy": "Sideways"}).refused(422, "Invalid")
    assert found["message"].startswith(
        'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Sideways"'
    )


@check("A collection is deleted by its labels, and what goes is answered as a list.")
def delete_a_collection(space: Space) -> None:
    for name, group in (("a", "x"), ("b", "x"), ("c", "y")):
        space.make("configmaps", labelled(name, group=group))
    found = space.delete("configmaps", labelSelector="group=x").expect(200)
    assert found["kind"] == "ConfigMapList"
    assert [item["metadata"]["name"] for item in found["items"]] == ["a", "b"]
    left = {item["metadata"]["name"] for item in space.items("configmaps")}
    assert not left & {"a", "b"}
    assert "c" in left


@check("A deleted Deployment takes its ReplicaSets along.")
def delete_a_deployment(space: Space) -> None:
    space.make("deployments", idle_deployment("web"))
    space.eventually(lambda: space.items("replicasets"))
    space.delete("deployments/web").expect(200)
    space.eventually(lambda: not space.items("replicasets"))


@check("A deleted namespace is Terminating until it is empty, and takes nothing new meanwhile.")
def delete_a_namespace(space: Space) -> None:
    name = f"{space.name}-too"
    space.make("/api/v1/namespaces", {"metadata": {"name": name}})
    path = f"/api/v1/namespaces/{name}"
    space.make(f"{path}/configmaps", held("a"))
    found = space.delete(path).expect(200)
    assert found["metadata"]["deletionTimestamp"]
    space.until(path, lambda obj: obj["status"]["phase"] == "Terminating")
    told = space.post(f"{path}/configmaps", config_map("b")).refused(403, "Forbidden")
    why = f"unable to create new content in namespace {name} because it is being terminated"
    assert told["message"] == f'configmaps "b" is forbidden: {why}'
    cause = {"reason": "NamespaceTerminating", "message": f"namespace {name} is being terminated", "field": "metadata.namespace"}
    assert told["details"]["causes"] == [cause]
    space.eventually(lambda: "deletionTimestamp" in space.read(f"{path}/configmaps/a")["metadata"])
    space.patch(f"{path}/configmaps/a", {"metadata": {"finalizers": None}}).expect(200)
    space.gone(path)


@check("A namespace has its own label, its account and the certificate of the API from the start.")
def a_namespace_is_furnished(space: Space) -> None:
    found = space.read(f"/api/v1/namespaces/{space.name}")
    assert found["metadata"]["labels"]["kubernetes.io/metadata.name"] == space.name
    assert found["spec"]["finalizers"] == ["kubernetes"]
    assert found["status"]["phase"] == "Active"
    assert space.read("serviceaccounts/default")["metadata"]["name"] == "default"
    authority = space.eventually(lambda: space.get("configmaps/kube-root-ca.crt").body.get("data"))
    assert authority["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")


@check("The namespace kube-system is not deleted.")
def namespaces_that_stay(space: Space) -> None:
    reply = space.delete("/api/v1/namespaces/kube-system", dryRun="All")
    if reply.status == 200:
        pytest.fail("kube-system would be deleted")
    found = reply.refused(403, "Forbidden")
    assert found["message"] == 'namespaces "kube-system" is forbidden: this namespace may not be deleted'
