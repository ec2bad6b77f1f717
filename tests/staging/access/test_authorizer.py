from __future__ import annotations

from typing import Any

import pytest

from gameday.staging.access.attributes import Attributes
from gameday.staging.access.authorizer import Authorizer
from gameday.staging.access.rules import Rule, not_covered
from gameday.staging.access.tokens import User, account_groups, account_user
from gameday.staging.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES
from gameday.staging.store import Store

CI = User(account_user("shop", "ci"), account_groups("shop"))
ACCOUNT = {"kind": "ServiceAccount", "name": "ci", "namespace": "shop"}


def rule(**fields: Any) -> Rule:
    return Rule.of({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], **fields})


@pytest.mark.parametrize(
    ("written", "wanted", "allowed"),
    [
        ({}, Attributes("get", "", "pods"), True),
        ({}, Attributes("list", "", "pods"), False),
        ({}, Attributes("get", "apps", "pods"), False),
        ({"apiGroups": ["*"]}, Attributes("get", "apps", "pods"), True),
        ({}, Attributes("get", "", "pods", "log"), False),
        ({"resources": ["pods/log"]}, Attributes("get", "", "pods", "log"), True),
        ({"resources": ["pods/log"]}, Attributes("get", "", "pods"), False),
        ({"resources": ["*/scale"]}, Attributes("get", "", "pods", "scale"), True),
        ({"resources": ["*/scale"]}, Attributes("get", "", "pods"), False),
        ({"resources": ["*"]}, Attributes("get", "", "pods", "log"), True),
        ({"verbs": ["*"]}, Attributes("deletecollection", "", "pods"), True),
        ({"resourceNames": ["a"]}, Attributes("get", "", "pods", name="a"), True),
        ({"resourceNames": ["a"]}, Attributes("get", "", "pods", name="b"), False),
        ({"resourceNames": ["a"]}, Attributes("get", "", "pods"), False),
        ({"nonResourceURLs": ["/metrics"]}, Attributes("get", path="/metrics"), True),
        ({"nonResourceURLs": ["/apis/*"]}, Attributes("get", path="/apis/apps"), True),
        ({"nonResourceURLs": ["/apis/*"]}, Attributes("get", path="/api"), False),
        ({"resources": ["*"]}, Attributes("get", path="/metrics"), False),
    ],
)
def test_a_rule_allows_what_it_names_and_nothing_else(written: dict[str, Any], wanted: Attributes, allowed: bool) -> None:  # noqa: FBT001
    assert rule(**written).allows(wanted) == allowed


def test_a_rule_is_taken_apart_to_see_what_another_does_not_cover() -> None:
    asked = rule(verbs=["get", "delete"], resources=["pods", "pods/log"])
    missing = not_covered([asked], [rule(verbs=["*"], resources=["pods"]), rule(resources=["*/log"])])
    assert list(map(str, missing)) == ['{APIGroups:[""], Resources:["pods/log"], Verbs:["delete"]}']
    assert not_covered([rule(resourceNames=["a"])], [rule(resourceNames=["a", "b"])]) == []
    assert not_covered([rule()], [rule(resourceNames=["a"])]) != []


def bind(store: Store, name: str, role: str, subject: dict[str, Any], *, namespace: str | None = None) -> None:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    kind, _, named = role.partition("/")
    body = {"metadata": metadata, "roleRef": {"kind": kind, "name": named}, "subjects": [subject]}
    store.create(ROLE_BINDINGS if namespace else CLUSTER_ROLE_BINDINGS, body)


def test_a_role_holds_in_its_namespace_and_says_which_binding_gave_it() -> None:
    store = Store()
    authorizer, wanted = Authorizer(store), Attributes("get", "", "pods", "", "shop", "a")
    assert not authorizer.decide(CI, wanted).allowed
    rules = [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]
    store.create(ROLES, {"metadata": {"name": "reader", "namespace": "shop"}, "rules": rules})
    bind(store, "readers", "Role/reader", ACCOUNT, namespace="shop")
    decision = authorizer.decide(CI, wanted)
    assert decision.reason == 'RBAC: allowed by RoleBinding "readers/shop" of Role "reader" to ServiceAccount "ci/shop"'
    assert not authorizer.decide(CI, Attributes("get", "", "pods", "", "bank", "a")).allowed
    store.delete(ROLE_BINDINGS, "shop", "readers")
    assert not authorizer.decide(CI, wanted).allowed


def test_a_cluster_role_holds_everywhere_or_in_the_namespace_of_its_binding() -> None:
    store = Store()
    authorizer = Authorizer(store)
    store.create(CLUSTER_ROLES, {"metadata": {"name": "r"}, "rules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]})
    bind(store, "a", "ClusterRole/r", {"kind": "Group", "name": "system:serviceaccounts:shop"}, namespace="bank")
    inside, outside, nodes = (Attributes("list", "", "pods", "", place) for place in ("bank", "shop", ""))
    assert [authorizer.decide(CI, wish).allowed for wish in (inside, outside, nodes)] == [True, False, False]
    bind(store, "b", "ClusterRole/r", {"kind": "User", "name": CI.name})
    assert [authorizer.decide(CI, wish).allowed for wish in (inside, outside, nodes)] == [True, True, True]


def test_a_binding_to_nothing_is_named_in_the_refusal() -> None:
    store = Store()
    bind(store, "a", "ClusterRole/gone", ACCOUNT)
    decision = Authorizer(store).decide(CI, Attributes("get", "", "pods"))
    assert decision.reason == 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found'
