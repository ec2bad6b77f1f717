"""Access: who is known, what roles allow, how a refusal is worded, and the reviews that answer beforehand."""

from __future__ import annotations

from dataclasses import replace

from tests.conformance.checking import check
from tests.conformance.manifests import config_map, unplaced
from tests.conformance.space import Space, binding
from tests.conformance.transport import Json, Reply

REVIEWS = "/apis/authorization.k8s.io/v1"


def rule(verbs: str, resources: str, group: str = "", **more: list[str]) -> Json:
    return {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split(), **more}


def user(space: Space, account: str) -> str:
    return f"system:serviceaccount:{space.name}:{account}"


def self_review(space: Space, **attributes: str) -> Json:
    body = {"kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": {"namespace": space.name, **attributes}}}
    return dict(space.post(f"{REVIEWS}/selfsubjectaccessreviews", body).expect(201)["status"])


@check("A token that nobody gave out is a 401.")
def unknown_token(space: Space) -> None:
    stranger = replace(space, http=space.http.with_token("nonsense", space.kubeconfig))
    assert stranger.get("configmaps").refused(401, "Unauthorized")["message"] == "Unauthorized"


@check("Whoever may not is told who, what and where, in one sentence.")
def forbidden(space: Space) -> None:
    space.make("configmaps", config_map("settings"))
    nobody = space.as_account("nobody")
    who = f'User "{user(space, "nobody")}"'
    found = nobody.get("configmaps").refused(403, "Forbidden")
    where = f'in API group "" in the namespace "{space.name}"'
    assert found["message"] == f'configmaps is forbidden: {who} cannot list resource "configmaps" {where}'
    assert found["details"] == {"kind": "configmaps"}
    found = nobody.get("configmaps/settings").refused(403, "Forbidden")
    assert found["message"] == f'configmaps "settings" is forbidden: {who} cannot get resource "configmaps" {where}'
    assert found["details"] == {"name": "settings", "kind": "configmaps"}
    found = nobody.patch("deployments/web", {}).refused(403, "Forbidden")
    where = f'in API group "apps" in the namespace "{space.name}"'
    assert found["message"] == f'deployments.apps "web" is forbidden: {who} cannot patch resource "deployments" {where}'
    assert found["details"] == {"name": "web", "group": "apps", "kind": "deployments"}
    found = nobody.get("/api/v1/nodes").refused(403, "Forbidden")
    where = 'in API group "" at the cluster scope'
    assert found["message"] == f'nodes is forbidden: {who} cannot list resource "nodes" {where}'


@check("Each way of asking has a verb of its own.")
def verbs(space: Space) -> None:
    nobody = space.as_account("nobody")
    asked: dict[str, Reply] = {
        "create": nobody.post("configmaps", config_map("a")),
        "update": nobody.put("configmaps/a", config_map("a")),
        "patch": nobody.patch("configmaps/a", {}),
        "delete": nobody.delete("configmaps/a"),
        "deletecollection": nobody.delete("configmaps"),
        "watch": nobody.get("configmaps", watch="1"),
        "list": nobody.get("configmaps"),
        "get": nobody.get("configmaps/a"),
    }
    for verb, reply in asked.items():
        assert f'cannot {verb} resource "configmaps"' in reply.refused(403, "Forbidden")["message"]
    found = nobody.get("pods/a/log").refused(403, "Forbidden")
    assert f'pods "a" is forbidden: User "{user(space, "nobody")}" cannot get resource "pods/log"' in found["message"]


@check("A role allows what it says and no more.")
def roles(space: Space) -> None:
    reader = space.as_account("reader", rule("get list", "configmaps"), rule("patch", "deployments/scale", "apps"))
    space.make("configmaps", config_map("a", key="1"))
    assert reader.read("configmaps/a")["data"] == {"key": "1"}
    reader.get("configmaps", limit=1).expect(200)
    reader.delete("configmaps/a").refused(403, "Forbidden")
    reader.get("secrets").refused(403, "Forbidden")
    reader.get("deployments").refused(403, "Forbidden")
    reader.patch("deployments/web/scale", {"spec": {"replicas": 1}}).refused(404, "NotFound")
    reader.get("/api/v1/namespaces/default/configmaps").refused(403, "Forbidden")


