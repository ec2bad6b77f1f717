from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from gameday.staging.errors import Forbidden, NotFound
from gameday.staging.namespaces import NamespaceKeeper, check_namespace
from gameday.staging.resources import CONFIG_MAPS, NAMESPACES, SERVICE_ACCOUNTS
from gameday.staging.store import Store


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store = Store()
    store.on_create.insert(0, partial(check_namespace, store))
    keeper = NamespaceKeeper(store, "a certificate")
    keeper.start()
    await asyncio.sleep(0)
    yield store
    await keeper.stop()


async def test_nothing_is_created_where_there_is_no_namespace_or_it_is_being_deleted(store: Store) -> None:
    store.create(NAMESPACES, {"metadata": {"name": "leaving"}, "spec": {"finalizers": ["kubernetes"]}})
    store.delete(NAMESPACES, None, "leaving")
    with pytest.raises(Forbidden, match="because it is being terminated"):
        store.create(CONFIG_MAPS, {"metadata": {"name": "late", "namespace": "leaving"}})
    with pytest.raises(NotFound, match='namespaces "nowhere" not found'):
        store.create(CONFIG_MAPS, {"metadata": {"name": "a", "namespace": "nowhere"}})


async def test_what_every_namespace_has_comes_back(store: Store) -> None:
    store.delete(SERVICE_ACCOUNTS, "default", "default")
    store.delete(CONFIG_MAPS, "default", "kube-root-ca.crt")
    for _ in range(10):
        await asyncio.sleep(0)
    assert store.get(CONFIG_MAPS, "default", "kube-root-ca.crt")["data"] == {"ca.crt": "a certificate"}
    assert store.get(SERVICE_ACCOUNTS, "default", "default")["metadata"]["uid"]
