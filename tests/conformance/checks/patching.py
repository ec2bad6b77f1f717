"""The patches that are not server-side apply: JSON, merge and strategic merge."""

from __future__ import annotations

from tests.conformance.checking import check
from tests.conformance.manifests import config_map, idle_deployment
from tests.conformance.space import Space

REJECTED = "the server rejected our request due to an error in our request"


@check("A JSON patch adds, replaces, tests and removes.")
def json_patch(space: Space) -> None:
    space.make("configmaps", config_map("a", one="1", two="2"))
    operations = [
        {"op": "test", "path": "/data/one", "value": "1"},
        {"op": "replace", "path": "/data/one", "value": "11"},
        {"op": "remove", "path": "/data/two"},
        {"op": "add", "path": "/data/three", "value": "3"},
        {"op": "copy", "from": "/data/three", "path": "/data/four"},
        {"op": "move", "from": "/data/four", "path": "/data/five"},
        {"op": "add", "path": "/metadata/annotations", "value": {"example.org/a~b": "x"}},
        {"op": "replace", "path": "/metadata/annotations/example.org~1a~0b", "value": "y"},
    ]
    reply = space.patch("configmaps/a", operations[:-2], "json")
    assert reply.expect(200)["data"] == {"one": "11", "three": "3", "five": "3"}


@check("The path of a JSON patch spells a slash as ~1.")
def json_patch_of_a_key_with_a_slash(space: Space) -> None:
    space.make("configmaps", config_map("a"))
    add = {"op": "add", "path": "/metadata/annotations", "value": {"example.org/note": "x"}}
    change = {"op": "replace", "path": "/metadata/annotations/example.org~1note", "value": "y"}
    found = space.patch("configmaps/a", [add, change], "json").expect(200)
    assert found["metadata"]["annotations"] == {"example.org/note": "y"}


@check("A JSON patch whose test fails is a 422, and changes nothing.")
def json_patch_with_a_failing_test(space: Space) -> None:
    space.make("configmaps", config_map("a", one="1"))
    operations = [{"op": "replace", "path": "/data/one", "value": "2"}, {"op": "test", "path": "/data/one", "value": "1"}]
    found = space.patch("configmaps/a", operations, "json").refused(422, "Invalid")
    assert found["message"] == REJECTED
    assert space.read("configmaps/a")["data"] == {"one": "1"}


@check("A JSON patch that replaces what is not there puts it there.")
def json_patch_replaces_nothing(space: Space) -> None:
    space.make("configmaps", config_map("a", one="1"))
    operation = {"op": "replace", "path": "/data/two", "value": "2"}
    assert space.patch("configmaps/a", [operation], "json").expect(200)["data"] == {"one": "1", "two": "2"}


@check("A JSON patch of a field that is not there is a 422.")
def json_patch_of_nothing(space: Space) -> None:
    space.make("configmaps", config_map("a", one="1"))
    for operation in (
        {"op": "remove", "path": "/data/none"},
        {"op": "add", "path": "/none/of/it", "value": "x"},
    ):
        assert space.patch("configmaps/a", [operation], "json").refused(422, "Invalid")["message"] == REJECTED


@check("A JSON patch that tests the version of the object loses against a write in between.")
def json_patch_of_a_version(space: Space) -> None:
    made = space.make("configmaps", config_map("a", one="1"))
    space.patch("configmaps/a", {"data": {"one": "2"}}).expect(200)
    test = {"op": "test", "path": "/metadata/resourceVersion", "value": made["metadata"]["resourceVersion"]}
    change = {"op": "replace", "path": "/data/one", "value": "3"}
    space.patch("configmaps/a", [test, change], "json").refused(422, "Invalid")
    assert space.read("configmaps/a")["data"] == {"one": "2"}


@check("A patch that sets an old version is a 409.")
def patch_of_an_old_version(space: Space) -> None:
    made = space.make("configmaps", config_map("a", one="1"))
    space.patch("configmaps/a", {"data": {"one": "2"}}).expect(200)
    old = made["metadata"]["resourceVersion"]
    body = {"metadata": {"resourceVersion": old}, "data": {"one": "3"}}
    found = space.patch("configmaps/a", body).refused(409, "Conflict")
    assert found["message"].startswith('Operation cannot be fulfilled on configmaps "a": the object has been modified')
    replace = [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": old},
        {"op": "replace", "path": "/data/one", "value": "3"},
    ]
    space.patch("configmaps/a", replace, "json").refused(409, "Conflict")
    assert space.read("configmaps/a")["data"] == {"one": "2"}


