from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from gameday.staging.errors import AlreadyExists, Conflict, Expired, Invalid, NotFound
from gameday.staging.resources import CONFIG_MAPS, DEPLOYMENTS, LEASES, NODES, PODS
from gameday.staging.store import Event, Store


def config_map(name: str = "a", **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop"}, "data": data}


def running_pod(store: Store, **metadata: Any) -> dict[str, Any]:
    spec = {"nodeName": "n", "terminationGracePeriodSeconds": 5, "containers": [{"name": "a", "image": "b"}]}
    return store.create(PODS, {"metadata": {"name": "a", "namespace": "shop", **metadata}, "spec": spec})


def test_a_created_object_has_what_the_server_owns() -> None:
    store = Store(now=lambda: datetime(2026, 5, 1, 12, tzinfo=UTC))
    made = store.create(DEPLOYMENTS, {"metadata": {"name": "a", "namespace": "shop", "uid": "mine"}, "spec": {}})
    assert made["apiVersion"] == "apps/v1"
    assert made["kind"] == "Deployment"
    assert made["metadata"]["uid"] != "mine"
    assert made["metadata"]["creationTimestamp"] == "2026-05-01T12:00:00Z"
    assert made["metadata"]["generation"] == 1
    assert made["metadata"]["resourceVersion"] == str(store.revision)


def test_a_name_is_taken_once_in_a_namespace() -> None:
    store = Store()
    store.create(CONFIG_MAPS, config_map())
    with pytest.raises(AlreadyExists, match='configmaps "a" already exists'):
        store.create(CONFIG_MAPS, config_map())
    store.create(CONFIG_MAPS, {"metadata": {"name": "a", "namespace": "other"}})


def test_generate_name_makes_different_names() -> None:
    store = Store()
    names = {store.create(CONFIG_MAPS, {"metadata": {"generateName": "a-"}})["metadata"]["name"] for _ in range(50)}
    assert len(names) == 50
    assert all(name.startswith("a-") and len(name) == 7 for name in names)


def test_a_generated_name_that_is_taken_is_drawn_again_and_at_last_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["aaaaa", "aaaaa", "bbbbb"])
    monkeypatch.setattr("gameday.staging.store._random_suffix", lambda: next(drawn, "aaaaa"))
    store = Store()
    assert [store.create(CONFIG_MAPS, {"metadata": {"generateName": "a-"}})["metadata"]["name"] for _ in range(2)] == [
        "a-aaaaa",
        "a-bbbbb",
    ]
    with pytest.raises(AlreadyExists):
        store.create(CONFIG_MAPS, {"metadata": {"generateName": "a-"}})


def test_what_goes_in_and_out_is_a_copy() -> None:
    store, mine = Store(), config_map(x="1")
    made = store.create(CONFIG_MAPS, mine)
    mine["data"]["x"] = made["data"]["x"] = "changed"
    read = store.get(CONFIG_MAPS, "shop", "a")
    read["data"]["x"] = "changed"
    store.list(CONFIG_MAPS)[0][0]["data"]["x"] = "changed"
    assert store.get(CONFIG_MAPS, "shop", "a")["data"]["x"] == "1"


def test_what_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound, match=r'deployments\.apps "a" not found'):
        Store().get(DEPLOYMENTS, "shop", "a")


def test_an_old_version_loses_and_none_wins() -> None:
    store = Store()
    old = store.create(CONFIG_MAPS, config_map(x="1"))
    store.update(CONFIG_MAPS, {**old, "data": {"x": "2"}})
    with pytest.raises(Conflict, match="the object has been modified"):
        store.update(CONFIG_MAPS, {**old, "data": {"x": "3"}})
    assert store.update(CONFIG_MAPS, config_map(x="4"))["data"]["x"] == "4"


def test_a_write_that_changes_nothing_makes_no_revision() -> None:
    store = Store()
    made = store.create(CONFIG_MAPS, config_map(x="1"))
    before = store.revision
    assert store.update(CONFIG_MAPS, made) == made
    assert store.revision == before


def test_generation_counts_specs_only() -> None:
    store = Store()
    made = store.create(DEPLOYMENTS, {"metadata": {"name": "a"}, "spec": {}})
    made["metadata"]["labels"] = {"a": "b"}
    labelled = store.update(DEPLOYMENTS, made)
    assert labelled["metadata"]["generation"] == 1
    labelled["spec"]["replicas"] = 7
    assert store.update(DEPLOYMENTS, labelled)["metadata"]["generation"] == 2


