from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gameday.staging.access.tokens import Tokens
from gameday.staging.node.credentials import ApiAccess, credentials_of
from gameday.staging.node.mirroring import File, VolumeError
from gameday.staging.resources import PODS, SERVICE_ACCOUNTS
from gameday.staging.store import Store

Object = dict[str, Any]


def pod_with(store: Store, *sources: Object) -> Object:
    volume = {"name": "v", "projected": {"sources": list(sources)}}
    spec = {"serviceAccountName": "robot", "containers": [], "volumes": [volume]}
    return store.create(PODS, {"metadata": {"name": "p", "namespace": "shop"}, "spec": spec})


@pytest.fixture
def store() -> Store:
    store = Store()
    store.create(SERVICE_ACCOUNTS, {"metadata": {"name": "robot", "namespace": "shop"}})
    return store


@pytest.fixture
def access(store: Store) -> ApiAccess:
    return ApiAccess("127.9.0.1", 6443, Tokens(store, "admin"))


def test_a_pods_token_is_its_own_and_is_renewed_in_time(store: Store, access: ApiAccess) -> None:
    pod = pod_with(store, {"serviceAccountToken": {"path": "token", "expirationSeconds": 1000}})
    found = credentials_of(pod, {"v": {}}, access, store)
    assert found.renew_seconds == 800
    token = found.files["v"]["token"]
    user = access.tokens.user_of_token(token.content.decode(), datetime.now(UTC))
    assert user is not None
    assert ("authentication.kubernetes.io/pod-name", "p") in user.extra
    assert token.mode == 0o600
    assert credentials_of(pod, {"v": {}}, access, store).files["v"]["token"] != token


def test_a_kubeconfig_lies_beside_a_token_for_the_api(store: Store, access: ApiAccess) -> None:
    pod = pod_with(store, {"serviceAccountToken": {"path": "token"}})
    found = credentials_of(pod, {"v": {"ca.crt": File(b"a certificate")}}, access, store)
    written = json.loads(found.files["v"]["kubeconfig"].content)
    assert written["clusters"][0]["cluster"] == {"server": "https://127.9.0.1:6443", "certificate-authority": "ca.crt"}
    assert written["users"][0]["user"] == {"tokenFile": "token"}


def test_a_token_for_somebody_else_comes_without_a_kubeconfig(store: Store, access: ApiAccess) -> None:
    pod = pod_with(store, {"serviceAccountToken": {"path": "token", "audience": "vault"}})
    assert list(credentials_of(pod, {"v": {"ca.crt": File(b"a certificate")}}, access, store).files["v"]) == ["token"]


def test_without_its_account_a_pod_gets_no_token(store: Store, access: ApiAccess) -> None:
    pod = pod_with(store, {"serviceAccountToken": {"path": "token"}})
    store.delete(SERVICE_ACCOUNTS, "shop", "robot")
    with pytest.raises(VolumeError, match='serviceaccounts "robot" not found'):
        credentials_of(pod, {"v": {}}, access, store)


def test_a_pod_without_a_token_has_nothing_to_renew(store: Store, access: ApiAccess) -> None:
    found = credentials_of(pod_with(store), {"v": {}}, access, store)
    assert (found.files, found.renew_seconds) == ({}, None)
