"""Volumes that mirror objects: what ConfigMaps, Secrets and the pod's own fields say, as files that change all at once.

As a kubelet does it: the files lie in a folder named after the time, `..data` is a link to it, and each file of the volume is a
link through `..data`. New contents are a new folder and one renamed link: a program sees all of the old or all of the new.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gameday.staging.node.references import Lookup, UnresolvedError, contents_of, field_value

Object = dict[str, Any]
DATA: Final = "..data"
_DEFAULT_MODE: Final = 0o644
_KINDS: Final = (("configMap", "ConfigMap"), ("secret", "Secret"))


class VolumeError(Exception):
    """A volume cannot be made."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.volume = ""
        """The volume's name, once it is known."""

    def told(self) -> str:
        """Return what the FailedMount event says, in Kubernetes' words."""
        return (
            f'MountVolume.SetUp failed for volume "{self.volume}" : {self}'
            if self.volume
            else f"MountVolume.SetUp failed: {self}"
        )


@contextmanager
def making(volume: str) -> Iterator[None]:
    """Say of an error in here which volume it is about."""
    try:
        yield
    except VolumeError as error:
        error.volume = volume
        raise


@dataclass(frozen=True, slots=True)
class File:
    """One file of a volume."""

    content: bytes
    mode: int = _DEFAULT_MODE


Files = dict[str, File]
"""The files of one volume, by their path in it."""


def mirrored(pod: Object, lookup: Lookup) -> dict[str, Files]:
    """Return what each volume of a pod that mirrors objects should hold; VolumeError if something is missing."""
    found = {}
    for name, sources in _sources(pod):
        with making(name):
            found[name] = _files(sources, pod, lookup)
    return found


def mirrored_objects(pod: Object) -> set[tuple[str, str]]:
    """Return kind and name of the objects whose contents a pod has mounted."""
    found = (
        (kind, _name(source[field]))
        for _, sources in _sources(pod)
        for source in sources
        for field, kind in _KINDS
        if field in source
    )
    return set(found)


def _sources(pod: Object) -> Iterator[tuple[str, list[Object]]]:
    """Return the volumes that mirror something, each as the sources of a projected one."""
    for volume in pod["spec"].get("volumes") or ():
        if "projected" in volume:
            mode = volume["projected"].get("defaultMode")
            sources = volume["projected"].get("sources") or ()
            yield volume["name"], [{key: {"defaultMode": mode, **part} for key, part in source.items()} for source in sources]
        else:
            parts = {key: volume[key] for key in ("configMap", "secret", "downwardAPI") if key in volume}
            if parts:
                yield volume["name"], [parts]


def _files(sources: list[Object], pod: Object, lookup: Lookup) -> Files:
    files: Files = {}
    for source in sources:
        for field, kind in _KINDS:
            if field in source:
                files |= _files_of_object(source[field], kind, lookup)
        if "downwardAPI" in source:
            files |= _files_of_pod(source["downwardAPI"], pod)
    for path in files:
        if ".." in Path(path).parts or path.startswith("/"):
            raise VolumeError(f"expected a path inside the volume, found {path}")
    return files


def _name(source: Object) -> str:
    return str(source.get("secretName") or source.get("name", ""))


def _files_of_object(source: Object, kind: str, lookup: Lookup) -> Files:
    found = lookup(kind, _name(source))
    if found is None:
        if source.get("optional"):
            return {}
        raise VolumeError(f'{kind.lower()} "{_name(source)}" not found')
    contents = contents_of(found)
    files = {}
    for item in source.get("items") or [{"key": key, "path": key} for key in contents]:
        if item["key"] in contents:
            files[item["path"]] = File(contents[item["key"]], _mode(item, source))
        elif not source.get("optional"):
            raise VolumeError(f"{kind.lower()} references non-existent config key: {item['key']}")
    return files


def _files_of_pod(source: Object, pod: Object) -> Files:
    files = {}
    for item in source.get("items") or ():
        if "fieldRef" not in item:
            raise VolumeError(f"the embedded cluster has no downwardAPI file from {', '.join(item.keys() - {'path'})}")
        try:
            value = _text(pod, item["fieldRef"]["fieldPath"])
        except UnresolvedError as error:
            raise VolumeError(str(error)) from error
        files[item["path"]] = File(value.encode(), _mode(item, source))
    return files


def _text(pod: Object, path: str) -> str:
    """Return a field as a file has it: a whole map one key a line."""
    if path in {"metadata.labels", "metadata.annotations"}:
        entries = sorted((pod["metadata"].get(path.partition(".")[2]) or {}).items())
        return "\n".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in entries)
    return field_value(pod, path)


def _mode(item: Object, source: Object) -> int:
    return int(item.get("mode") or source.get("defaultMode") or _DEFAULT_MODE)


def write_files(folder: Path, files: Files) -> None:
    """Make a volume hold these files and no others, at one stroke."""
    link = folder / DATA
    before = link.readlink() if link.is_symlink() else None
    fresh = Path(tempfile.mkdtemp(prefix=f"..{datetime.now(UTC):%Y_%m_%d_%H_%M_%S}.", dir=folder))
    for path, file in files.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(file.mode)
    coming = folder / "..data_tmp"
    coming.unlink(missing_ok=True)
    coming.symlink_to(fresh.name)
    coming.replace(link)
    shown = {Path(path).parts[0] for path in files}
    for name in shown:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path(DATA) / name)
    for item in folder.iterdir():
        if not item.name.startswith("..") and item.name not in shown:
            item.unlink()
    if before is not None:
        shutil.rmtree(folder / before, ignore_errors=True)
