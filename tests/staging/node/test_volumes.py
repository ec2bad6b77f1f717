"""Volumes as folders, and paths that lead to them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from gameday.staging.node.volumes import Places, VolumeError, make_volumes, mounts_of, remove_volumes, rewrite

MOUNTS = {"/data": "/srv/x", "/data/cache": "/srv/y"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data", "/srv/x"),
        ("/data/orders.db", "/srv/x/orders.db"),
        ("/data/cache/a", "/srv/y/a"),
        ("--file=/data/a", "--file=/srv/x/a"),
        ("/data:/data/b", "/srv/x:/srv/x/b"),
        ("/database", "/database"),
        ("http://host/data", "http://host/data"),
        ("my/data", "my/data"),
    ],
)
def test_a_mount_path_is_rewritten_where_a_path_begins(text: str, expected: str) -> None:
    assert rewrite(text, MOUNTS) == expected


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "pods", tmp_path / "host", tmp_path / "claims")


def _pod(*volumes: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"volumes": list(volumes)}}


def _objects(kind: str, name: str) -> dict[str, Any] | None:
    found: dict[tuple[str, str], dict[str, Any]] = {
        ("ConfigMap", "settings"): {"kind": "ConfigMap", "data": {"a": "1", "b": "2"}},
        ("Secret", "keys"): {"kind": "Secret", "data": {"k": base64.b64encode(b"s").decode()}},
        ("PersistentVolumeClaim", "disk"): {
            "metadata": {"name": "disk", "namespace": "n", "uid": "c"},
            "status": {"phase": "Bound"},
        },
    }
    return found.get((kind, name))


def test_config_maps_and_secrets_become_files(places: Places) -> None:
    volumes = [
        {"name": "settings", "configMap": {"name": "settings", "items": [{"key": "a", "path": "sub/a.txt"}]}},
        {"name": "keys", "secret": {"secretName": "keys", "defaultMode": 0o400}},
    ]
    folders = make_volumes(_pod(*volumes), places, _objects)
    assert (folders["settings"] / "sub" / "a.txt").read_text() == "1"
    assert not (folders["settings"] / "b").exists()
    assert (folders["keys"] / "k").read_bytes() == b"s"
    assert (folders["keys"] / "k").stat().st_mode & 0o777 == 0o400


def test_what_a_volume_refers_to_must_be_there_unless_optional(places: Places) -> None:
    with pytest.raises(VolumeError, match='configmap "none" not found'):
        make_volumes(_pod({"name": "v", "configMap": {"name": "none"}}), places, _objects)
    folders = make_volumes(_pod({"name": "v", "configMap": {"name": "none", "optional": True}}), places, _objects)
    assert list(folders["v"].iterdir()) == []


def test_an_empty_dir_goes_with_its_pod_and_a_claim_stays(places: Places) -> None:
    pod = _pod({"name": "scratch", "emptyDir": {}}, {"name": "disk", "persistentVolumeClaim": {"claimName": "disk"}})
    folders = make_volumes(pod, places, _objects)
    remove_volumes(pod, places)
    assert not folders["scratch"].exists()
    assert folders["disk"].is_dir()


def test_a_host_path_lies_inside_the_clusters_folder(places: Places) -> None:
    folders = make_volumes(_pod({"name": "v", "hostPath": {"path": "/etc"}}), places, _objects)
    assert folders["v"] == places.host / "etc"
    with pytest.raises(VolumeError, match=r"without '\.\.'"):
        make_volumes(_pod({"name": "v", "hostPath": {"path": "/../../etc"}}), places, _objects)


def test_a_volume_of_an_unknown_type_is_named(places: Places) -> None:
    with pytest.raises(VolumeError, match="no volumes of type nfs"):
        make_volumes(_pod({"name": "v", "nfs": {"server": "s"}}), places, _objects)


def test_a_mount_without_its_volume_is_named(tmp_path: Path) -> None:
    container = {"name": "c", "volumeMounts": [{"name": "none", "mountPath": "/x"}]}
    with pytest.raises(VolumeError, match='volume "none" of container "c"'):
        mounts_of(container, {"other": tmp_path})
