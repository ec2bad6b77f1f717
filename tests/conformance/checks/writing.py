"""Writing: create and replace, names, conflicts, revisions, dry runs, and bodies that cannot be read."""

from __future__ import annotations

import re

from tests.conformance.checking import check
from tests.conformance.manifests import config_map, idle_deployment, unplaced
from tests.conformance.space import Space
from tests.conformance.transport import Json

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


@check("A created object is answered with 201 and what the server adds to it.")
def create(space: Space) -> None:
    found = space.make("configmaps", config_map("a", key="value"))
    metadata = found["metadata"]
    assert (found["kind"], found["apiVersion"], found["data"]) == ("ConfigMap", "v1", {"key": "value"})
    assert metadata["namespace"] == space.name
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["uid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert int(metadata["resourceVersion"]) > 0
    assert "generation" not in metadata
    assert space.make("deployments", idle_deployment("web"))["metadata"]["generation"] == 1


@check("A name that is taken is a 409 of reason AlreadyExists.")
def create_twice(space: Space) -> None:
    space.make("configmaps", config_map("a"))
    found = space.post("configmaps", config_map("a")).refused(409, "AlreadyExists")
    assert found["message"] == 'configmaps "a" already exists'
    assert found["details"] == {"name": "a", "kind": "configmaps"}


@check("generateName becomes a name with five characters more.")
def generate_name(space: Space) -> None:
    body = {"metadata": {"generateName": "some-"}}
    first, second = (space.make("configmaps", body)["metadata"] for _ in range(2))
    assert re.fullmatch(r"some-[bcdfghjklmnpqrstvwxz2456789]{5}", first["name"])
    assert first["generateName"] == "some-"
    assert first["name"] != second["name"]


@check("An object without any name is a 422.")
def create_nameless(space: Space) -> None:
    found = space.post("configmaps", {"metadata": {}}).refused(422, "Invalid")
    assert found["message"] == 'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required'
    message = "Required value: name or generateName is required"
    assert found["details"]["causes"] == [{"reason": "FieldValueRequired", "message": message, "field": "metadata.name"}]


@check("What a client says about the server's own metadata is not believed.")
def create_with_metadata_of_the_server(space: Space) -> None:
    body = config_map("a")
    body["metadata"] |= {"uid": "mine", "creationTimestamp": "2001-01-01T00:00:00Z", "generation": 7, "selfLink": "x"}
    found = space.make("configmaps", body)["metadata"]
    assert found["uid"] != "mine"
    assert not found["creationTimestamp"].startswith("2001")


@check("Nothing is created in a namespace that is not there.")
def create_in_no_namespace(space: Space) -> None:
    found = space.post("/api/v1/namespaces/no-such-namespace/configmaps", config_map("a")).refused(404, "NotFound")
    assert found["message"] == 'namespaces "no-such-namespace" not found'
    assert found["details"] == {"name": "no-such-namespace", "kind": "namespaces"}


@check("Name and namespace of a body must be those of the path.")
def names_that_differ(space: Space) -> None:
    space.make("configmaps", config_map("a"))
    found = space.put("configmaps/a", config_map("b")).refused(400, "BadRequest")
    assert found["message"] == "the name of the object (b) does not match the name on the URL (a)"
    elsewhere = {**config_map("c"), "metadata": {"name": "c", "namespace": "elsewhere"}}
    found = space.post("configmaps", elsewhere).refused(400, "BadRequest")
    assert found["message"] == "the namespace of the provided object does not match the namespace sent on the request"


@check("A body of another kind than the path's is a 400 that names both.")
def kinds_that_differ(space: Space) -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}
    found = space.post("configmaps", body).refused(400, "BadRequest")
    assert found["message"].startswith('Secret in version "v1" cannot be handled as a ConfigMap: ')


@check("A body that is no JSON is a 400.")
def broken_json(space: Space) -> None:
    found = space.post("configmaps", b'{"metadata": {').refused(400, "BadRequest")
    assert "couldn't get version/kind; json parse error: " in found["message"]


