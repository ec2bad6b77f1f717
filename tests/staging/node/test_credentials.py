from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gameday.staging.access.tokens import Tokens
from gameday.staging.node.credentials import ApiAccess, write_credentials
from gameday.staging.node.volumes import VolumeError
from gameday.staging.resources import PODS, SERVICE_ACCOUNTS
from gameday.staging.store import Store

Object = dict[str, Any]
NAMESPACE = {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}


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


def test_a_pods_token_is_its_own_and_is_renewed_in_time(store: Store, access: ApiAccess, tmp_path: Path) -> None:
    source = {"serviceAccountToken": {"path": "token", "expirationSeconds": 1000}}
    pod = pod_with(store, source, {"downwardAPI": {"items": [NAMESPACE]}})
    assert write_credentials(pod, {"v": tmp_path}, access, store) == 800
    token = (tmp_path / "token").read_text()
    user = access.tokens.user_of_token(token, datetime.now(UTC))
    assert user is not None
    assert ("authentication.kubernetes.io/pod-name", "p") in user.extra
    assert (tmp_path / "namespace").read_text() == "shop"
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    write_credentials(pod, {"v": tmp_path}, access, store)
    assert (tmp_path / "token").read_text() != token
    assert sorted(file.name for file in tmp_path.iterdir()) == ["namespace", "token"]


def test_a_kubeconfig_lies_beside_a_token_for_the_api(store: Store, access: ApiAccess, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("a certificate")
    pod = pod_with(store, {"serviceAccountToken": {"path": "token"}})
    write_credentials(pod, {"v": tmp_path}, access, store)
    written = json.loads((tmp_path / "kubeconfig").read_text())
    assert written["clusters"][0]["cluster"] == {"server": "https://127.9.0.1:6443", "certificate-authority": "ca.crt"}
    assert written["users"][0]["user"] == {"tokenFile": "token"}


def test_a_token_for_somebody_else_comes_without_a_kubeconfig(store: Store, access: ApiAccess, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("a certificate")
    pod = pod_with(store, {"serviceAccountToken": {"path": "token", "audience": "vault"}})
    write_credentials(pod, {"v": tmp_path}, access, store)
    assert not (tmp_path / "kubeconfig").exists()


def test_without_its_account_a_pod_gets_no_token(store: Store, access: ApiAccess, tmp_path: Path) -> None:
    pod = pod_with(store, {"serviceAccountToken": {"path": "token"}})
    store.delete(SERVICE_ACCOUNTS, "shop", "robot")
    with pytest.raises(VolumeError, match='serviceaccounts "robot" not found'):
        write_credentials(pod, {"v": tmp_path}, access, store)


def test_a_file_that_is_no_field_is_refused(store: Store, access: ApiAccess, tmp_path: Path) -> None:
    pod = pod_with(store, {"downwardAPI": {"items": [{"path": "cpu", "resourceFieldRef": {"resource": "limits.cpu"}}]}})
    with pytest.raises(VolumeError, match="no downwardAPI file from resourceFieldRef"):
        write_credentials(pod, {"v": tmp_path}, access, store)