@check("A merge patch sets what it says, removes what is null, and replaces lists whole.")
def merge_patch(space: Space) -> None:
    space.make("configmaps", config_map("a", one="1", two="2"))
    found = space.patch("configmaps/a", {"data": {"one": None, "three": "3"}}).expect(200)
    assert found["data"] == {"two": "2", "three": "3"}
    space.make("deployments", idle_deployment("web"))
    body = {"spec": {"template": {"spec": {"containers": [{"name": "other", "image": "x:1"}]}}}}
    containers = space.patch("deployments/web", body).expect(200)["spec"]["template"]["spec"]["containers"]
    assert [item["name"] for item in containers] == ["other"]


@check("A strategic merge patch merges containers by name, variables by name and ports by number.")
def strategic_merge_patch(space: Space) -> None:
    space.make("deployments", idle_deployment("web"))
    change = {
        "name": "main",
        "image": "x:2",
        "env": [{"name": "A", "value": "11"}, {"name": "C", "value": "3"}],
        "ports": [{"containerPort": 9090}],
    }
    added = {"name": "second", "image": "y:1"}
    body = {"spec": {"template": {"spec": {"containers": [change, added]}}}}
    containers = space.patch("deployments/web", body, "strategic").expect(200)["spec"]["template"]["spec"]["containers"]
    found = {item["name"]: item for item in containers}
    assert found.keys() == {"main", "second"}
    main = found["main"]
    assert main["image"] == "x:2"
    assert {item["name"]: item["value"] for item in main["env"]} == {"A": "11", "B": "2", "C": "3"}
    assert {item["containerPort"] for item in main["ports"]} == {8080, 9090}


@check("A strategic merge patch deletes from a list with $patch, and replaces a map with it.")
def strategic_merge_directives(space: Space) -> None:
    space.make("deployments", idle_deployment("web"))
    change = {"name": "main", "env": [{"name": "A", "$patch": "delete"}]}
    body = {"spec": {"template": {"spec": {"containers": [change]}}}}
    containers = space.patch("deployments/web", body, "strategic").expect(200)["spec"]["template"]["spec"]["containers"]
    assert containers[0]["env"] == [{"name": "B", "value": "2"}]
    strategy = {"spec": {"strategy": {"$patch": "replace", "type": "Recreate"}}}
    assert space.patch("deployments/web", strategy, "strategic").expect(200)["spec"]["strategy"] == {"type": "Recreate"}


@check("A strategic merge patch keeps of a map only the keys that $retainKeys names.")
def strategic_merge_retaining_keys(space: Space) -> None:
    space.make("deployments", idle_deployment("web"))
    body = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    reply = space.patch("deployments/web", body, "strategic", fieldManager="kubectl", fieldValidation="Strict")
    assert reply.expect(200)["spec"]["strategy"] == {"type": "Recreate"}


@check("A strategic merge patch replaces a list that has no key, such as a command.")
def strategic_merge_of_a_plain_list(space: Space) -> None:
    space.make("deployments", idle_deployment("web"))
    for command in (["a", "b"], ["c"]):
        body = {"spec": {"template": {"spec": {"containers": [{"name": "main", "command": command}]}}}}
        containers = space.patch("deployments/web", body, "strategic").expect(200)["spec"]["template"]["spec"]["containers"]
        assert containers[0]["command"] == command


@check("A patch in no format of patches is a 415.")
def patch_of_another_format(space: Space) -> None:
    space.make("configmaps", config_map("a"))
    reply = space.http.request("PATCH", space.at("configmaps/a"), {"data": {}}, headers={"Content-Type": "application/json"})
    reply.refused(415, "UnsupportedMediaType")


@check("A patch of what is not there is a 404.")
def patch_nothing(space: Space) -> None:
    for kind, body in (("merge", {"data": {}}), ("strategic", {"data": {}}), ("json", [])):
        assert space.patch("configmaps/a", body, kind).refused(404, "NotFound")["message"] == 'configmaps "a" not found'


@check("The scale is patched and replaced, and a replacement of an old version is a 409.")
def scale_is_written(space: Space) -> None:
    space.make("deployments", idle_deployment("web", paused=True))
    scale = space.read("deployments/web/scale")
    assert space.patch("deployments/web/scale", {"spec": {"replicas": 2}}).expect(200)["spec"] == {"replicas": 2}
    assert space.read("deployments/web")["spec"]["replicas"] == 2
    found = space.put("deployments/web/scale", {**scale, "spec": {"replicas": 3}}).refused(409, "Conflict")
    assert found["message"].startswith('Operation cannot be fulfilled on deployments.apps "web": the object has been modified')
    found = space.patch("deployments/web/scale", {"spec": {"replicas": -1}}).refused(422, "Invalid")
    assert "spec.replicas: Invalid value: -1: must be greater than or equal to 0" in found["message"]