@check("A field of the wrong type is a 400 that names the field.")
def wrong_types(space: Space) -> None:
    found = space.post("deployments", idle_deployment("web", replicas="three")).refused(400, "BadRequest")
    prefix = 'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field '
    assert found["message"].startswith(prefix)
    assert "replicas" in found["message"]


@check("A body in a format that nobody reads is a 415.")
def unknown_format(space: Space) -> None:
    found = space.post("configmaps", b"name=a", headers={"Content-Type": "text/plain"}).refused(415, "UnsupportedMediaType")
    prefix = "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml"
    assert found["message"].startswith(prefix)


@check("A body may be YAML.")
def create_from_yaml(space: Space) -> None:
    body = b"metadata:\n  name: a\ndata:\n  key: value\n"
    assert space.post("configmaps", body, headers={"Content-Type": "application/yaml"}).expect(201)["data"] == {"key": "value"}


@check("A body of more than 3 MiB is a 413.")
def too_large_a_body(space: Space) -> None:
    found = space.post("configmaps", config_map("a", key="x" * (3 * 1024 * 1024))).refused(413, "RequestEntityTooLarge")
    assert found["message"].startswith("Request entity too large: limit is 3145728")


@check("An object is replaced, and a version that is older than the stored one is a 409.")
def replace_an_old_version(space: Space) -> None:
    first = space.make("configmaps", config_map("a", key="1"))
    second = space.put("configmaps/a", {**first, "data": {"key": "2"}}).expect(200)
    assert second["data"] == {"key": "2"}
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    assert second["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]
    found = space.put("configmaps/a", {**first, "data": {"key": "3"}}).refused(409, "Conflict")
    assert found["message"] == f'Operation cannot be fulfilled on configmaps "a": {MODIFIED}'
    assert found["details"] == {"name": "a", "kind": "configmaps"}
    assert space.read("configmaps/a")["data"] == {"key": "2"}


@check("A replacement for another object of the same name is a 409.")
def replace_another_uid(space: Space) -> None:
    made = space.make("configmaps", config_map("a", key="1"))
    body = {**config_map("a", key="2"), "metadata": {"name": "a", "uid": "11111111-1111-1111-1111-111111111111"}}
    found = space.put("configmaps/a", body).refused(409, "Conflict")
    told = "Precondition failed: UID in precondition: 11111111-1111-1111-1111-111111111111, UID in object meta: "
    assert told + made["metadata"]["uid"] in found["message"]


@check("Without a version a replacement goes through, except for a Lease.")
def replace_without_version(space: Space) -> None:
    space.make("configmaps", config_map("a", key="1"))
    assert space.put("configmaps/a", config_map("a", key="2")).expect(200)["data"] == {"key": "2"}
    lease: Json = {"metadata": {"name": "mine"}, "spec": {"holderIdentity": "me", "leaseDurationSeconds": 15}}
    space.make("leases", lease)
    found = space.put("leases/mine", lease).refused(422, "Invalid")
    assert found["message"].endswith("metadata.resourceVersion: Invalid value: 0: must be specified for an update")


@check("A replacement of what is not there is a 404.")
def replace_nothing(space: Space) -> None:
    assert space.put("configmaps/a", config_map("a")).refused(404, "NotFound")["message"] == 'configmaps "a" not found'


@check("A write that changes nothing makes no new version.")
def write_that_changes_nothing(space: Space) -> None:
    first = space.make("configmaps", config_map("a", key="1"))
    assert space.put("configmaps/a", first).expect(200)["metadata"] == first["metadata"]
    assert space.patch("configmaps/a", {"data": {"key": "1"}}).expect(200)["metadata"] == first["metadata"]


@check("The generation counts changes of the specification, and no others.")
def generations(space: Space) -> None:
    space.make("deployments", idle_deployment("web"))
    labelled = space.patch("deployments/web", {"metadata": {"labels": {"a": "b"}}}).expect(200)
    assert labelled["metadata"]["generation"] == 1
    changed = space.patch("deployments/web", {"spec": {"paused": True}}).expect(200)
    assert changed["metadata"]["generation"] == 2
    scaled = space.patch("deployments/web/scale", {"spec": {"replicas": 0}}).expect(200)
    assert scaled["spec"].get("replicas", 0) == 0
    assert space.read("deployments/web")["metadata"]["generation"] == 2


@check("A write to the status leaves everything else alone, and every other write leaves the status alone.")
def status_apart(space: Space) -> None:
    space.make("pods", unplaced("a"))
    gate = {"type": "example.org/checked", "status": "True"}
    body = {"status": {"conditions": [gate]}, "spec": {"activeDeadlineSeconds": 5}}
    found = space.patch("pods/a/status", body, "strategic").expect(200)
    assert gate in [{key: item[key] for key in ("type", "status")} for item in found["status"]["conditions"]]
    assert "activeDeadlineSeconds" not in found["spec"]
    found = space.patch("pods/a", {"metadata": {"labels": {"a": "b"}}, "status": {"conditions": []}}).expect(200)
    assert "example.org/checked" in [item["type"] for item in found["status"]["conditions"]]


@check("A dry run answers as if, with all that the server would add, and stores nothing.")
def dry_run(space: Space) -> None:
    found = space.post("configmaps", config_map("a"), dryRun="All").expect(201)
    assert found["metadata"]["uid"]
    space.get("configmaps/a").refused(404, "NotFound")
    space.make("configmaps", config_map("a", key="1"))
    changed = space.patch("configmaps/a", {"data": {"key": "2"}}, dryRun="All").expect(200)
    assert changed["data"] == {"key": "2"}
    space.delete("configmaps/a", dryRun="All").expect(200)
    assert space.read("configmaps/a")["data"] == {"key": "1"}


@check("A dry run is checked as the write itself would be.")
def dry_run_is_checked(space: Space) -> None:
    space.make("configmaps", config_map("a"))
    space.post("configmaps", config_map("a"), dryRun="All").refused(409, "AlreadyExists")
    space.post("configmaps", config_map("UPPER"), dryRun="All").refused(422, "Invalid")


@check("A dry run of anything else than All is a 422.")
def dry_run_of_nonsense(space: Space) -> None:
    found = space.post("configmaps", config_map("a"), dryRun="Some").refused(422, "Invalid")
    assert found["message"].startswith('CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ')


@check("A field that no kind has is dropped; it is told as a warning if asked, and refused if asked strictly.")
def unknown_fields(space: Space) -> None:
    body = idle_deployment("web", nonsense=1)
    found = space.post("deployments", body, fieldValidation="Strict").refused(400, "BadRequest")
    assert 'strict decoding error: unknown field "spec.nonsense"' in found["message"]
    reply = space.post("deployments", body, fieldValidation="Warn")
    assert "nonsense" not in reply.expect(201)["spec"]
    assert any('unknown field \\"spec.nonsense\\"' in warning for warning in reply.warnings)


@check("Secrets take plain text and keep it encoded.")
def secrets_in_plain_text(space: Space) -> None:
    made = space.make("secrets", {"metadata": {"name": "a"}, "stringData": {"key": "value"}, "data": {"other": "eA=="}})
    assert made["data"] == {"key": "dmFsdWU=", "other": "eA=="}
    assert "stringData" not in made
    assert made["type"] == "Opaque"


@check("managedFields say who wrote which fields, when, and how.")
def managed_fields(space: Space) -> None:
    space.post("configmaps", config_map("a", key="1"), fieldManager="first").expect(201)
    found = space.patch("configmaps/a", {"data": {"more": "2"}}, fieldManager="second").expect(200)
    entries = {entry["manager"]: entry for entry in found["metadata"]["managedFields"]}
    assert entries.keys() == {"first", "second"}
    first, second = entries["first"], entries["second"]
    assert (first["operation"], first["apiVersion"], first["fieldsType"]) == ("Update", "v1", "FieldsV1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["time"])
    assert first["fieldsV1"]["f:data"].keys() - {"."} == {"f:key"}
    assert second["fieldsV1"] == {"f:data": {"f:more": {}}}


@check("A writer that does not say who it is is known by the first word of its User-Agent.")
def managed_fields_by_agent(space: Space) -> None:
    found = space.post("configmaps", config_map("a", key="1"), headers={"User-Agent": "tool/1.2 (linux)"}).expect(201)
    assert [entry["manager"] for entry in found["metadata"]["managedFields"]] == ["tool"]
