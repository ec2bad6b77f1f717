"""What containers wrote, read back: whole, its end, with times, and as it grows.

The files are written by the shims in the CRI format (`spawner.py`); a pod's are kept until the pod is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

from gameday.staging.errors import ApiError, BadRequest
from gameday.staging.node.pod import log_paths
from gameday.staging.resources import PODS
from gameday.staging.store import Store

Object = dict[str, Any]
FOLLOW_SECONDS: Final = 0.1
_OF_IMAGES: Final = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}
_PIECE_BYTES: Final = 1 << 16


class ContainerLogs:
    """The logs of every container of a cluster; an instance is what the API calls a LogProvider."""

    def __init__(self, store: Store, directory: Path) -> None:
        self._store = store
        self._directory = directory

    async def __call__(
        self,
        namespace: str,
        name: str,
        container: str,
        *,
        follow: bool,
        tail_lines: int | None,
        previous: bool,
        since_seconds: float | None,
        timestamps: bool,
    ) -> AsyncIterator[bytes]:
        """Yield the log in pieces; see the module."""
        pod = self._store.get(PODS, namespace, name)
        path, run = self._path(pod, container, previous=previous)
        since = datetime.now(UTC) - timedelta(seconds=since_seconds) if since_seconds is not None else None
        follow = follow and not previous
        # The last words of a pod are read even though it is gone, and its files with it.
        with path.open("rb") if follow else contextlib.nullcontext() as kept:
            lines, offset = _read(path)
            lines = _selected(lines, tail_lines, since)
            text = _text(lines, timestamps=timestamps)
            for start in range(0, len(text), _PIECE_BYTES):
                yield text[start : start + _PIECE_BYTES]
            while follow:
                is_over = not self._runs(pod, container, run)
                data, offset = _read_from(path, offset, kept)
                if data:
                    yield _text(data.splitlines(keepends=True), timestamps=timestamps)
                elif is_over:
                    return
                else:
                    await asyncio.sleep(FOLLOW_SECONDS)

    def _path(self, pod: Object, container: str, *, previous: bool) -> tuple[Path, int]:
        name = pod["metadata"]["name"]
        status = _container_status(pod, container)
        run = status.get("restartCount", 0)
        paths = log_paths(self._directory, pod)
        if previous:
            if run == 0:
                raise BadRequest(f'previous terminated container "{container}" in pod "{name}" not found')
            return paths(container, run - 1), run - 1
        path = paths(container, run)
        if not path.exists():
            reason = ((status.get("state") or {}).get("waiting") or {}).get("reason", "ContainerCreating")
            reason = _OF_IMAGES.get(reason, reason)
            raise BadRequest(f'container "{container}" in pod "{name}" is waiting to start: {reason}')
        return path, run

    def _runs(self, pod: Object, container: str, run: int) -> bool:
        metadata = pod["metadata"]
        try:
            current = self._store.stored(PODS, metadata["namespace"], metadata["name"]).body
        except ApiError:
            return False
        status = _container_status(current, container)
        same = current["metadata"]["uid"] == metadata["uid"] and status.get("restartCount") == run
        return same and "running" in (status.get("state") or {})


def _container_status(pod: Object, container: str) -> Object:
    status = pod.get("status") or {}
    for field in ("containerStatuses", "initContainerStatuses"):
        for item in status.get(field) or ():
            if item["name"] == container:
                found: Object = item
                return found
    return {}


def _read(path: Path) -> tuple[list[bytes], int]:
    """Return all lines, of the rotated file too, and where the current one ended."""
    rotated = path.with_name(path.name + ".1")
    older = rotated.read_bytes() if rotated.exists() else b""
    current, offset = _read_from(path, 0)
    return (older + current).splitlines(keepends=True), offset


def _read_from(path: Path, offset: int, kept: BinaryIO | None = None) -> tuple[bytes, int]:
    """Return the whole lines after `offset`, and where they end; from the start if the file was rotated.

    Where the file is gone, `kept` stands in for it.
    """
    try:
        file: BinaryIO | None = path.open("rb")
    except FileNotFoundError:
        file = kept
    if file is None:
        return b"", offset
    try:
        if file.seek(0, 2) < offset:
            offset = 0
        file.seek(offset)
        data = file.read()
    finally:
        if file is not kept:
            file.close()
    whole = data[: data.rfind(b"\n") + 1]
    return whole, offset + len(whole)


def _selected(lines: list[bytes], tail_lines: int | None, since: datetime | None) -> list[bytes]:
    if since is not None:
        first = since.strftime("%Y-%m-%dT%H:%M:%S.%f").encode()
        lines = [line for line in lines if line >= first]
    if tail_lines is not None:
        lines = lines[-tail_lines:] if tail_lines > 0 else []
    return lines


def _text(lines: Iterable[bytes], *, timestamps: bool) -> bytes:
    """Take stream and tag off, and the time unless it is wanted."""
    shown = []
    for line in lines:
        time, _, rest = line.partition(b" ")
        message = rest.split(b" ", 2)[-1]
        shown.append(time + b" " + message if timestamps else message)
    return b"".join(shown)
