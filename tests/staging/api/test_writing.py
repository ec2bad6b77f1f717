from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

Maker = Callable[..., dict[str, Any]]
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PODS = "/api/v1/namespaces/default/pods"


def refused(call: Callable[[], Any]) -> ApiException:
    with pytest.raises(ApiException) as caught:
        call()
    return caught.value


def test_a_deployment_is_created_with_its_defaults(apps: Any, deployment: Maker) -> None:
    made = apps.create_namespaced_deployment("default", deployment())
    assert made.spec.replicas == 1
    assert made.spec.strategy.rolling_update.max_surge == "25%"
    assert made.spec.template.spec.termination_grace_period_seconds == 30
    assert made.spec.template.spec.containers[0].ports[0].protocol == "TCP"
    assert made.metadata.generation == 1
    assert made.metadata.managed_fields[0].operation == "Update"


def test_typed_models_are_accepted(core: Any) -> None:
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="a"), data={"x": "1"})
    assert core.create_namespaced_config_map("default", body).data == {"x": "1"}


def test_the_same_name_again_is_409_already_exists(core: Any, pod: Maker) -> None:
    core.create_namespaced_pod("default", pod("a"))
    error = refused(lambda: core.create_namespaced_pod("default", pod("a")))
    assert (error.status, 'pods \\"a\\" already exists' in error.body) == (409, True)


def test_an_unknown_namespace_is_404(core: Any, pod: Maker) -> None:
    error = refused(lambda: core.create_namespaced_pod("nowhere", pod("a")))
    assert (error.status, 'namespaces \\"nowhere\\" not found' in error.body) == (404, True)


def test_a_dry_run_validates_and_stores_nothing(core: Any, pod: Maker) -> None:
    assert core.create_namespaced_pod("default", pod("a"), dry_run="All").status.phase == "Pending"
    assert core.list_namespaced_pod("default").items == []
    assert refused(lambda: core.create_namespaced_pod("default", pod("A_"), dry_run="All")).status == 422


def test_every_broken_rule_is_a_cause(cluster: Any, deployment: Maker) -> None:
    body = deployment("Web_")
    body["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    body["spec"]["template"]["spec"]["containers"][0].pop("image")
    body["spec"]["replicas"] = -1
    reply = cluster.request("POST", DEPLOYMENTS, body)
    assert (reply.status, reply.body["kind"], reply.body["reason"]) == (422, "Status", "Invalid")
    assert reply.body["message"].startswith('Deployment.apps "Web_" is invalid: [')
    assert {cause["field"] for cause in reply.body["details"]["causes"]} == {
        "metadata.name",
        "spec.replicas",
        "spec.template.metadata.labels",
        "spec.template.spec.containers[0].image",
    }


def test_a_field_of_the_wrong_type_is_a_bad_request(cluster: Any) -> None:
    for spec in ("text", {"containers": "text"}, {"containers": [7]}):
        reply = cluster.request("POST", PODS, {"metadata": {"name": "a"}, "spec": spec})
        assert reply.status in {400, 422}, spec
        assert reply.body["kind"] == "Status"


def test_a_selector_cannot_be_changed(apps: Any, deployment: Maker) -> None:
    apps.create_namespaced_deployment("default", deployment())
    patch = {
        "spec": {
            "selector": {"matchLabels": {"app": "b"}},
            "template": {"metadata": {"labels": {"app": "b"}}},
        }
    }
    error = refused(lambda: apps.patch_namespaced_deployment("web", "default", patch))
    assert (error.status, "field is immutable" in error.body) == (422, True)


def test_of_a_pod_little_can_be_changed(core: Any, pod: Maker) -> None:
    core.create_namespaced_pod("default", pod("a"))
    image = {"spec": {"containers": [{"name": "main", "image": "shop:2"}]}}
    assert core.patch_namespaced_pod("a", "default", image).spec.containers[0].image == "shop:2"
    command = {"spec": {"containers": [{"name": "main", "command": ["x"]}]}}
    error = refused(lambda: core.patch_namespaced_pod("a", "default", command))
    assert (error.status, "pod updates may not change fields other than" in error.body) == (422, True)


def test_an_old_version_is_409_and_nothing_is_written(core: Any) -> None:
    old = core.create_namespaced_config_map("default", {"metadata": {"name": "a"}, "data": {"x": "1"}})
    core.patch_namespaced_config_map("a", "default", {"data": {"x": "2"}})
    old.data = {"x": "3"}
    error = refused(lambda: core.replace_namespaced_config_map("a", "default", old))
    assert (error.status, "the object has been modified" in error.body) == (409, True)
    stale = {"metadata": {"resourceVersion": old.metadata.resource_version}, "data": {"x": "4"}}
    assert refused(lambda: core.patch_namespaced_config_map("a", "default", stale)).status == 409
    assert core.read_namespaced_config_map("a", "default").data == {"x": "2"}


def test_a_lease_is_only_replaced_with_its_version(api: Any) -> None:
    leases = client.CoordinationV1Api(api)
    made = leases.create_namespaced_lease("default", {"metadata": {"name": "a"}, "spec": {"holderIdentity": "x"}})
    made.metadata.resource_version = None
    assert refused(lambda: leases.replace_namespaced_lease("a", "default", made)).status == 422


def test_json_patch_tests_before_it_writes(cluster: Any, deployment: Maker) -> None:
    cluster.request("POST", DEPLOYMENTS, deployment(replicas=2))
    headers = {"Content-Type": "application/json-patch+json"}
    path = f"{DEPLOYMENTS}/web"

    def patch(expected: int, wanted: int) -> Any:
        operations = [
            {"op": "test", "path": "/spec/replicas", "value": expected},
            {"op": "replace", "path": "/spec/replicas", "value": wanted},
        ]
        return cluster.request("PATCH", path, operations, headers=headers)

    assert patch(2, 5).body["spec"]["replicas"] == 5
    assert patch(2, 7).status == 422
    assert cluster.request("GET", path).body["spec"]["replicas"] == 5


def test_a_patch_in_an_unknown_format_is_415(cluster: Any, deployment: Maker) -> None:
    cluster.request("POST", DEPLOYMENTS, deployment())
    reply = cluster.request("PATCH", f"{DEPLOYMENTS}/web", {"spec": {}})
    assert (reply.status, reply.body["reason"]) == (415, "UnsupportedMediaType")


def test_apply_creates_then_merges_and_minds_other_managers(cluster: Any, deployment: Maker) -> None:
    headers = {"Content-Type": "application/apply-patch+yaml"}
    path = f"{DEPLOYMENTS}/web"

    def apply(manager: str, body: Any, *, force: bool = False) -> Any:
        query = f"?fieldManager={manager}" + ("&force=true" if force else "")
        return cluster.request("PATCH", path + query, body, headers=headers)

    assert apply("alice", deployment(replicas=2)).status == 201
    assert apply("alice", deployment(replicas=2)).body["metadata"]["generation"] == 1
    taken = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 9}}
    conflict = apply("bob", taken)
    assert (conflict.status, conflict.body["details"]["causes"][0]["field"]) == (409, ".spec.replicas")
    assert apply("bob", taken, force=True).body["spec"]["replicas"] == 9
    assert cluster.request("PATCH", path, taken, headers=headers).status == 422


