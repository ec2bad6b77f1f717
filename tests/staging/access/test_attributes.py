from __future__ import annotations

import pytest

from gameday.staging.access.attributes import Attributes, attributes_of, refusal
from gameday.staging.access.tokens import User

APPS = "/apis/apps/v1/namespaces/shop/deployments"


@pytest.mark.parametrize(
    ("method", "path", "query", "wanted"),
    [
        ("GET", "/api/v1/pods", {}, Attributes("list", "", "pods")),
        ("GET", "/api/v1/pods", {"watch": "1"}, Attributes("watch", "", "pods")),
        ("GET", "/api/v1/pods", {"watch": "false"}, Attributes("list", "", "pods")),
        ("GET", APPS, {"fieldSelector": "metadata.name=web"}, Attributes("list", "apps", "deployments", "", "shop", "web")),
        ("GET", APPS, {"fieldSelector": "metadata.name!=web"}, Attributes("list", "apps", "deployments", "", "shop")),
        ("POST", APPS, {}, Attributes("create", "apps", "deployments", "", "shop")),
        ("DELETE", APPS, {}, Attributes("deletecollection", "apps", "deployments", "", "shop")),
        ("PUT", f"{APPS}/web/scale", {}, Attributes("update", "apps", "deployments", "scale", "shop", "web")),
        ("PATCH", f"{APPS}/web", {}, Attributes("patch", "apps", "deployments", "", "shop", "web")),
        ("GET", "/api/v1/namespaces", {}, Attributes("list", "", "namespaces")),
        ("GET", "/api/v1/namespaces/shop", {}, Attributes("get", "", "namespaces", "", "shop", "shop")),
        ("PUT", "/api/v1/namespaces/shop/finalize", {}, Attributes("update", "", "namespaces", "finalize", "shop", "shop")),
        ("GET", "/apis/apps/v1", {}, Attributes("get", path="/apis/apps/v1")),
        ("GET", "/api/v1", {}, Attributes("get", path="/api/v1")),
        ("POST", "/metrics", {}, Attributes("post", path="/metrics")),
    ],
)
def test_a_request_is_read_as_kubernetes_reads_it(method: str, path: str, query: dict[str, str], wanted: Attributes) -> None:
    assert attributes_of(method, path, query) == wanted


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (
            Attributes("patch", "apps", "gadgets", "", "", "a"),
            'gadgets.apps "a" is forbidden: User "ci" cannot patch resource "gadgets" in API group "apps" at the cluster scope',
        ),
        (
            Attributes("create", "", "pods", "eviction", "shop", "a"),
            'pods "a" is forbidden: User "ci" cannot create resource "pods/eviction" in API group "" in the namespace "shop"',
        ),
        (
            Attributes("list", "", "nodes"),
            'nodes is forbidden: User "ci" cannot list resource "nodes" in API group "" at the cluster scope',
        ),
        (Attributes("get", path="/metrics"), 'forbidden: User "ci" cannot get path "/metrics"'),
    ],
)
def test_a_refusal_is_worded_as_kubernetes_words_it(wanted: Attributes, sentence: str) -> None:
    assert refusal(User("ci", ()), wanted).message == sentence
