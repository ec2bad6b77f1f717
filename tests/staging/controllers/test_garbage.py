"""Background, foreground and orphan deletion on a real store, with the real controllers and no node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gameday.staging.addresses import claim_block
from gameday.staging.controllers import install_controllers
from gameday.staging.errors import Invalid, NotFound
from gameday.staging.resources import CONFIG_MAPS, DEPLOYMENTS, NAMESPACES, PODS, REPLICA_SETS, SERVICES
from gameday.staging.store import Store

Object = dict[str, Any]


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store, addresses = Store(), claim_block()
    controllers = install_controllers(store, addresses)
    store.create(NAMESPACES, {"metadata": {"name": "default"}, "spec": {"finalizers": ["kubernetes"]}})
    controllers.start()
    yield store
    await controllers.stop()
    addresses.close()


async def _settle(store: Store) -> None:
    """Let the controllers run until they write no more."""
    revision = -1
    while revision != store.revision:
        revision = store.revision
        for _ in range(20):
            await asyncio.sleep(0)


def _deployment(replicas: int) -> Object:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "python"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "a"}}, "template": template}
    return {"metadata": {"name": "a"}, "spec": spec}


async def test_background_deletion_takes_what_was_owned(store: Store) -> None:
    store.create(DEPLOYMENTS, _deployment(2))
    await _settle(store)
    assert len(store.listed(PODS)) == 2
    store.delete(DEPLOYMENTS, "default", "a", propagation="Background")
    await _settle(store)
    assert (store.listed(REPLICA_SETS), store.listed(PODS)) == ([], [])


async def test_foreground_deletion_keeps_the_owner_until_its_pods_are_gone(store: Store) -> None:
    store.create(DEPLOYMENTS, _deployment(1))
    await _settle(store)
    pod = store.list(PODS)[0][0]
    pod["metadata"]["finalizers"] = ["test/held"]
    pod = store.update(PODS, pod)
    store.delete(DEPLOYMENTS, "default", "a", propagation="Foreground")
    await _settle(store)
    assert store.get(DEPLOYMENTS, "default", "a")["metadata"]["finalizers"] == ["foregroundDeletion"]
    held = store.get(PODS, "default", pod["metadata"]["name"])
    held["metadata"]["finalizers"] = [item for item in held["metadata"]["finalizers"] if item != "test/held"]
    store.update(PODS, held)
    await _settle(store)
    assert (store.listed(DEPLOYMENTS), store.listed(REPLICA_SETS), store.listed(PODS)) == ([], [], [])


async def test_orphan_deletion_leaves_dependents_without_an_owner(store: Store) -> None:
    store.create(DEPLOYMENTS, _deployment(1))
    await _settle(store)
    store.delete(DEPLOYMENTS, "default", "a", propagation="Orphan")
    await _settle(store)
    assert store.listed(DEPLOYMENTS) == []
    assert not store.listed(REPLICA_SETS)[0].body["metadata"].get("ownerReferences")
    assert len(store.listed(PODS)) == 1


async def test_an_object_whose_owner_never_was_is_collected(store: Store) -> None:
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "0000"}
    store.create(CONFIG_MAPS, {"metadata": {"name": "child", "ownerReferences": [reference]}})
    await _settle(store)
    with pytest.raises(NotFound):
        store.get(CONFIG_MAPS, "default", "child")


async def test_an_object_with_a_second_owner_stays_and_forgets_the_first(store: Store) -> None:
    owners = [store.create(CONFIG_MAPS, {"metadata": {"name": name}}) for name in ("one", "two")]
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        for owner in owners
    ]
    store.create(CONFIG_MAPS, {"metadata": {"name": "child", "ownerReferences": references}})
    await _settle(store)
    store.delete(CONFIG_MAPS, "default", "one")
    await _settle(store)
    assert store.get(CONFIG_MAPS, "default", "child")["metadata"]["ownerReferences"] == references[1:]


async def test_services_have_different_addresses_and_keep_them(store: Store) -> None:
    ports = {"ports": [{"port": 8080}]}
    made = [store.create(SERVICES, {"metadata": {"name": name}, "spec": dict(ports)}) for name in ("one", "two")]
    addresses = [service["spec"]["clusterIP"] for service in made]
    assert len(set(addresses)) == 2
    made[0]["spec"]["ports"] = [{"port": 8081}]
    del made[0]["spec"]["clusterIP"]
    assert store.update(SERVICES, made[0])["spec"]["clusterIP"] == addresses[0]


async def test_an_address_outside_the_range_or_taken_is_refused(store: Store) -> None:
    taken = store.create(SERVICES, {"metadata": {"name": "one"}, "spec": {"ports": [{"port": 8080}]}})["spec"]["clusterIP"]
    for address, why in (("10.0.0.1", "not in the valid range"), (taken, "already allocated")):
        with pytest.raises(Invalid, match=why):
            store.create(SERVICES, {"metadata": {"name": "two"}, "spec": {"clusterIP": address, "ports": [{"port": 8080}]}})


async def test_scaling_down_takes_the_pods_that_are_not_ready_first(store: Store) -> None:
    store.create(DEPLOYMENTS, _deployment(3))
    await _settle(store)
    keep = store.list(PODS)[0][1]
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    store.update(PODS, {**keep, "status": {"phase": "Running", "conditions": [ready]}}, subresource="status")
    await _settle(store)
    deployment = store.get(DEPLOYMENTS, "default", "a")
    deployment["spec"]["replicas"] = 1
    store.update(DEPLOYMENTS, deployment)
    await _settle(store)
    assert [item.body["metadata"]["name"] for item in store.listed(PODS)] == [keep["metadata"]["name"]]


async def test_going_back_to_an_earlier_template_uses_its_replica_set_again(store: Store) -> None:
    store.create(DEPLOYMENTS, _deployment(0))
    await _settle(store)
    for image in ("python:2", "python"):
        deployment = store.get(DEPLOYMENTS, "default", "a")
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = image
        deployment["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Always"
        deployment["spec"]["template"]["metadata"]["creationTimestamp"] = None
        store.update(DEPLOYMENTS, deployment)
        await _settle(store)
    revisions = {item.body["metadata"]["annotations"]["deployment.kubernetes.io/revision"] for item in store.listed(REPLICA_SETS)}
    assert revisions == {"2", "3"}
    assert store.get(DEPLOYMENTS, "default", "a")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
