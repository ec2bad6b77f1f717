from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from gameday.staging.resources import CONFIG_MAPS, PODS
from gameday.staging.store import Store

Maker = Callable[..., dict[str, Any]]
MAPS = "/api/v1/namespaces/default/configmaps"


def fill(store: Store, count: int) -> None:
    for number in range(count):
        store.create(
            CONFIG_MAPS,
            {"metadata": {"name": f"n{number:05}", "labels": {"even": str(number % 2 == 0)}}},
        )


def test_selectors_choose_on_the_server(core: Any, pod: Maker) -> None:
    for name, tier in (("a", "web"), ("b", "db"), ("c", "web")):
        core.create_namespaced_pod("default", pod(name, tier=tier))

    def names(**how: str) -> list[str]:
        return [item.metadata.name for item in core.list_pod_for_all_namespaces(**how).items]

    assert names(label_selector="tier in (web)") == ["a", "c"]
    assert names(field_selector="metadata.name!=a,status.phase=Pending") == ["b", "c"]
    assert names(label_selector="tier=web", field_selector="spec.nodeName=x") == []


def test_a_field_that_a_kind_is_not_selected_by_is_a_bad_request(core: Any) -> None:
    with pytest.raises(ApiException, match="field label not supported") as caught:
        core.list_namespaced_pod("default", field_selector="spec.color=red")
    assert caught.value.status == 400


def test_pages_are_of_one_snapshot_whatever_is_written_meanwhile(cluster: Any, core: Any) -> None:
    cluster.on_store(lambda store: fill(store, 24))
    page = core.list_namespaced_config_map("default", limit=10)
    revision, names = page.metadata.resource_version, []
    assert page.metadata.remaining_item_count == 15
    while True:
        names += [item.metadata.name for item in page.items]
        if not page.metadata._continue:
            break
        cluster.on_store(lambda store: store.create(CONFIG_MAPS, {"metadata": {"generateName": "new-"}}))
        cluster.on_store(lambda store: store.delete(CONFIG_MAPS, "default", store.list(CONFIG_MAPS)[0][0]["metadata"]["name"]))
        page = core.list_namespaced_config_map("default", limit=10, _continue=page.metadata._continue)
        assert page.metadata.resource_version == revision
    assert names == ["kube-root-ca.crt", *(f"n{number:05}" for number in range(24))]


def test_a_continue_token_for_something_else_is_refused(cluster: Any) -> None:
    cluster.on_store(lambda store: fill(store, 5))
    token = cluster.request("GET", f"{MAPS}?limit=2").body["metadata"]["continue"]
    assert cluster.request("GET", f"{MAPS}?limit=2&continue={token}&labelSelector=a").status == 400
    assert cluster.request("GET", f"{MAPS}?limit=2&continue=nonsense").status == 400


def test_a_token_whose_snapshot_is_gone_is_expired(cluster: Any) -> None:
    cluster.on_store(lambda store: fill(store, 5))
    token = cluster.request("GET", f"{MAPS}?limit=2").body["metadata"]["continue"]
    for _ in range(64):
        cluster.request("GET", f"{MAPS}?limit=2")
    reply = cluster.request("GET", f"{MAPS}?limit=2&continue={token}")
    assert (reply.status, reply.body["reason"]) == (410, "Expired")


def test_a_revision_from_the_future_is_a_timeout_as_in_kubernetes(cluster: Any) -> None:
    reply = cluster.request("GET", f"{MAPS}?resourceVersion=999999")
    assert (reply.status, reply.body["reason"]) == (504, "Timeout")
    assert cluster.request("GET", f"{MAPS}?resourceVersion=1").status == 200
    assert cluster.request("GET", f"{MAPS}?resourceVersion=1&resourceVersionMatch=Exact").status == 410


def test_every_answer_carries_the_servers_date(cluster: Any) -> None:
    for path, token in (("/api/v1/pods", "a-token-of-this-test"), ("/api/v1/nowhere", None), ("/healthz", None)):
        assert cluster.request("GET", path, token=token).headers["Date"].endswith("GMT")


def test_ten_thousand_objects_come_whole_and_in_pages(cluster: Any) -> None:
    cluster.on_store(lambda store: fill(store, 10_000))
    whole = cluster.request("GET", "/api/v1/configmaps?labelSelector=even").body
    assert len(whole["items"]) == 10_000
    names, token = [], ""
    while True:
        page = cluster.request("GET", f"/api/v1/configmaps?labelSelector=even&limit=500&continue={token}").body
        names += [item["metadata"]["name"] for item in page["items"]]
        token = page["metadata"].get("continue", "")
        if not token:
            break
    assert names == [item["metadata"]["name"] for item in whole["items"]]


def test_metadata_alone_is_served_where_it_is_asked_for(cluster: Any) -> None:
    cluster.on_store(lambda store: fill(store, 1))
    accept = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
    body = cluster.request("GET", MAPS, headers=accept).body
    assert body["kind"] == "PartialObjectMetadataList"
    assert body["items"][0].keys() == {"kind", "apiVersion", "metadata"}


def test_a_table_has_the_columns_that_kubectl_prints(cluster: Any) -> None:
    spec = {"nodeName": "n", "containers": [{"name": "a", "image": "b"}]}
    cluster.on_store(lambda store: store.create(PODS, {"metadata": {"name": "a"}, "spec": spec}))
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    body = cluster.request("GET", "/api/v1/pods", headers=accept).body
    shown = [column["name"] for column in body["columnDefinitions"] if column["priority"] == 0]
    assert shown == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert body["rows"][0]["cells"][:4] == ["a", "0/1", "Pending", "0"]
    assert body["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


def test_only_protobuf_is_not_acceptable(cluster: Any) -> None:
    reply = cluster.request("GET", MAPS, headers={"Accept": "application/vnd.kubernetes.protobuf"})
    assert (reply.status, reply.body["reason"]) == (406, "NotAcceptable")
