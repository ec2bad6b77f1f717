"""What ConfigMaps, Secrets and a pod's fields become in its volumes, and how it changes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from gameday.staging.node.mirroring import File, VolumeError, mirrored, mirrored_objects, write_files
from gameday.staging.node.volumes import mounts_of

Object = dict[str, Any]


def _pod(*volumes: Object) -> Object:
    metadata = {"name": "p", "namespace": "n", "uid": "u", "labels": {"b": "2", "a": 'x"y'}}
    return {"metadata": metadata, "spec": {"volumes": list(volumes)}}


def _objects(kind: str, name: str) -> Object | None:
    found: dict[tuple[str, str], Object] = {
        ("ConfigMap", "settings"): {"kind": "ConfigMap", "data": {"a": "1", "b": "2"}},
        ("Secret", "keys"): {"kind": "Secret", "data": {"k": base64.b64encode(b"s").decode()}},
    }
    return found.get((kind, name))


def test_config_maps_and_secrets_become_files() -> None:
    settings = {"name": "settings", "configMap": {"name": "settings", "items": [{"key": "a", "path": "sub/a.txt"}]}}
    keys = {"name": "keys", "secret": {"secretName": "keys", "defaultMode": 0o400}}
    pod = _pod(settings, keys, {"name": "scratch", "emptyDir": {}})
    assert mirrored(pod, _objects) == {"settings": {"sub/a.txt": File(b"1")}, "keys": {"k": File(b"s", 0o400)}}
    assert mirrored_objects(pod) == {("ConfigMap", "settings"), ("Secret", "keys")}


def test_a_projected_volume_puts_several_together() -> None:
    fields = {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}
    sources = [{"configMap": {"name": "settings"}}, {"secret": {"name": "keys", "items": [{"key": "k", "path": "b"}]}}, fields]
    files = mirrored(_pod({"name": "v", "projected": {"sources": sources, "defaultMode": 0o440}}), _objects)["v"]
    assert {path: file.content for path, file in files.items()} == {"a": b"1", "b": b"s", "labels": b'a="x\\"y"\nb="2"'}
    assert {file.mode for file in files.values()} == {0o440}


def test_what_a_volume_refers_to_must_be_there_unless_optional() -> None:
    with pytest.raises(VolumeError, match='configmap "none" not found'):
        mirrored(_pod({"name": "v", "configMap": {"name": "none"}}), _objects)
    assert mirrored(_pod({"name": "v", "configMap": {"name": "none", "optional": True}}), _objects) == {"v": {}}
    with pytest.raises(VolumeError, match="non-existent config key: x"):
        mirrored(_pod({"name": "v", "configMap": {"name": "settings", "items": [{"key": "x", "path": "x"}]}}), _objects)


def test_a_path_out_of_the_volume_is_refused() -> None:
    volume = {"name": "v", "configMap": {"name": "settings", "items": [{"key": "a", "path": "../a"}]}}
    with pytest.raises(VolumeError, match="a path inside the volume"):
        mirrored(_pod(volume), _objects)


def test_a_file_that_is_no_field_is_refused() -> None:
    items = [{"path": "cpu", "resourceFieldRef": {"resource": "limits.cpu"}}]
    with pytest.raises(VolumeError, match="no downwardAPI file from resourceFieldRef"):
        mirrored(_pod({"name": "v", "downwardAPI": {"items": items}}), _objects)


def test_new_contents_come_at_one_stroke_and_take_the_old_ones_along(tmp_path: Path) -> None:
    write_files(tmp_path, {"a": File(b"1"), "sub/b": File(b"2", 0o400)})
    first = (tmp_path / "..data").readlink()
    assert (tmp_path / "a").readlink() == Path("..data/a")
    assert (tmp_path / "sub" / "b").stat().st_mode & 0o777 == 0o400
    write_files(tmp_path, {"a": File(b"3"), "c": File(b"4")})
    assert (tmp_path / "a").read_bytes() + (tmp_path / "c").read_bytes() == b"34"
    assert sorted(item.name for item in tmp_path.iterdir() if not item.name.startswith("..")) == ["a", "c"]
    assert not (tmp_path / first).exists()
    assert len(list(tmp_path.glob("..2*"))) == 1


def test_a_sub_path_is_a_copy_that_stays(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    write_files(volume, {"a": File(b"1"), "sub/b": File(b"2")})
    mounts = [{"name": "v", "mountPath": "/a", "subPath": "a"}, {"name": "v", "mountPath": "/s/", "subPath": "sub"}]
    container = {"name": "c", "volumeMounts": [*mounts, {"name": "v", "mountPath": "/whole"}]}
    found = mounts_of(container, {"v": volume}, tmp_path / "copies")
    write_files(volume, {"a": File(b"new")})
    assert Path(found["/a"]).read_bytes() + (Path(found["/s"]) / "b").read_bytes() == b"12"
    assert (Path(found["/whole"]) / "a").read_bytes() == b"new"
    assert Path(mounts_of(container, {"v": volume}, tmp_path / "copies")["/a"]).read_bytes() == b"new"
