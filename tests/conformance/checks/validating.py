"""Validation: 422 with every broken rule as a cause, worded so that people find it on the web."""

from __future__ import annotations

import re

from tests.conformance.checking import check
from tests.conformance.manifests import config_map, idle_deployment, pod, unplaced
from tests.conformance.space import Space
from tests.conformance.transport import Json, Reply

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with "
    "an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with "
    "an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
KEY = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
IMMUTABLE = "field is immutable when `immutable` is set"
POD_UPDATES = "pod updates may not change fields other than "


def causes(reply: Reply) -> dict[str, str]:
    """Return what is said about each field; the whole message must say the same."""
    found = reply.refused(422, "Invalid")
    listed = {cause["field"]: cause["message"] for cause in found["details"]["causes"]}
    for field, message in listed.items():
        assert f"{field}: {message}" in found["message"]
    return listed


def only(reply: Reply, field: str) -> str:
    """Return what is said about the one field that is wrong."""
    found = causes(reply)
    assert found.keys() == {field}, f"expected {field} alone to be wrong, but got {found}"
    return found[field]


@check("A name in capitals is refused with the rule, an example and the regular expression.")
def invalid_name(space: Space) -> None:
    reply = space.post("configmaps", config_map("Upper_"))
    assert only(reply, "metadata.name") == f'Invalid value: "Upper_": {SUBDOMAIN}'
    found = reply.body
    assert found["message"] == f'ConfigMap "Upper_" is invalid: metadata.name: Invalid value: "Upper_": {SUBDOMAIN}'
    assert {key: found["details"][key] for key in ("name", "kind")} == {"name": "Upper_", "kind": "ConfigMap"}
    assert found["details"]["causes"][0]["reason"] == "FieldValueInvalid"
    found = space.post("deployments", idle_deployment("a_b")).refused(422, "Invalid")
    assert found["message"].startswith('Deployment.apps "a_b" is invalid: ')
    assert found["details"]["group"] == "apps"


@check("Names of namespaces are labels, of at most 63 characters.")
def invalid_namespace_name(space: Space) -> None:
    reply = space.post("/api/v1/namespaces", {"metadata": {"name": "a_b"}})
    assert only(reply, "metadata.name") == f'Invalid value: "a_b": {LABEL}'
    reply = space.post("/api/v1/namespaces", {"metadata": {"name": "a.b"}})
    assert only(reply, "metadata.name") == 'Invalid value: "a.b": must not contain dots'
    long = "a" * 64
    reply = space.post("/api/v1/namespaces", {"metadata": {"name": long}})
    assert causes(reply)["metadata.name"] == f'Invalid value: "{long}": must be no more than 63 characters'


@check("Labels have rules for key and value.")
def invalid_labels(space: Space) -> None:
    reply = space.post("configmaps", {"metadata": {"name": "a", "labels": {"tier": "not so"}}})
    assert only(reply, "metadata.labels") == f'Invalid value: "not so": {VALUE}'
    reply = space.post("configmaps", {"metadata": {"name": "a", "labels": {"not so": "x"}}})
    assert only(reply, "metadata.labels") == f'Invalid value: "not so": {KEY}'
    reply = space.post("configmaps", {"metadata": {"name": "a", "labels": {"tier": "x" * 64}}})
    assert only(reply, "metadata.labels") == f'Invalid value: "{"x" * 64}": must be no more than 63 bytes'


@check("Annotations end at 256 KiB altogether.")
def too_many_annotations(space: Space) -> None:
    reply = space.post("configmaps", {"metadata": {"name": "a", "annotations": {"note": "x" * (256 * 1024)}}})
    assert only(reply, "metadata.annotations") == "Too long: may not be more than 262144 bytes"


@check("A selector that does not match its template is refused with the template's labels.")
def selector_of_others(space: Space) -> None:
    body = idle_deployment("web", selector={"matchLabels": {"app": "other"}})
    message = only(space.post("deployments", body), "spec.template.metadata.labels")
    assert message == 'Invalid value: {"app":"web"}: `selector` does not match template `labels`'


