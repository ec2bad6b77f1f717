"""Volumes as folders of this machine, and how a container finds them without a mount.

A process without namespaces of its own cannot have `/data` to itself. So the manifest tells the program its path through an
environment variable or an argument, as it would on any cluster, and the node rewrites a value that begins with a `mountPath`
to the folder behind it: with a mount at `/data`, `DATA_DIR=/data/orders` becomes `DATA_DIR=<folder>/orders`. The same manifest
works unchanged where mounts are real. A path that stands in the program's code, and not in the manifest, is not rewritten.
"""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Object = dict[str, Any]
Lookup = Callable[[str, str], Object | None]
"""Find a ConfigMap, Secret or PersistentVolumeClaim (`kind`, `name`) of the pod's namespace."""


class VolumeError(Exception):
    """A volume cannot be made; the text is what the FailedMount event says."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a cluster keeps the folders that stand for volumes."""

    pods: Path
    """One folder a pod, gone with it."""
    host: Path
    """What `hostPath` reaches: one tree, the same for every node, since the host is one machine."""
    claims: Path
    """One folder a PersistentVolumeClaim."""

    def of_pod(self, pod: Object) -> Path:
        """Return the folder of one pod."""
        metadata = pod["metadata"]
        return self.pods / f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"


def make_volumes(pod: Object, places: Places, lookup: Lookup) -> dict[str, Path]:
    """Make the folder of each of the pod's volumes, by name; VolumeError if one cannot be made."""
    return {volume["name"]: _make_volume(volume, places, places.of_pod(pod), lookup) for volume in pod["spec"].get("volumes", ())}


def _make_volume(volume: Object, places: Places, home: Path, lookup: Lookup) -> Path:
    if "hostPath" in volume:
        return _made(places.host / volume["hostPath"]["path"].lstrip("/"))
    if "persistentVolumeClaim" in volume:
        return _claimed(volume["persistentVolumeClaim"]["claimName"], places, lookup)
    folder = _made(home / "volumes" / volume["name"])
    if "emptyDir" in volume:
        return folder
    if "configMap" in volume:
        _write_files(folder, volume["configMap"], lookup, "ConfigMap", volume["configMap"].get("name", ""))
    elif "secret" in volume:
        _write_files(folder, volume["secret"], lookup, "Secret", volume["secret"].get("secretName", ""))
    elif "projected" in volume:
        for source in volume["projected"].get("sources", ()):
            _project(folder, source, lookup)
    else:
        kind = next((key for key in volume if key != "name"), "nothing")
        raise VolumeError(f'volume "{volume["name"]}": the embedded cluster has no volumes of type {kind}')
    return folder


def _claimed(name: str, places: Places, lookup: Lookup) -> Path:
    claim = lookup("PersistentVolumeClaim", name)
    if claim is None or (claim.get("status") or {}).get("phase") != "Bound":
        raise VolumeError(f'persistentvolumeclaim "{name}" is not bound')
    metadata = claim["metadata"]
    return _made(places.claims / f"{metadata['namespace']}_{name}_{metadata['uid']}")


def _project(folder: Path, source: Object, lookup: Lookup) -> None:
    """Write what is of ConfigMaps and Secrets; tokens and the pod's own fields are written in `credentials.py`."""
    for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
        if field in source:
            _write_files(folder, source[field], lookup, kind, source[field].get("name", ""))


def _made(folder: Path) -> Path:
    if ".." in folder.parts:
        raise VolumeError(f"expected a path without '..', found {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_files(folder: Path, source: Object, lookup: Lookup, kind: str, name: str) -> None:
    found = lookup(kind, name)
    if found is None:
        if source.get("optional"):
            return
        raise VolumeError(f'{kind.lower()} "{name}" not found')
    contents = contents_of(found)
    items = source.get("items") or [{"key": key, "path": key} for key in contents]
    for item in items:
        if item["key"] not in contents:
            raise VolumeError(f"{kind.lower()} references non-existent config key: {item['key']}")
        target = folder / item["path"]
        _made(target.parent)
        target.write_bytes(contents[item["key"]])
        target.chmod(item.get("mode") or source.get("defaultMode") or 0o644)


def contents_of(found: Object) -> dict[str, bytes]:
    """Return the data of a ConfigMap or a Secret as bytes."""
    if found.get("kind") == "Secret":
        return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    plain = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    return plain | {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}


def mounts_of(container: Object, folders: Mapping[str, Path]) -> dict[str, str]:
    """Return the folder behind each mountPath of a container; VolumeError if it mounts a volume the pod has not."""
    mounts = {}
    for mount in container.get("volumeMounts", ()):
        if mount["name"] not in folders:
            raise VolumeError(f'volume "{mount["name"]}" of container "{container["name"]}" is not among the pod\'s volumes')
        folder = folders[mount["name"]] / mount.get("subPath", "")
        if not folder.exists():
            _made(folder)
        mounts[mount["mountPath"].rstrip("/")] = str(folder)
    return mounts


def rewrite(text: str, mounts: Mapping[str, str]) -> str:
    """Put the folder in the place of a mountPath that `text` begins with, or that follows `=`, `:` or `,` in it."""
    for path in sorted(filter(None, mounts), key=len, reverse=True):
        pattern = rf"(^|[=:,]){re.escape(path)}(?=$|[/:,])"
        rewritten = re.sub(pattern, lambda match, folder=mounts[path]: match[1] + folder, text)  # type: ignore[misc]
        if rewritten != text:
            return rewritten
    return text


def remove_volumes(pod: Object, places: Places) -> None:
    """Remove what belonged to the pod alone."""
    shutil.rmtree(places.of_pod(pod), ignore_errors=True)
