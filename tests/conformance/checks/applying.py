"""Server-side apply: ownership of fields, conflicts, and what is no longer wanted."""

from __future__ import annotations

from tests.conformance.checking import check
from tests.conformance.manifests import config_map, idle_deployment
from tests.conformance.space import Space


@check("The first apply creates, the same again changes nothing.")
def apply_twice(space: Space) -> None:
    first = space.apply("configmaps/a", config_map("a", key="1")).expect(201)
    again = space.apply("configmaps/a", config_map("a", key="1")).expect(200)
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    entry = first["metadata"]["managedFields"][0]
    assert (entry["manager"], entry["operation"]) == ("one", "Apply")
    assert entry["fieldsV1"] == {"f:data": {"f:key": {}}}


@check("What a manager no longer applies, and nobody else owns, is removed.")
def apply_less(space: Space) -> None:
    space.apply("configmaps/a", config_map("a", mine="1", ours="2")).expect(201)
    space.apply("configmaps/a", config_map("a", ours="2"), "two").expect(200)
    found = space.apply("configmaps/a", config_map("a")).expect(200)
    assert found["data"] == {"ours": "2"}


@check("To apply another value than another manager's is a 409 that names manager and field.")
def apply_conflict(space: Space) -> None:
    space.apply("configmaps/a", config_map("a", key="1")).expect(201)
    found = space.apply("configmaps/a", config_map("a", key="2"), "two").refused(409, "Conflict")
    assert found["message"] == 'Apply failed with 1 conflict: conflict with "one": .data.key'
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.key"}
    assert found["details"]["causes"] == [cause]


@check("A conflict with somebody who wrote by other means says which version of the kind it was.")
def apply_conflict_with_an_update(space: Space) -> None:
    space.post("configmaps", config_map("a", key="1", other="1"), fieldManager="editor").expect(201)
    found = space.apply("configmaps/a", config_map("a", key="2", other="2")).refused(409, "Conflict")
    assert found["message"] == ('Apply failed with 2 conflicts: conflicts with "editor" using v1:\n- .data.key\n- .data.other')


@check("To apply with force takes the field over.")
def apply_with_force(space: Space) -> None:
    space.apply("configmaps/a", config_map("a", key="1", left="x")).expect(201)
    found = space.apply("configmaps/a", config_map("a", key="2"), "two", force="true").expect(200)
    assert found["data"] == {"key": "2", "left": "x"}
    owners = {entry["manager"]: entry["fieldsV1"]["f:data"] for entry in found["metadata"]["managedFields"]}
    assert owners == {"one": {"f:left": {}}, "two": {"f:key": {}}}


@check("Lists with keys are applied item by item, so that two managers share a template.")
def apply_to_a_list(space: Space) -> None:
    space.apply("deployments/web", idle_deployment("web")).expect(201)
    container = {"name": "main", "env": [{"name": "C", "value": "3"}]}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    found = space.apply("deployments/web", body, "two").expect(200)["spec"]["template"]["spec"]["containers"]
    assert [item["name"] for item in found] == ["main"]
    assert {item["name"] for item in found[0]["env"]} == {"A", "B", "C"}
    entries = space.read("deployments/web")["metadata"]["managedFields"]
    two = next(entry for entry in entries if entry["manager"] == "two")
    owned = two["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"main"}']
    assert owned == {".": {}, "f:env": {'k:{"name":"C"}': {".": {}, "f:name": {}, "f:value": {}}}, "f:name": {}}


@check("An apply without a manager is a 422.")
def apply_without_a_manager(space: Space) -> None:
    found = space.patch("configmaps/a", config_map("a"), "apply").refused(422, "Invalid")
    assert found["message"] == (
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
    )


@check("An applied configuration carries no managedFields.")
def apply_managed_fields(space: Space) -> None:
    body = config_map("a")
    body["metadata"]["managedFields"] = [{"manager": "x", "operation": "Apply"}]
    found = space.apply("configmaps/a", body).refused(400, "BadRequest")
    assert found["message"] == "metadata.managedFields must be nil"


@check("What an update takes over no longer belongs to who applied it.")
def update_takes_over(space: Space) -> None:
    space.apply("configmaps/a", config_map("a", key="1")).expect(201)
    found = space.patch("configmaps/a", {"data": {"key": "2"}}, fieldManager="editor").expect(200)
    owners = {(entry["manager"], entry["operation"]) for entry in found["metadata"]["managedFields"]}
    assert ("editor", "Update") in owners
    space.apply("configmaps/a", config_map("a", key="1")).refused(409, "Conflict")


@check("A dry run of an apply stores nothing.")
def apply_dry_run(space: Space) -> None:
    assert space.apply("configmaps/a", config_map("a", key="1"), dryRun="All").expect(201)["data"] == {"key": "1"}
    space.get("configmaps/a").refused(404, "NotFound")