@check("A rule for certain names allows just those.")
def roles_for_names(space: Space) -> None:
    for name in ("a", "b"):
        space.make("configmaps", config_map(name))
    reader = space.as_account("reader", rule("get list watch", "configmaps", resourceNames=["a"]))
    reader.get("configmaps/a").expect(200)
    reader.get("configmaps/b").refused(403, "Forbidden")
    reader.get("configmaps").refused(403, "Forbidden")
    found = reader.items("configmaps", fieldSelector="metadata.name=a")
    assert [item["metadata"]["name"] for item in found] == ["a"]


@check("A role that is gone allows nothing any more.")
def roles_that_are_gone(space: Space) -> None:
    reader = space.as_account("reader", rule("list", "configmaps"))
    space.eventually(lambda: reader.get("configmaps").status == 200)
    space.delete("rolebindings/reader").expect(200)
    space.eventually(lambda: reader.get("configmaps").status == 403)


@check("Nobody grants what they do not hold.")
def escalation(space: Space) -> None:
    author = space.as_account("author", rule("create", "roles rolebindings", "rbac.authorization.k8s.io"), rule("get", "pods"))
    author.post("roles", {"metadata": {"name": "mild"}, "rules": [rule("get", "pods")]}).expect(201)
    found = author.post("roles", {"metadata": {"name": "strong"}, "rules": [rule("get", "secrets")]}).refused(403, "Forbidden")
    assert found["message"].startswith(f'roles.rbac.authorization.k8s.io "strong" is forbidden: user "{user(space, "author")}" ')
    assert "is attempting to grant RBAC permissions not currently held:\n" in found["message"]
    assert '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}' in found["message"]
    space.make("roles", {"metadata": {"name": "strong"}, "rules": [rule("get", "secrets")]})
    body = binding("strong", space.name)
    assert "not currently held" in author.post("rolebindings", body).refused(403, "Forbidden")["message"]


@check("A binding's role does not change.")
def a_bindings_role(space: Space) -> None:
    space.make("rolebindings", binding("a", space.name))
    found = space.patch("rolebindings/a", {"roleRef": {"name": "other"}}).refused(422, "Invalid")
    assert found["message"].endswith(": cannot change roleRef")


@check("One may ask beforehand what one may do, and is told why.")
def self_access_review(space: Space) -> None:
    reader = space.as_account("reader", rule("get", "configmaps"), rule("patch", "deployments", "apps"))
    allowed = self_review(reader, verb="get", resource="configmaps")
    assert allowed["allowed"] is True
    told = f'RBAC: allowed by RoleBinding "reader/{space.name}" of Role "reader" to ServiceAccount "reader/{space.name}"'
    assert allowed["reason"] == told
    assert self_review(reader, verb="patch", resource="deployments", group="apps", name="web")["allowed"] is True
    refused = self_review(reader, verb="delete", resource="configmaps")
    assert refused["allowed"] is False
    assert self_review(reader, verb="get", resource="configmaps", subresource="status")["allowed"] is False
    assert self_review(space, verb="*", resource="*", group="*")["allowed"] is True


@check("Whoever may ask for others learns what they may.")
def access_review_of_others(space: Space) -> None:
    space.as_account("reader", rule("get", "configmaps"))
    spec: Json = {"user": user(space, "reader"), "groups": ["system:authenticated"]}
    for verb, expected in (("get", True), ("delete", False)):
        spec["resourceAttributes"] = {"namespace": space.name, "verb": verb, "resource": "configmaps"}
        body = {"kind": "SubjectAccessReview", "spec": spec}
        assert space.post(f"{REVIEWS}/subjectaccessreviews", body).expect(201)["status"]["allowed"] is expected
        body = {"kind": "LocalSubjectAccessReview", "metadata": {"namespace": space.name}, "spec": spec}
        assert space.post("localsubjectaccessreviews", body).expect(201)["status"]["allowed"] is expected


