"""Accounts and their rights over the wire: real tokens, real roles, the unmodified client, and kubectl where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from gameday.staging.resources import DEPLOYMENTS, PODS

KUBECTL = shutil.which("kubectl")
SHOP = "/apis/apps/v1/namespaces/shop/deployments"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
NOWHERE = {"kind": "ServiceAccount", "name": "a"}
VIEW = {"kind": "ClusterRole", "name": "view"}
CI = {"kind": "ServiceAccount", "name": "ci", "namespace": "shop"}


@pytest.fixture
def token(core: Any, api: Any) -> str:
    """Return the token of an account that may read Deployments of its namespace, and patch one of them."""
    core.create_namespace({"metadata": {"name": "shop"}})
    core.create_namespaced_service_account("shop", {"metadata": {"name": "ci"}})
    apps = {"apiGroups": ["apps"], "resources": ["deployments"]}
    rules = [{**apps, "verbs": ["get", "list"]}, {**apps, "verbs": ["patch"], "resourceNames": ["web"]}]
    access = client.RbacAuthorizationV1Api(api)
    access.create_namespaced_role("shop", {"metadata": {"name": "ci"}, "rules": rules})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "ci"}
    access.create_namespaced_role_binding("shop", {"metadata": {"name": "ci"}, "roleRef": role, "subjects": [CI]})
    body = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600))
    return str(core.create_namespaced_service_account_token("ci", "shop", body).status.token)


def test_an_account_may_what_its_role_says_and_nothing_else(cluster: Any, token: str, deployment: Any) -> None:
    manifest = deployment("web")
    manifest["metadata"]["namespace"] = "shop"
    cluster.on_store(lambda store: store.create(DEPLOYMENTS, manifest))
    assert len(cluster.request("GET", SHOP, token=token).body["items"]) == 1
    merge = {"Content-Type": "application/merge-patch+json"}
    patch = {"spec": {"paused": True}}
    assert cluster.request("PATCH", f"{SHOP}/web", patch, headers=merge, token=token).status == 200
    refused = cluster.request("PATCH", f"{SHOP}/payment", patch, headers=merge, token=token)
    assert (refused.status, refused.body["reason"]) == (403, "Forbidden")
    assert refused.body["message"] == (
        'deployments.apps "payment" is forbidden: User "system:serviceaccount:shop:ci" cannot patch resource "deployments" '
        'in API group "apps" in the namespace "shop"'
    )
    assert refused.body["details"] == {"name": "payment", "group": "apps", "kind": "deployments"}
    for method, path in (
        ("GET", f"{SHOP}?watch=1&timeoutSeconds=1"),
        ("DELETE", SHOP),
        ("GET", "/apis/apps/v1/deployments"),
        ("GET", f"{SHOP}/web/scale"),
        ("GET", "/api/v1/nodes"),
        ("GET", "/api/v1/namespaces/shop/gadgets"),
        ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews"),
    ):
        assert cluster.request(method, path, {} if method == "POST" else None, token=token).status == 403, path


def test_everybody_known_may_see_what_is_served_and_ask_about_themselves(cluster: Any, token: str) -> None:
    for path in ("/api", "/apis", "/apis/apps/v1", "/version", "/openapi/v2"):
        assert cluster.request("GET", path, token=token).status in {200, 406}, path
    asked = {"spec": {"resourceAttributes": {"verb": "patch", "group": "apps", "resource": "deployments", "namespace": "shop"}}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert cluster.request("POST", path, asked, token=token).body["status"] == {"allowed": False}
    asked["spec"]["resourceAttributes"]["name"] = "web"
    found = cluster.request("POST", path, asked, token=token).body
    assert found["status"] == {
        "allowed": True,
        "reason": 'RBAC: allowed by RoleBinding "ci/shop" of Role "ci" to ServiceAccount "ci/shop"',
    }
    assert cluster.request("POST", path, {"spec": {}}, token=token).status == 422


def test_the_rules_that_hold_for_me_are_listed(cluster: Any, token: str) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    found = cluster.request("POST", path, {"spec": {"namespace": "shop"}}, token=token).body["status"]
    listed = {"verbs": ["get", "list"], "apiGroups": ["apps"], "resources": ["deployments"]}
    assert listed in found["resourceRules"]
    assert found["incomplete"] is False
    elsewhere = cluster.request("POST", path, {"spec": {"namespace": "default"}}, token=token).body["status"]
    assert listed not in elsewhere["resourceRules"]


def test_the_administrator_asks_for_somebody_else(api: Any, token: str) -> None:
    attributes = {"verb": "list", "group": "apps", "resource": "deployments", "namespace": "shop"}
    reviews = client.AuthorizationV1Api(api)
    body = {"spec": {"user": "system:serviceaccount:shop:ci", "resourceAttributes": attributes}}
    assert reviews.create_subject_access_review(body).status.allowed
    body["spec"]["user"] = "nobody"
    assert not reviews.create_subject_access_review(body).status.allowed
    found = client.AuthenticationV1Api(api).create_token_review({"spec": {"token": token}}).status
    assert (found.authenticated, found.user.username) == (True, "system:serviceaccount:shop:ci")
    assert not client.AuthenticationV1Api(api).create_token_review({"spec": {"token": "x.y.z"}}).status.authenticated


def test_whoever_may_not_impersonate_is_refused(cluster: Any, token: str) -> None:
    headers = {"Impersonate-User": "gameday-admin", "Impersonate-Group": "system:masters"}
    refused = cluster.request("GET", SHOP, headers=headers, token=token)
    assert refused.status == 403
    assert refused.body["message"].startswith('users "gameday-admin" is forbidden: User "system:serviceaccount:shop:ci" cannot ')
    as_ci = {"Impersonate-User": "system:serviceaccount:shop:ci"}
    assert cluster.request("GET", SHOP, headers=as_ci).status == 200
    assert cluster.request("GET", "/api/v1/nodes", headers=as_ci).status == 403
    assert cluster.request("GET", SHOP, headers={"Impersonate-Group": "a"}).status == 500


def test_applying_what_is_not_there_takes_the_right_to_create(cluster: Any, token: str, deployment: Any) -> None:
    headers = {"Content-Type": "application/apply-patch+yaml"}
    reply = cluster.request("PATCH", f"{SHOP}/web?fieldManager=ci", deployment("web"), headers=headers, token=token)
    assert reply.status == 403
    assert "cannot create resource" in reply.body["message"]


def test_nobody_gives_away_what_they_do_not_have(cluster: Any, api: Any, token: str) -> None:
    rules = [{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": ["create"]}]
    access = client.RbacAuthorizationV1Api(api)
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    access.create_namespaced_role("shop", {"metadata": {"name": "granting"}, "rules": rules[:1]})
    granting = {**role, "kind": "Role", "name": "granting"}
    access.create_namespaced_role_binding("shop", {"metadata": {"name": "granting"}, "roleRef": granting, "subjects": [CI]})
    bindings, roles = f"{RBAC}/namespaces/shop/rolebindings", f"{RBAC}/namespaces/shop/roles"
    refused = cluster.request("POST", bindings, {"metadata": {"name": "up"}, "roleRef": role, "subjects": [CI]}, token=token)
    assert refused.status == 403
    assert "is attempting to grant RBAC permissions not currently held:" in refused.body["message"]
    held = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}
    assert cluster.request("POST", roles, {"metadata": {"name": "a"}, "rules": [held]}, token=token).status == 201
    more = {**held, "verbs": ["get", "delete"]}
    beyond = cluster.request("POST", roles, {"metadata": {"name": "b"}, "rules": [more]}, token=token)
    assert beyond.body["message"].endswith('held:\n{APIGroups:["apps"], Resources:["deployments"], Verbs:["delete"]}')


@pytest.mark.usefixtures("token")
def test_the_role_of_a_binding_cannot_be_changed(api: Any) -> None:
    access = client.RbacAuthorizationV1Api(api)
    with pytest.raises(ApiException, match="cannot change roleRef") as caught:
        access.patch_namespaced_role_binding("ci", "shop", {"roleRef": {"name": "other"}})
    assert caught.value.status == 422


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("rules[0].verbs", {"metadata": {"name": "a"}, "rules": [{"apiGroups": [""], "resources": ["pods"]}]}),
        ("rules[0].resources", {"metadata": {"name": "a"}, "rules": [{"apiGroups": [""], "verbs": ["get"]}]}),
        ("rules[0].apiGroups", {"metadata": {"name": "a"}, "rules": [{"resources": ["pods"], "verbs": ["get"]}]}),
        ("roleRef.kind", {"metadata": {"name": "a"}, "roleRef": {"kind": "Robot", "name": "a"}}),
        ("roleRef.name", {"metadata": {"name": "a"}, "roleRef": {"kind": "ClusterRole"}}),
        (
            "subjects[0].namespace",
            {"metadata": {"name": "a"}, "roleRef": VIEW, "subjects": [NOWHERE]},
        ),
        ("subjects[0].kind", {"metadata": {"name": "a"}, "roleRef": VIEW, "subjects": [{"kind": "Robot", "name": "a"}]}),
    ],
)
def test_a_role_or_binding_that_means_nothing_is_refused(cluster: Any, field: str, body: dict[str, Any]) -> None:
    plural = "clusterrolebindings" if "roleRef" in body else "clusterroles"
    reply = cluster.request("POST", f"{RBAC}/{plural}", body)
    assert (reply.status, field in {cause["field"] for cause in reply.body["details"]["causes"]}) == (422, True)


def test_a_pod_gets_its_accounts_token_unless_it_wants_none(core: Any, pod: Any) -> None:
    made = core.create_namespaced_pod("default", pod("a"))
    (volume,) = made.spec.volumes
    assert volume.name.startswith("kube-api-access-")
    assert made.spec.containers[0].volume_mounts[0].mount_path == "/var/run/secrets/kubernetes.io/serviceaccount"
    without = pod("b")
    without["spec"]["automountServiceAccountToken"] = False
    assert not core.create_namespaced_pod("default", without).spec.volumes
    core.create_namespaced_service_account("default", {"metadata": {"name": "silent"}, "automountServiceAccountToken": False})
    third = pod("c")
    third["spec"]["serviceAccountName"] = "silent"
    assert not core.create_namespaced_pod("default", third).spec.volumes


def test_a_pod_of_an_account_that_is_not_there_is_refused(core: Any, pod: Any) -> None:
    manifest = pod("a")
    manifest["spec"]["serviceAccountName"] = "ghost"
    with pytest.raises(ApiException, match="error looking up service account default/ghost") as caught:
        core.create_namespaced_pod("default", manifest)
    assert caught.value.status == 403


@pytest.mark.usefixtures("token")
def test_a_token_is_bound_to_its_pod_if_the_pod_is_of_the_account(cluster: Any, pod: Any) -> None:
    path = "/api/v1/namespaces/shop/serviceaccounts/ci/token"
    cluster.on_store(lambda store: store.create(PODS, {**pod("a"), "metadata": {"name": "a", "namespace": "shop"}}))
    reference = {"kind": "Pod", "apiVersion": "v1", "name": "a"}
    body = {"spec": {"audiences": [], "boundObjectRef": reference}}
    assert cluster.request("POST", path, body).status == 400
    spec = {**pod("b")["spec"], "serviceAccountName": "ci"}
    cluster.on_store(lambda store: store.create(PODS, {"metadata": {"name": "b", "namespace": "shop"}, "spec": spec}))
    reference["name"] = "b"
    bound = cluster.request("POST", path, body).body["status"]["token"]
    assert cluster.request("GET", SHOP, token=bound).status == 200
    cluster.on_store(lambda store: store.delete(PODS, "shop", "b"))
    assert cluster.request("GET", SHOP, token=bound).status == 401


@pytest.mark.parametrize("role", ["view", "edit"])
def test_the_usual_roles_are_there(cluster: Any, api: Any, token: str, role: str) -> None:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    body = {"metadata": {"name": role}, "roleRef": reference, "subjects": [CI]}
    client.RbacAuthorizationV1Api(api).create_namespaced_role_binding("shop", body)

    def allowed(verb: str, resource: str = "configmaps") -> bool:
        spec = {"resourceAttributes": {"verb": verb, "resource": resource, "namespace": "shop"}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        return bool(cluster.request("POST", path, {"spec": spec}, token=token).body["status"]["allowed"])

    edits = role == "edit"
    assert [allowed("list"), allowed("create"), allowed("get", "secrets"), allowed("create", "roles")] == [
        True,
        edits,
        edits,
        False,
    ]


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed on this machine")
@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ("auth can-i delete pods", "yes"),
        ("auth can-i list deployments.apps -n shop --as system:serviceaccount:shop:ci", "yes"),
        ("auth can-i delete pods -n shop --as system:serviceaccount:shop:ci", "no"),
        ("auth can-i list nodes --as jane --as-group system:masters", "yes"),
        ("auth can-i get /healthz --as jane", "yes"),
        ("auth can-i --list -n shop --as system:serviceaccount:shop:ci", "deployments.apps"),
        ("auth whoami --as jane", "jane"),
        ("get pods -n shop --as jane", 'User "jane" cannot list resource "pods" in API group "" in the namespace "shop"'),
    ],
)
def test_kubectl_asks_and_gets_true_answers(cluster: Any, token: str, tmp_path: Path, arguments: str, answer: str) -> None:
    assert token
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "HOME": str(tmp_path / "home")}
    command = [KUBECTL or "", *arguments.split()]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert answer in result.stdout + result.stderr
