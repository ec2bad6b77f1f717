"""Volumes as folders, and paths that lead to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gameday.staging.node.mirroring import VolumeError
from gameday.staging.node.volumes import Places, make_volumes, mounts_of, remove_volumes, rewrite

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
        ("PersistentVolumeClaim", "disk"): {
            "metadata": {"name": "disk", "namespace": "n", "uid": "c"},
            "status": {"phase": "Bound"},
        },
    }
    return found.get((kind, name))


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
        mounts_of(container, {"other": tmp_path}, tmp_path)