@check("One may ask for all rules that hold for oneself in a namespace.")
def self_rules_review(space: Space) -> None:
    reader = space.as_account("reader", rule("get", "configmaps", resourceNames=["a"]))
    body = {"kind": "SelfSubjectRulesReview", "spec": {"namespace": space.name}}
    status = reader.post(f"{REVIEWS}/selfsubjectrulesreviews", body).expect(201)["status"]
    assert rule("get", "configmaps", resourceNames=["a"]) in status["resourceRules"]
    assert any("/healthz" in item["nonResourceURLs"] for item in status["nonResourceRules"])
    assert status["incomplete"] is False


@check("A token says whose it is, and ends with its account.")
def tokens(space: Space) -> None:
    account = space.as_account("someone")
    token = account.http.headers["Authorization"].removeprefix("Bearer ")
    body = {"kind": "TokenReview", "spec": {"token": token}}
    status = space.post("/apis/authentication.k8s.io/v1/tokenreviews", body).expect(201)["status"]
    assert status["authenticated"] is True
    assert status["user"]["username"] == user(space, "someone")
    groups = {"system:serviceaccounts", f"system:serviceaccounts:{space.name}", "system:authenticated"}
    assert set(status["user"]["groups"]) == groups
    body = {"kind": "SelfSubjectReview"}
    found = account.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", body).expect(201)
    assert found["status"]["userInfo"]["username"] == user(space, "someone")
    space.delete("serviceaccounts/someone").expect(200)
    space.eventually(lambda: account.get("configmaps").status == 401)


@check("A token lives for ten minutes at least.")
def short_tokens(space: Space) -> None:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 60}}
    found = space.post("serviceaccounts/default/token", body).refused(422, "Invalid")
    assert "spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes" in found["message"]


@check("The administrator may act as somebody else, and is then held to their roles.")
def impersonation(space: Space) -> None:
    space.as_account("reader", rule("get", "configmaps"))
    space.make("configmaps", config_map("a"))
    headers = {"Impersonate-User": user(space, "reader"), "Accept": "application/json"}
    assert space.http.request("GET", space.at("configmaps/a"), headers=headers).status == 200
    found = space.http.request("DELETE", space.at("configmaps/a"), headers=headers).refused(403, "Forbidden")
    assert f'User "{user(space, "reader")}" cannot delete resource "configmaps"' in found["message"]
    reader = space.as_account("other")
    reply = reader.http.request("GET", space.at("configmaps/a"), headers={"Impersonate-User": "ada"})
    assert "cannot impersonate" in reply.refused(403, "Forbidden")["message"]


@check("To apply what is not there takes the right to create besides the right to patch.")
def apply_needs_create(space: Space) -> None:
    patcher = space.as_account("patcher", rule("patch get", "configmaps"))
    found = patcher.apply("configmaps/a", config_map("a")).refused(403, "Forbidden")
    assert 'cannot create resource "configmaps"' in found["message"]
    space.make("configmaps", config_map("a", key="1"))
    patcher.apply("configmaps/a", {**config_map("a"), "data": {"more": "2"}}).expect(200)


@check("A right to evict is apart from the right to delete.")
def evicting_is_a_right(space: Space) -> None:
    space.make("pods", unplaced("a"))
    evictor = space.as_account("evictor", rule("create", "pods/eviction"))
    evictor.delete("pods/a").refused(403, "Forbidden")
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a", "namespace": space.name}}
    evictor.post("pods/a/eviction", body).expect(201)
    space.gone("pods/a")
