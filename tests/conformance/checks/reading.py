"""Reading: get and list, selectors, pages, revisions, and what the server says of itself."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conformance.checking import check
from tests.conformance.manifests import config_map, idle_deployment, labelled, unplaced
from tests.conformance.space import Space
from tests.conformance.transport import METADATA, METADATA_LIST


def names(items: list[dict]) -> list[str]:  # type: ignore[type-arg]
    return [item["metadata"]["name"] for item in items]


@check("A get of what is not there is a 404 that names kind and object.")
def get_missing(space: Space) -> None:
    found = space.get("configmaps/nothing").refused(404, "NotFound")
    assert found["message"] == 'configmaps "nothing" not found'
    assert found["details"] == {"name": "nothing", "kind": "configmaps"}
    found = space.get("deployments/nothing").refused(404, "NotFound")
    assert found["message"] == 'deployments.apps "nothing" not found'
    assert found["details"] == {"name": "nothing", "group": "apps", "kind": "deployments"}


@check("A path of a kind that nobody has is a 404 with Kubernetes' sentence.")
def get_unknown_kind(space: Space) -> None:
    for path in ("nonsenses", f"/apis/nonsense.example/v1/namespaces/{space.name}/nonsenses"):
        reply = space.get(path)
        assert reply.status == 404, reply.text
    assert space.get("nonsenses").refused(404, "NotFound")["message"] == "the server could not find the requested resource"


@check("A list says its kind and revision, and its items say neither kind nor version.")
def list_shape(space: Space) -> None:
    space.make("configmaps", config_map("a", key="value"))
    found = space.get("configmaps", labelSelector="nobody=has").expect(200)
    assert (found["kind"], found["apiVersion"], found["items"]) == ("ConfigMapList", "v1", [])
    assert int(found["metadata"]["resourceVersion"]) > 0
    items = space.items("configmaps", fieldSelector="metadata.name=a")
    assert names(items) == ["a"]
    assert items[0].keys() == {"metadata", "data"}


@check("Labels select by equality, inequality, sets and presence.")
def list_by_labels(space: Space) -> None:
    space.make("configmaps", labelled("front", tier="front", env="test"))
    space.make("configmaps", labelled("back", tier="back"))
    space.make("configmaps", labelled("none", other="yes"))
    for selector, expected in {
        "tier=front": ["front"],
        "tier==front,env=test": ["front"],
        "tier!=front,other!=no": ["back", "none"],
        "tier in (front, back)": ["back", "front"],
        "tier notin (front),tier": ["back"],
        "tier": ["back", "front"],
        "!tier,other": ["none"],
        "tier=nobody": [],
    }.items():
        found = [name for name in names(space.items("configmaps", labelSelector=selector)) if name != "kube-root-ca.crt"]
        assert found == expected, f"{selector}: expected {expected}, but got {found}"


@check("A label selector that cannot be read is a 400.")
def list_by_broken_labels(space: Space) -> None:
    found = space.get("configmaps", labelSelector="a in (").refused(400, "BadRequest")
    assert found["message"].startswith("unable to parse requirement: ")


@check("Fields select by name, and pods by node, phase and restart policy.")
def list_by_fields(space: Space) -> None:
    space.make("pods", unplaced("one"))
    space.make("pods", unplaced("two", restartPolicy="Never"))
    for selector, expected in {
        "metadata.name=one": ["one"],
        "metadata.name!=one": ["two"],
        f"metadata.namespace={space.name}": ["one", "two"],
        "status.phase=Pending": ["one", "two"],
        "status.phase!=Pending": [],
        "spec.nodeName=": ["one", "two"],
        "spec.restartPolicy=Never": ["two"],
        "status.phase=Pending,metadata.name=two": ["two"],
    }.items():
        found = names(space.items("pods", fieldSelector=selector))
        assert found == expected, f"{selector}: expected {expected}, but got {found}"


@check("Labels, fields and pages narrow a list down together, also where only metadata is asked for.")
def list_by_everything(space: Space) -> None:
    for name, tier in {"a": "web", "b": "web", "c": "web", "d": "other"}.items():
        space.make("pods", unplaced(name, labels={"tier": tier}))
    query: dict[str, Any] = {"labelSelector": "tier=web", "fieldSelector": "status.phase=Pending", "limit": 2}
    first = space.get("pods", accept=METADATA_LIST, **query).expect(200)
    assert first["kind"] == "PartialObjectMetadataList"
    second = space.get("pods", accept=METADATA_LIST, **query, **{"continue": first["metadata"]["continue"]}).expect(200)
    assert [names(page["items"]) for page in (first, second)] == [["a", "b"], ["c"]]
    assert not any({"spec", "status"} & item.keys() for item in first["items"])


@check("A field by which nothing can be selected is a 400 that names it.")
def list_by_unknown_field(space: Space) -> None:
    found = space.get("pods", fieldSelector="spec.dnsPolicy=x").refused(400, "BadRequest")
    assert found["message"].endswith("field label not supported: spec.dnsPolicy")
    found = space.get("configmaps", fieldSelector="data.a=x").refused(400, "BadRequest")
    assert found["message"].endswith('"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"')


@check("A list comes in pages of one moment, with a token for the next and how many remain.")
def list_in_pages(space: Space) -> None:
    for name in ("a", "b", "c", "d"):
        space.make("secrets", {"metadata": {"name": name}})
    total = len(space.items("secrets"))
    first = space.get("secrets", limit=2).expect(200)
    assert names(first["items"]) == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == total - 2
    space.make("secrets", {"metadata": {"name": "bb"}})
    second = space.get("secrets", limit=1, **{"continue": first["metadata"]["continue"]}).expect(200)
    assert names(second["items"]) == ["c"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    last = space.get("secrets", **{"continue": second["metadata"]["continue"]}).expect(200)
    assert names(last["items"]) == ["d"]
    assert "continue" not in last["metadata"]


@check("Where labels select, a page does not say how many remain.")
def list_in_pages_by_labels(space: Space) -> None:
    for name in ("a", "b"):
        space.make("secrets", {"metadata": {"name": name, "labels": {"page": "yes"}}})
    found = space.get("secrets", limit=1, labelSelector="page=yes").expect(200)
    assert "continue" in found["metadata"]
    assert "remainingItemCount" not in found["metadata"]


@check("A token for a page that nobody gave out is a 400.")
def list_with_broken_token(space: Space) -> None:
    found = space.get("secrets", limit=1, **{"continue": "nonsense"}).refused(400, "BadRequest")
    assert "continue key is not valid: " in found["message"]


@check("A list of exactly a revision that is compacted away is a 410 of reason Expired.")
def list_of_the_past(space: Space) -> None:
    reply = space.get("configmaps", resourceVersion=1, resourceVersionMatch="Exact", limit=1)
    if reply.status == 200:
        pytest.skip("the history of this cluster still goes back to its beginning")
    assert reply.refused(410, "Expired")["message"] == "The resourceVersion for the provided list is too old."


@check("A list of a revision that is yet to come is a 504 that says the current one and when to ask again.")
def list_of_the_future(space: Space) -> None:
    found = space.get("configmaps", resourceVersion=10**15).refused(504, "Timeout")
    assert re.fullmatch(r"Timeout: Too large resource version: 1000000000000000, current: \d+", found["message"])
    assert found["details"]["causes"] == [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    assert found["details"]["retryAfterSeconds"] == 1


@check("A list of any revision, from the cache, is as of one that is there.")
def list_from_cache(space: Space) -> None:
    made = space.make("configmaps", config_map("a"))
    found = space.get("configmaps", resourceVersion=made["metadata"]["resourceVersion"], resourceVersionMatch="NotOlderThan")
    assert "a" in names(found.expect(200)["items"])
    space.get("configmaps", resourceVersion=0).expect(200)


@check("A namespaced kind is listed across all namespaces, and says where each object is.")
def list_everywhere(space: Space) -> None:
    space.make("configmaps", labelled("here", where=space.name))
    found = space.items("/api/v1/configmaps", labelSelector=f"where={space.name}")
    assert [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in found] == [(space.name, "here")]


@check("An object is had as its metadata alone.")
def metadata_only(space: Space) -> None:
    space.make("configmaps", config_map("a", key="value"))
    found = space.get("configmaps/a", accept=METADATA).expect(200)
    assert found.keys() == {"kind", "apiVersion", "metadata"}
    assert (found["kind"], found["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert found["metadata"]["name"] == "a"


@check("A list is had as metadata alone, each item with its kind.")
def metadata_only_list(space: Space) -> None:
    space.make("configmaps", config_map("a", key="value"))
    found = space.get("configmaps", accept=f"{METADATA_LIST},application/json", fieldSelector="metadata.name=a").expect(200)
    assert (found["kind"], found["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert [item.keys() for item in found["items"]] == [{"kind", "apiVersion", "metadata"}]
    assert found["items"][0]["kind"] == "PartialObjectMetadata"
    assert int(found["metadata"]["resourceVersion"]) > 0


@check("A client that accepts nothing which the server speaks gets a 406 that says what there is.")
def not_acceptable(space: Space) -> None:
    reply = space.get("configmaps", accept="text/html")
    assert reply.status == 406
    assert (reply.body["reason"], reply.body["code"]) == ("NotAcceptable", 406)
    assert "application/json" in reply.body["message"]


@check("An object is had as YAML.")
def read_as_yaml(space: Space) -> None:
    space.make("configmaps", config_map("a", key="value"))
    reply = space.get("configmaps/a", accept="application/yaml")
    assert reply.status == 200, reply.text
    assert "kind: ConfigMap" in reply.text.splitlines()


@check("The server says its version, and that it is well.")
def version_and_health(space: Space) -> None:
    found = space.get("/version").expect(200)
    assert found["major"] == "1"
    assert re.match(r"v1\.\d+\.\d+", found["gitVersion"])
    for path in ("/healthz", "/livez", "/readyz"):
        reply = space.get(path, accept="*/*")
        assert (reply.status, reply.text) == (200, "ok")


@check("Discovery lists groups, and in each the kinds with verbs, short names and subresources.")
def discovery(space: Space) -> None:
    groups = space.get("/apis").expect(200)
    assert groups["kind"] == "APIGroupList"
    preferred = {item["name"]: item["preferredVersion"]["groupVersion"] for item in groups["groups"]}
    assert (preferred["apps"], preferred["autoscaling"], preferred["policy"]) == ("apps/v1", "autoscaling/v2", "policy/v1")
    core = space.get("/api/v1").expect(200)
    assert (core["kind"], core["groupVersion"]) == ("APIResourceList", "v1")
    kinds = {item["name"]: item for item in core["resources"]}
    pods = kinds["pods"]
    assert (pods["kind"], pods["namespaced"], pods["shortNames"], pods["singularName"]) == ("Pod", True, ["po"], "pod")
    verbs = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
    assert set(pods["verbs"]) == verbs
    assert kinds["pods/log"]["verbs"] == ["get"]
    assert (kinds["pods/eviction"]["kind"], kinds["pods/eviction"]["group"]) == ("Eviction", "policy")
    assert kinds["namespaces"]["namespaced"] is False
    for group in ("batch/v1", "rbac.authorization.k8s.io/v1", "coordination.k8s.io/v1", "policy/v1", "discovery.k8s.io/v1"):
        assert space.get(f"/apis/{group}").expect(200)["groupVersion"] == group
    apps = {item["name"]: item for item in space.get("/apis/apps/v1").expect(200)["resources"]}
    assert apps["deployments"]["categories"] == ["all"]
    assert (apps["deployments/scale"]["kind"], apps["deployments/scale"]["group"]) == ("Scale", "autoscaling")


@check("Discovery is had in one answer, too.")
def aggregated_discovery(space: Space) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    for path, group, version, plural in (("/api", "", "v1", "pods"), ("/apis", "apps", "v1", "deployments")):
        found = space.get(path, accept=accept).expect(200)
        assert (found["kind"], found["apiVersion"]) == ("APIGroupDiscoveryList", "apidiscovery.k8s.io/v2")
        named = {item["metadata"].get("name", ""): item for item in found["items"]}
        resources = next(item for item in named[group]["versions"] if item["version"] == version)["resources"]
        row = next(item for item in resources if item["resource"] == plural)
        assert row["scope"] == "Namespaced"
        assert {"get", "list", "watch"} <= set(row["verbs"])


@check("The scale of a workload is an object of its own.")
def scale_is_read(space: Space) -> None:
    made = space.make("deployments", idle_deployment("web"))
    found = space.read("deployments/web/scale")
    assert (found["kind"], found["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert found["metadata"]["uid"] == made["metadata"]["uid"]
    assert found["spec"].get("replicas", 0) == 0
    assert found["status"] == {"replicas": 0, "selector": "app=web"}