def test_yaml_is_a_body_too(cluster: Any) -> None:
    body = b"metadata: {name: a}\ndata: {x: '1'}\n"
    reply = cluster.request(
        "POST",
        "/api/v1/namespaces/default/configmaps",
        body,
        headers={"Content-Type": "application/yaml"},
    )
    assert (reply.status, reply.body["data"]) == (201, {"x": "1"})


def test_string_data_of_a_secret_becomes_data(core: Any) -> None:
    made = core.create_namespaced_secret("default", {"metadata": {"name": "a"}, "stringData": {"x": "hush"}})
    assert base64.b64decode(made.data["x"]) == b"hush"
    assert made.type == "Opaque"


@pytest.mark.parametrize("kind", ["secret", "config_map"])
def test_more_than_a_mebibyte_of_data_is_422(core: Any, kind: str) -> None:
    field = "stringData" if kind == "secret" else "data"
    body = {"metadata": {"name": "a"}, field: {"x": "x" * (1024 * 1024 + 1)}}
    error = refused(lambda: getattr(core, f"create_namespaced_{kind}")("default", body))
    assert (error.status, "Too long" in error.body) == (422, True)


def test_a_body_past_the_limit_is_413(cluster: Any) -> None:
    reply = cluster.request("POST", "/api/v1/namespaces/default/configmaps", b"x" * (3 * 1024 * 1024 + 1))
    assert (reply.status, reply.body["kind"]) == (413, "Status")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"null", b'{"metadata": 7}', b'{"kind": "Node"}'])
def test_a_body_that_is_no_such_object_is_a_bad_request(cluster: Any, body: bytes) -> None:
    assert cluster.request("POST", PODS, body).status in {400, 422}


def test_status_is_written_apart_from_the_rest(apps: Any, deployment: Maker) -> None:
    apps.create_namespaced_deployment("default", {**deployment(), "status": {"replicas": 9}})
    assert apps.read_namespaced_deployment_status("web", "default").status.replicas is None
    patch = {"spec": {"replicas": 7}, "status": {"replicas": 3}}
    written = apps.patch_namespaced_deployment_status("web", "default", patch)
    assert (written.spec.replicas, written.status.replicas) == (1, 3)


def test_scale_is_read_and_written_as_a_scale(apps: Any, deployment: Maker) -> None:
    apps.create_namespaced_deployment("default", deployment(replicas=2))
    scale = apps.read_namespaced_deployment_scale("web", "default")
    assert (scale.spec.replicas, scale.status.selector) == (2, "app=web")
    patched = apps.patch_namespaced_deployment_scale("web", "default", {"spec": {"replicas": 0}})
    assert patched.spec.replicas == 0
    scale.spec.replicas = 4
    assert refused(lambda: apps.replace_namespaced_deployment_scale("web", "default", scale)).status == 409
    assert apps.read_namespaced_deployment("web", "default").spec.replicas == 0


def test_what_is_stored_and_not_acted_on_comes_with_a_warning(cluster: Any) -> None:
    labels = {"app": "a"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "b"}], "hostPID": True}}
    body = {"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": labels}, "template": template}}
    path = "/apis/apps/v1/namespaces/default/statefulsets"
    reply = cluster.request("POST", path, body)
    assert reply.status == 201
    assert reply.headers["Warning"].startswith('299 - "spec.template.spec.hostPID is not honoured')