def test_status_and_spec_are_written_apart() -> None:
    store = Store()
    made = store.create(DEPLOYMENTS, {"metadata": {"name": "a"}, "spec": {"replicas": 1}})
    made["spec"]["replicas"], made["status"] = 9, {"replicas": 1}
    after_status = store.update(DEPLOYMENTS, made, subresource="status")
    assert (after_status["spec"]["replicas"], after_status["status"]) == (1, {"replicas": 1})
    after_status["spec"]["replicas"], after_status["status"] = 3, {"replicas": 99}
    after_main = store.update(DEPLOYMENTS, after_status)
    assert (after_main["spec"]["replicas"], after_main["status"]) == (3, {"replicas": 1})


def test_a_kind_without_status_is_written_whole() -> None:
    store = Store()
    store.create(LEASES, {"metadata": {"name": "a"}, "spec": {"holderIdentity": "x"}})
    written = store.update(LEASES, {"metadata": {"name": "a"}, "spec": {"holderIdentity": "y"}})
    assert written["spec"]["holderIdentity"] == "y"


def test_what_the_server_owns_cannot_be_written() -> None:
    store = Store()
    made = store.create(CONFIG_MAPS, config_map())
    forged = {"name": "a", "namespace": "shop", "creationTimestamp": "x", "deletionTimestamp": "y"}
    written = store.update(CONFIG_MAPS, {"metadata": forged, "data": {}})
    assert written["metadata"] == made["metadata"]


def test_a_foreign_uid_is_a_conflict() -> None:
    store = Store()
    store.create(CONFIG_MAPS, config_map())
    with pytest.raises(Conflict, match="UID in precondition: other"):
        store.update(CONFIG_MAPS, {"metadata": {"name": "a", "namespace": "shop", "uid": "other"}})
    with pytest.raises(Conflict, match="the UID in the precondition \\(other\\) does not match"):
        store.delete(CONFIG_MAPS, "shop", "a", uid="other")


def test_a_finalizer_holds_a_deleted_object_until_it_is_taken_off() -> None:
    store = Store()
    store.create(CONFIG_MAPS, {"metadata": {"name": "a", "namespace": "shop", "finalizers": ["x/y"]}})
    deleted = store.delete(CONFIG_MAPS, "shop", "a")
    assert "deletionTimestamp" in deleted["metadata"]
    with pytest.raises(Invalid, match="no new finalizers"):
        store.update(CONFIG_MAPS, {"metadata": {"name": "a", "namespace": "shop", "finalizers": ["x/y", "z/z"]}})
    store.update(CONFIG_MAPS, {"metadata": {"name": "a", "namespace": "shop"}})
    with pytest.raises(NotFound):
        store.get(CONFIG_MAPS, "shop", "a")


def test_who_names_an_owner_is_found_by_its_uid_as_long_as_they_name_it() -> None:
    def owned_by(*uids: str) -> list[dict[str, str]]:
        return [{"apiVersion": "v1", "kind": "Pod", "name": uid, "uid": uid} for uid in uids]

    store = Store()
    first = config_map(name="first")
    first["metadata"]["ownerReferences"] = owned_by("one", "two")
    second = config_map(name="second")
    second["metadata"]["ownerReferences"] = owned_by("two")
    kept = store.create(CONFIG_MAPS, first)
    store.create(CONFIG_MAPS, second)

    def names(uid: str) -> list[str]:
        return [item.body["metadata"]["name"] for _, item in store.owned_by(uid)]

    assert (names("one"), names("two"), names("three")) == (["first"], ["first", "second"], [])
    kept["metadata"]["ownerReferences"] = owned_by("two", "three")
    store.update(CONFIG_MAPS, kept)
    assert (names("one"), names("two"), names("three")) == ([], ["first", "second"], ["first"])
    store.delete(CONFIG_MAPS, "shop", "first")
    assert (names("one"), names("two"), names("three")) == ([], ["second"], [])
    again = Store()
    again.restore([(CONFIG_MAPS, store.get(CONFIG_MAPS, "shop", "second"))], store.revision)
    assert [item.body["metadata"]["name"] for _, item in again.owned_by("two")] == ["second"]


def test_foreground_deletion_waits_for_the_garbage_collector() -> None:
    store = Store()
    store.create(CONFIG_MAPS, config_map())
    deleted = store.delete(CONFIG_MAPS, "shop", "a", propagation="Foreground")
    assert deleted["metadata"]["finalizers"] == ["foregroundDeletion"]


