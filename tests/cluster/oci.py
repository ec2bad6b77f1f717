"""Container images as OCI archives, from folders: without a registry, a daemon or a build tool.

An archive holds one image under any number of names and settings, whose layers are shared. The same folder gives the same bytes,
so a layer is known by its digest and is written once.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TYPE: Final = "application/vnd.oci.image"
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Layer:
    """A compressed layer on disk, with the digest of what it is when unpacked."""

    path: Path
    unpacked: str

    @property
    def descriptor(self) -> dict[str, Any]:
        """Return how a manifest names it."""
        return _descriptor("layer.v1.tar+gzip", self.path.read_bytes())


@dataclass(frozen=True, slots=True)
class Image:
    """What an image is called, and what it runs."""

    names: tuple[str, ...]
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()


def make_layer(folder: Path, inside: Sequence[str], target: Path) -> Layer:
    """Pack what is `inside` a folder; what is there already is not packed again."""
    record = target.with_suffix(".digest")
    if not (target.exists() and record.exists()):
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in inside:
                archive.add(folder / name, arcname=name, filter=_plain)
        unfinished = target.with_suffix(".unfinished")
        unfinished.write_bytes(gzip.compress(raw.getvalue(), compresslevel=1, mtime=0))
        unfinished.replace(target)
        record.write_text(_digest(raw.getvalue()))
    return Layer(target, record.read_text())


def write_archive(images: Sequence[Image], target: Path) -> None:
    """Write the images into one archive, which appears only when it is whole."""
    blobs: dict[str, bytes] = {}
    entries = []
    for image in images:
        for layer in image.layers:
            blobs[layer.descriptor["digest"]] = layer.path.read_bytes()
        config = _json(_config(image))
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": f"{_TYPE}.manifest.v1+json",
                "config": _descriptor("config.v1+json", config),
                "layers": [layer.descriptor for layer in image.layers],
            }
        )
        blobs |= {_digest(config): config, _digest(manifest): manifest}
        entry = _descriptor("manifest.v1+json", manifest) | {"platform": _platform()}
        entries += [entry | {"annotations": {"io.containerd.image.name": name}} for name in image.names]
    index = _json({"schemaVersion": 2, "mediaType": f"{_TYPE}.index.v1+json", "manifests": entries})
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index}
    files |= {f"blobs/{digest.replace(':', '/')}": data for digest, data in blobs.items()}
    unfinished = target.with_suffix(".unfinished")
    with tarfile.open(unfinished, "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
    unfinished.replace(target)


def _config(image: Image) -> dict[str, Any]:
    run: dict[str, Any] = {"Env": [_PATH, *image.environment], "Cmd": list(image.command)}
    if image.entrypoint:
        run["Entrypoint"] = list(image.entrypoint)
    return {
        **_platform(),
        "created": "1970-01-01T00:00:00Z",
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": [layer.unpacked for layer in image.layers]},
    }


def _platform() -> dict[str, str]:
    machine = os.uname().machine
    return {"architecture": _ARCHITECTURES.get(machine, machine), "os": "linux"}


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out whose the file was, and when."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def _descriptor(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": f"{_TYPE}.{kind}", "digest": _digest(data), "size": len(data)}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
