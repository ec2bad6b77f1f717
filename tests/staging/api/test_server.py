from __future__ import annotations

import base64
import stat
from typing import Any

import pytest
import yaml
from kubernetes import client, dynamic

from gameday.staging.resources import RESOURCES


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_without_a_known_token_nobody_comes_in(cluster: Any, token: str | None) -> None:
    for path in ("/api/v1/pods", "/api", "/version", "/nowhere"):
        reply = cluster.request("GET", path, token=token)
        assert (reply.status, reply.body["reason"]) == (401, "Unauthorized")


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
def test_health_is_everybodys(cluster: Any, path: str) -> None:
    reply = cluster.request("GET", path, token=None)
    assert (reply.status, reply.content) == (200, b"ok")


def test_the_kubeconfig_is_its_owners_and_complete(cluster: Any) -> None:
    assert stat.S_IMODE(cluster.kubeconfig.stat().st_mode) == 0o600
    written = yaml.safe_load(cluster.kubeconfig.read_text())
    authority = base64.b64decode(written["clusters"][0]["cluster"]["certificate-authority-data"])
    assert authority.startswith(b"-----BEGIN CERTIFICATE-----")
    assert written["current-context"] == "gameday-embedded"


def test_the_kubeconfig_is_replaced_whole(cluster: Any) -> None:
    cluster.kubeconfig.chmod(0o644)
    cluster.server.write_kubeconfig(cluster.kubeconfig, context="other")
    assert stat.S_IMODE(cluster.kubeconfig.stat().st_mode) == 0o600
    assert yaml.safe_load(cluster.kubeconfig.read_text())["current-context"] == "other"
    assert len(list(cluster.kubeconfig.parent.iterdir())) == 1


def test_the_version_says_what_this_is(api: Any) -> None:
    assert client.VersionApi(api).get_code().git_version.endswith("+gameday")


@pytest.mark.parametrize("path", ["/nowhere", "/apis/nowhere/v1", "/api/v1/gadgets", "/apis/apps/v1/namespaces/a/pods"])
def test_an_unknown_path_is_404_in_kubernetes_words(cluster: Any, path: str) -> None:
    reply = cluster.request("GET", path)
    assert reply.status == 404
    assert reply.body["message"] == "the server could not find the requested resource"


@pytest.mark.parametrize(
    "path",
    [
        "/apis/networking.k8s.io/v1/namespaces/a/networkpolicies",
        "/api/v1/namespaces/a/replicationcontrollers",
        "/api/v1/persistentvolumes",
        "/api/v1/watch/pods",
    ],
)
def test_what_kubernetes_has_and_this_cluster_has_not_is_501(cluster: Any, path: str) -> None:
    reply = cluster.request("GET", path)
    assert (reply.status, reply.body["kind"], reply.body["code"]) == (501, "Status", 501)


def test_a_verb_that_a_path_has_not_is_405(cluster: Any) -> None:
    assert cluster.request("PUT", "/api/v1/namespaces/default/pods", {}).status == 405
    assert cluster.request("DELETE", "/api/v1/namespaces").status == 405


def test_discovery_names_every_kind_in_both_forms(cluster: Any) -> None:
    groups = cluster.request("GET", "/apis").body["groups"]
    versions = ["v1", *(group["preferredVersion"]["groupVersion"] for group in groups)]
    old = set()
    for version in versions:
        path = f"/api/{version}" if version == "v1" else f"/apis/{version}"
        document = cluster.request("GET", path).body
        assert document["groupVersion"] == version
        old |= {(version, item["name"]) for item in document["resources"] if "/" not in item["name"]}
    accept = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"}
    new = set()
    for path in ("/api", "/apis"):
        for item in cluster.request("GET", path, headers=accept).body["items"]:
            for version in item["versions"]:
                name = "/".join(filter(None, (item["metadata"].get("name"), version["version"])))
                new |= {(name, resource["resource"]) for resource in version["resources"]}
    assert old == new
    assert {(row.api_version, row.plural) for row in RESOURCES} <= old


def test_the_dynamic_client_finds_its_way(api: Any) -> None:
    dynamic_client = dynamic.DynamicClient(api)
    leases = dynamic_client.resources.get(api_version="coordination.k8s.io/v1", kind="Lease")
    made = leases.create(body={"metadata": {"name": "a"}, "spec": {"holderIdentity": "x"}}, namespace="default")
    assert made.spec.holderIdentity == "x"


def test_a_new_cluster_has_its_namespaces_and_their_accounts(core: Any) -> None:
    names = [item.metadata.name for item in core.list_namespace().items]
    assert names == ["default", "kube-node-lease", "kube-public", "kube-system"]
    accounts = core.list_service_account_for_all_namespaces().items
    assert [item.metadata.namespace for item in accounts] == names
