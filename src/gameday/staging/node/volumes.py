"""Volumes as folders of this machine, and how a container finds them without a mount.

A process without namespaces of its own cannot have `/data` to itself. So the manifest tells the program its path through an
environment variable or an argument, as it would on any cluster, and the node rewrites a value that begins with a `mountPath`
to the folder behind it: with a mount at `/data`, `DATA_DIR=/data/orders` becomes `DATA_DIR=<folder>/orders`. The same manifest
works unchanged where mounts are real. A path that stands in the program's code, and not in the manifest, is not rewritten.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.staging.node.mirroring import DATA, VolumeError, making
from gameday.staging.node.references import Lookup

Object = dict[str, Any]
_MIRRORED = frozenset({"configMap", "secret", "projected", "downwardAPI"})


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
    """Make the folder of each of the pod's volumes, by name; VolumeError if one cannot be made.

    What stands in those that mirror objects is `mirroring`'s business.
    """
    found = {}
    for volume in pod["spec"].get("volumes", ()):
        with making(volume["name"]):
            found[volume["name"]] = _make_volume(volume, places, places.of_pod(pod), lookup)
    return found


def _make_volume(volume: Object, places: Places, home: Path, lookup: Lookup) -> Path:
    if "hostPath" in volume:
        return _made(places.host / volume["hostPath"]["path"].lstrip("/"))
    if "persistentVolumeClaim" in volume:
        return _claimed(volume["persistentVolumeClaim"]["claimName"], places, lookup)
    folder = _made(home / "volumes" / volume["name"])
    if "emptyDir" in volume:
        return folder
    if not _MIRRORED & volume.keys():
        kind = next((key for key in volume if key != "name"), "nothing")
        raise VolumeError(f'volume "{volume["name"]}": the embedded cluster has no volumes of type {kind}')
    return folder


def _claimed(name: str, places: Places, lookup: Lookup) -> Path:
    claim = lookup("PersistentVolumeClaim", name)
    if claim is None or (claim.get("status") or {}).get("phase") != "Bound":
        raise VolumeError(f'persistentvolumeclaim "{name}" is not bound')
    metadata = claim["metadata"]
    return _made(places.claims / f"{metadata['namespace']}_{name}_{metadata['uid']}")


def _made(folder: Path) -> Path:
    if ".." in folder.parts:
        raise VolumeError(f"expected a path without '..', found {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def mounts_of(container: Object, folders: Mapping[str, Path], copies: Path) -> dict[str, str]:
    """Return the folder behind each mountPath of a container; VolumeError if it mounts a volume the pod has not."""
    mounts = {}
    for index, mount in enumerate(container.get("volumeMounts", ())):
        if mount["name"] not in folders:
            raise VolumeError(f'volume "{mount["name"]}" of container "{container["name"]}" is not among the pod\'s volumes')
        folder, inside = folders[mount["name"]], mount.get("subPath", "")
        if inside and (folder / DATA).is_symlink():
            place = _copied(folder / inside, copies / mount["name"] / container["name"] / str(index))
        else:
            place = folder / inside
        if not place.exists():
            _made(place)
        mounts[mount["mountPath"].rstrip("/")] = str(place)
    return mounts


def _copied(source: Path, target: Path) -> Path:
    """Copy what a subPath means: it stays as it was when the container was started, whatever becomes of the volume."""
    if target.is_dir():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        shutil.copy(source, target)
    return target


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