def test_a_pod_on_a_node_takes_its_grace_and_then_the_node_removes_it() -> None:
    store = Store(now=lambda: datetime(2026, 5, 1, 12, tzinfo=UTC))
    running_pod(store)
    assert store.delete(PODS, "shop", "a")["metadata"]["deletionTimestamp"] == "2026-05-01T12:00:05Z"
    assert store.delete(PODS, "shop", "a", grace_seconds=60)["metadata"]["deletionGracePeriodSeconds"] == 5
    assert store.delete(PODS, "shop", "a", grace_seconds=2)["metadata"]["deletionGracePeriodSeconds"] == 2
    store.delete(PODS, "shop", "a", grace_seconds=0)
    assert store.list(PODS)[0] == []


def test_a_pod_without_a_node_goes_at_once() -> None:
    store = Store()
    store.create(PODS, {"metadata": {"name": "a"}, "spec": {}})
    store.delete(PODS, "default", "a")
    assert store.list(PODS)[0] == []


def test_a_list_is_in_order_and_selected() -> None:
    store = Store()
    for namespace, name, tier in (("b", "x", "web"), ("a", "z", "web"), ("a", "y", "db")):
        store.create(CONFIG_MAPS, {"metadata": {"name": name, "namespace": namespace, "labels": {"tier": tier}}})

    def names(*where: Any, **how: Any) -> list[str]:
        return [item["metadata"]["name"] for item in store.list(CONFIG_MAPS, *where, **how)[0]]

    assert names() == ["y", "z", "x"]
    assert names("a") == ["y", "z"]
    assert names(labels="tier=web") == ["z", "x"]
    assert names(fields="metadata.name!=z") == ["y", "x"]
    assert store.list(CONFIG_MAPS)[1] == store.revision


def test_hooks_see_every_create_and_every_update_of_the_main_resource() -> None:
    store = Store()
    store.on_create.append(lambda _, obj: {**obj, "data": {"made": "yes"}})
    store.on_update.append(lambda _, old, new: {**new, "data": {"was": str(old["data"])}})
    assert store.create(CONFIG_MAPS, config_map())["data"] == {"made": "yes"}
    assert store.update(CONFIG_MAPS, config_map())["data"] == {"was": "{'made': 'yes'}"}


def test_a_dry_run_stores_nothing() -> None:
    store = Store()
    store.create(CONFIG_MAPS, config_map("a"))
    before = store.revision
    store.create(CONFIG_MAPS, config_map("b"), dry_run=True)
    store.update(CONFIG_MAPS, config_map("a", x="1"), dry_run=True)
    store.delete(CONFIG_MAPS, "shop", "a", dry_run=True)
    assert store.revision == before
    assert [item["metadata"]["name"] for item in store.list(CONFIG_MAPS)[0]] == ["a"]


async def take(store: Store, count: int, **how: Any) -> list[Event]:
    watch = store.watch(how.pop("resource", CONFIG_MAPS), **how)
    taken = [await anext(watch) for _ in range(count)]
    watch.close()
    return taken


async def test_a_watch_replays_what_came_after_its_revision() -> None:
    store = Store()
    store.create(CONFIG_MAPS, config_map("a"))
    since = store.revision
    store.create(CONFIG_MAPS, config_map("b"))
    store.update(CONFIG_MAPS, config_map("b", x="1"))
    store.create(NODES, {"metadata": {"name": "n"}})
    store.delete(CONFIG_MAPS, "shop", "a")
    events = await take(store, 3, since=since)
    seen = [(event.type, event.object["metadata"]["name"]) for event in events]
    assert seen == [("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "a")]
    assert events[-1].object["metadata"]["resourceVersion"] == str(events[-1].revision) == str(store.revision)


async def test_a_watch_of_every_kind_waits_for_what_comes() -> None:
    store = Store()
    store.create(CONFIG_MAPS, config_map("a"))
    waiting = asyncio.create_task(take(store, 1, resource=None))
    await asyncio.sleep(0)
    store.create(NODES, {"metadata": {"name": "n"}})
    assert (await waiting)[0].resource is NODES


async def test_a_watch_from_before_the_history_is_expired() -> None:
    store = Store(history_limit=3)
    for name in "abcde":
        store.create(CONFIG_MAPS, config_map(name))
    with pytest.raises(Expired, match="too old resource version: 1"):
        store.watch(CONFIG_MAPS, since=1)
    assert len(await take(store, 3, since=store.revision - 3)) == 3


async def test_a_watch_that_falls_behind_is_expired() -> None:
    store = Store(history_limit=3)
    watch = store.watch(CONFIG_MAPS)
    for name in "abcde":
        store.create(CONFIG_MAPS, config_map(name))
    with pytest.raises(Expired):
        await anext(watch)


async def test_closing_a_watch_ends_its_reader() -> None:
    store = Store()
    watch = store.watch(CONFIG_MAPS)

    async def read() -> list[Event]:
        return [event async for event in watch]

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    watch.close()
    watch.close()
    assert await reader == []
