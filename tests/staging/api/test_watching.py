from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from kubernetes import watch
from kubernetes.client.exceptions import ApiException

from gameday.staging.resources import CONFIG_MAPS
from gameday.staging.store import Store

Maker = Callable[..., dict[str, Any]]
MAPS = "/api/v1/namespaces/default/configmaps"


def lines(reply: Any) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in reply.content.splitlines()]


def seen(reply: Any) -> list[tuple[str, str]]:
    return [(line["type"], line["object"]["metadata"].get("name", "")) for line in lines(reply)]


def make(store: Store, name: str, **labels: str) -> None:
    store.create(CONFIG_MAPS, {"metadata": {"name": name, "labels": labels}})


def relabel(store: Store, name: str, **labels: str) -> None:
    obj = store.get(CONFIG_MAPS, "default", name)
    obj["metadata"]["labels"] = labels
    store.update(CONFIG_MAPS, obj)


def test_the_clients_watch_sees_what_exists_and_then_what_happens(core: Any, pod: Maker) -> None:
    core.create_namespaced_pod("default", pod("a"))
    types, stream = [], watch.Watch()
    for event in stream.stream(core.list_namespaced_pod, "default", timeout_seconds=10):
        types.append((event["type"], event["object"].metadata.name))
        if len(types) == 1:
            core.patch_namespaced_pod("a", "default", {"metadata": {"labels": {"x": "y"}}})
        elif len(types) == 2:
            core.delete_namespaced_pod("a", "default")
        else:
            stream.stop()
    assert types == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


def test_a_watch_from_a_revision_has_only_what_came_after(cluster: Any) -> None:
    cluster.on_store(lambda store: make(store, "a"))
    since = cluster.request("GET", MAPS).body["metadata"]["resourceVersion"]
    cluster.on_store(lambda store: make(store, "b"))
    reply = cluster.request("GET", f"{MAPS}?watch=1&resourceVersion={since}&timeoutSeconds=1")
    assert seen(reply) == [("ADDED", "b")]


def test_an_object_enters_and_leaves_what_is_selected(cluster: Any) -> None:
    since = cluster.request("GET", MAPS).body["metadata"]["resourceVersion"]
    cluster.on_store(lambda store: make(store, "a", tier="db"))
    cluster.on_store(lambda store: relabel(store, "a", tier="web"))
    cluster.on_store(lambda store: relabel(store, "a", tier="web", more="x"))
    cluster.on_store(lambda store: relabel(store, "a", tier="db"))
    cluster.on_store(lambda store: store.delete(CONFIG_MAPS, "default", "a"))
    query = f"watch=1&resourceVersion={since}&timeoutSeconds=1&labelSelector=tier%3Dweb"
    types = [event for event, _ in seen(cluster.request("GET", f"{MAPS}?{query}"))]
    assert types == ["ADDED", "MODIFIED", "DELETED"]


def test_a_revision_that_is_forgotten_is_410(cluster: Any, core: Any) -> None:
    def fill(store: Store) -> None:
        for number in range(20_050):
            make(store, f"n{number}")

    cluster.on_store(fill)
    with pytest.raises(ApiException, match="too old resource version") as caught:
        next(iter(watch.Watch().stream(core.list_namespaced_config_map, "default", resource_version="1")))
    assert caught.value.status == 410


def test_bookmarks_come_where_they_are_allowed(cluster: Any) -> None:
    since = cluster.request("GET", MAPS).body["metadata"]["resourceVersion"]
    query = f"watch=1&timeoutSeconds=1&resourceVersion={since}"
    assert seen(cluster.request("GET", f"{MAPS}?{query}")) == []
    bookmarked = lines(cluster.request("GET", f"{MAPS}?{query}&allowWatchBookmarks=true"))
    assert [line["type"] for line in bookmarked] == ["BOOKMARK"]
    assert bookmarked[0]["object"]["metadata"]["resourceVersion"] == since


def test_initial_events_end_with_a_bookmark_that_says_so(cluster: Any) -> None:
    cluster.on_store(lambda store: make(store, "a"))
    query = "watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&fieldSelector=metadata.name=a"
    got = lines(cluster.request("GET", f"{MAPS}?{query}&allowWatchBookmarks=true"))
    assert [line["type"] for line in got] == ["ADDED", "BOOKMARK", "BOOKMARK"]
    assert got[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert cluster.request("GET", f"{MAPS}?{query}").status == 400


def test_stopping_the_server_ends_its_watches(cluster: Any) -> None:
    import asyncio  # noqa: PLC0415 - only here is the loop touched
    import threading  # noqa: PLC0415 - the same

    replies: list[Any] = []
    path = f"{MAPS}?watch=1&resourceVersion=2"
    reader = threading.Thread(target=lambda: replies.append(cluster.request("GET", path)))
    reader.start()
    while not cluster.server._backend.watches:
        pass
    asyncio.run_coroutine_threadsafe(cluster.server.stop(), cluster.loop).result(60)
    reader.join(60)
    assert replies[0].status == 200