@check("A workload's selector never changes.")
def immutable_selector(space: Space) -> None:
    space.make("deployments", idle_deployment("web"))
    labels = {"app": "web", "tier": "front"}
    body = {"spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}}
    message = only(space.patch("deployments/web", body), "spec.selector")
    assert message == 'Invalid value: {"matchLabels":{"app":"web","tier":"front"}}: field is immutable'


@check("A Deployment needs selector and template, and every broken rule is told at once.")
def every_cause_at_once(space: Space) -> None:
    body = {"metadata": {"name": "web"}, "spec": {"replicas": -1, "selector": {}, "template": {}}}
    reply = space.post("deployments", body)
    found = causes(reply)
    assert found["spec.replicas"] == "Invalid value: -1: must be greater than or equal to 0"
    assert found["spec.selector"].startswith(("Required value", "Invalid value: {}: empty selector is invalid for deployment"))
    assert found["spec.template.spec.containers"] == "Required value"
    assert re.match(r'Deployment\.apps "web" is invalid: \[.+: .+, .+: .+\]$', reply.body["message"])


@check("A Deployment's pods are always started again.")
def restart_policy_of_a_deployment(space: Space) -> None:
    body = idle_deployment("web")
    body["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    message = only(space.post("deployments", body), "spec.template.spec.restartPolicy")
    assert message == 'Unsupported value: "Never": supported values: "Always"'


@check("A pod needs a container, and a container a name and an image.")
def a_pod_without_containers(space: Space) -> None:
    reply = space.post("pods", pod("a"))
    assert only(reply, "spec.containers") == "Required value"
    assert reply.body["message"] == 'Pod "a" is invalid: spec.containers: Required value'
    found = causes(space.post("pods", pod("a", {"image": "x"}, {"name": "b"})))
    assert found == {"spec.containers[0].name": "Required value", "spec.containers[1].image": "Required value"}


@check("Containers of one pod have different names.")
def containers_of_one_name(space: Space) -> None:
    reply = space.post("pods", pod("a", {"name": "x", "image": "i"}, {"name": "x", "image": "i"}))
    assert only(reply, "spec.containers[1].name") == 'Duplicate value: "x"'
    assert reply.body["details"]["causes"][0]["reason"] == "FieldValueDuplicate"


@check("Ports of containers are from 1 to 65535.")
def invalid_container_port(space: Space) -> None:
    container = {"name": "x", "image": "i", "ports": [{"containerPort": 70000}]}
    message = only(space.post("pods", pod("a", container)), "spec.containers[0].ports[0].containerPort")
    assert message == "Invalid value: 70000: must be between 1 and 65535, inclusive"


@check("A mounted volume must be there.")
def a_volume_that_is_not_there(space: Space) -> None:
    container = {"name": "x", "image": "i", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    reply = space.post("pods", pod("a", container))
    assert only(reply, "spec.containers[0].volumeMounts[0].name") == 'Not found: "data"'
    assert reply.body["details"]["causes"][0]["reason"] == "FieldValueNotFound"


@check("A probe must say how to look.")
def a_probe_of_nothing(space: Space) -> None:
    container = {"name": "x", "image": "i", "readinessProbe": {"periodSeconds": 1}}
    message = only(space.post("pods", pod("a", container)), "spec.containers[0].readinessProbe")
    assert message == "Required value: must specify a handler type"


@check("What a pod runs does not change while it is there, but for its images.")
def immutable_pods(space: Space) -> None:
    space.make("pods", unplaced("a"))
    containers = [{"name": "main", "env": [{"name": "A", "value": "1"}]}]
    message = only(space.patch("pods/a", {"spec": {"containers": containers}}, "strategic"), "spec")
    assert message.startswith(f"Forbidden: {POD_UPDATES}`spec.containers[*].image`,`spec.initContainers[*].image`,")
    body = {"spec": {"containers": [{"name": "main", "image": "other:2"}]}}
    found = space.patch("pods/a", body, "strategic").expect(200)
    assert found["spec"]["containers"][0]["image"] == "other:2"


@check("Requests are no more than limits.")
def requests_above_limits(space: Space) -> None:
    container = {"name": "x", "image": "i", "resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}}
    message = only(space.post("pods", pod("a", container)), "spec.containers[0].resources.requests")
    assert message == 'Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi'


@check("An amount that is none is a 400 that says how amounts are written.")
def invalid_quantity(space: Space) -> None:
    container = {"name": "x", "image": "i", "resources": {"requests": {"memory": "much"}}}
    found = space.post("pods", pod("a", container)).refused(400, "BadRequest")
    assert "quantities must match the regular expression" in found["message"]


@check("A Service needs ports, in range, and names for them if there are several.")
def invalid_services(space: Space) -> None:
    def service(*ports: Json) -> Reply:
        return space.post("services", {"metadata": {"name": "web"}, "spec": {"ports": list(ports), "selector": {"app": "web"}}})

    assert only(service(), "spec.ports") == "Required value"
    message = only(service({"port": 0, "targetPort": 8080}), "spec.ports[0].port")
    assert message == "Invalid value: 0: must be between 1 and 65535, inclusive"
    found = causes(service({"port": 8080}, {"port": 8081}))
    assert found == {"spec.ports[0].name": "Required value", "spec.ports[1].name": "Required value"}


@check("The address of a Service does not change.")
def immutable_address(space: Space) -> None:
    body = {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 8080}], "selector": {"app": "web"}}}
    made = space.make("services", body)
    made["spec"]["clusterIP"] = "192.0.2.1"
    made["spec"]["clusterIPs"] = ["192.0.2.1"]
    found = causes(space.put("services/web", made))
    assert found["spec.clusterIPs[0]"] == 'Invalid value: ["192.0.2.1"]: may not change once set'


@check("An immutable ConfigMap keeps its data, and stays immutable.")
def immutable_config_maps(space: Space) -> None:
    space.make("configmaps", {**config_map("a", key="1"), "immutable": True})
    assert only(space.patch("configmaps/a", {"data": {"key": "2"}}), "data") == f"Forbidden: {IMMUTABLE}"
    assert only(space.patch("configmaps/a", {"immutable": None}), "immutable") == f"Forbidden: {IMMUTABLE}"
    space.patch("configmaps/a", {"metadata": {"labels": {"a": "b"}}}).expect(200)


@check("The type of a Secret does not change, and its data is base64.")
def invalid_secrets(space: Space) -> None:
    space.make("secrets", {"metadata": {"name": "a"}})
    message = only(space.patch("secrets/a", {"type": "example.org/other"}), "type")
    assert message == 'Invalid value: "example.org/other": field is immutable'
    found = space.post("secrets", {"metadata": {"name": "b"}, "data": {"key": "!"}}).refused(400, "BadRequest")
    assert "illegal base64 data" in found["message"]


@check("ConfigMaps and Secrets end at 1 MiB.")
def too_much_data(space: Space) -> None:
    much = "x" * (1024 * 1024 + 1)
    found = space.post("configmaps", config_map("a", key=much)).refused(422, "Invalid")
    assert found["message"] == 'ConfigMap "a" is invalid: []: Too long: may not be more than 1048576 bytes'
    found = space.post("secrets", {"metadata": {"name": "a"}, "stringData": {"key": much}}).refused(422, "Invalid")
    assert found["message"] == 'Secret "a" is invalid: data: Too long: may not be more than 1048576 bytes'


@check("A key of a ConfigMap is a file's name.")
def invalid_config_map_key(space: Space) -> None:
    message = only(space.post("configmaps", {"metadata": {"name": "a"}, "data": {"a/b": "x"}}), "data[a/b]")
    assert message.startswith(
        "Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
    )


@check("A budget says one of minAvailable and maxUnavailable, as a number or a percentage.")
def invalid_budgets(space: Space) -> None:
    def budget(**spec: object) -> Reply:
        body = {"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec}}
        return space.post("poddisruptionbudgets", body)

    message = only(budget(minAvailable=1, maxUnavailable=1), "spec")
    assert message.startswith("Invalid value: {")
    assert message.endswith("}: minAvailable and maxUnavailable cannot be both set")
    message = only(budget(minAvailable="half"), "spec.minAvailable")
    assert message.startswith(
        "Invalid value: \"half\": a valid percent string must be a numeric string followed by an ending '%'"
    )
    assert only(budget(maxUnavailable=-1), "spec.maxUnavailable") == "Invalid value: -1: must be greater than or equal to 0"


@check("An autoscaler scales something, from at least one to no fewer.")
def invalid_autoscalers(space: Space) -> None:
    def autoscaler(**spec: object) -> Reply:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
        return space.post("horizontalpodautoscalers", {"metadata": {"name": "web"}, "spec": {"scaleTargetRef": target, **spec}})

    message = only(autoscaler(minReplicas=3, maxReplicas=2), "spec.maxReplicas")
    assert message == "Invalid value: 2: must be greater than or equal to `minReplicas`"
    assert "greater than 0" in autoscaler(maxReplicas=0).refused(422, "Invalid")["message"]
    message = only(
        autoscaler(maxReplicas=1, scaleTargetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": ""}),
        "spec.scaleTargetRef.name",
    )
    assert message == "Required value"


@check("An owner is given with its version, kind, name and uid.")
def invalid_owner(space: Space) -> None:
    reply = space.post(
        "configmaps", {"metadata": {"name": "a", "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p"}]}}
    )
    assert "metadata.ownerReferences[0].uid" in "".join(causes(reply)) or "metadata.ownerReferences.uid" in causes(reply)


@check("A finalizer is a qualified name.")
def invalid_finalizer(space: Space) -> None:
    found = causes(space.post("configmaps", {"metadata": {"name": "a", "finalizers": ["mine"]}}))
    assert any("name is neither a standard finalizer name nor is it fully qualified" in message for message in found.values())
