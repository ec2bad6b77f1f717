"""Objects on disk: a folder a bucket, a file an object, each file whole or not there at all.

A file begins with one line of JSON (ETag, type, time), then the object's bytes. It is written beside its place and moved
there, so that the death of the process leaves the old object or the new one; with SYNC=commit it is brought to disk before
that, so that a power cut does too. Names are the keys, percent-encoded.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

LONGEST_NAME = 240
_UNFINISHED = "%tmp-"
"""No encoded key begins with a percent sign that is not followed by two hex digits."""


class NoSuchBucketError(Exception):
    """The bucket is not there."""


class NoSuchKeyError(Exception):
    """The bucket is there; the object is not."""


class KeyTooLongError(Exception):
    """The key does not fit into a file's name."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an object without reading it."""

    key: str
    etag: str
    size: int
    content_type: str
    modified: float


@dataclass(frozen=True, slots=True)
class ObjectFiles:
    """All buckets under one folder."""

    folder: Path
    sync: bool = False
    """Whether an object is on disk before `put` returns."""

    def buckets(self) -> list[str]:
        """Return the buckets' names, sorted."""
        return sorted(entry.name for entry in self.folder.iterdir() if entry.is_dir())

    def create_bucket(self, bucket: str) -> bool:
        """Create a bucket; return False where it was there already."""
        try:
            (self.folder / bucket).mkdir()
        except FileExistsError:
            return False
        return True

    def put(self, bucket: str, key: str, body: bytes, content_type: str) -> Facts:
        """Store an object and return its facts."""
        place = self._place(bucket, key)
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        facts = Facts(key, etag, len(body), content_type, time.time())
        head = json.dumps({"etag": etag, "type": content_type, "modified": facts.modified}).encode() + b"\n"
        unfinished = place.parent / f"{_UNFINISHED}{secrets.token_hex(8)}"
        try:
            with unfinished.open("wb") as file:
                file.write(head + body)
                if self.sync:
                    file.flush()
                    os.fsync(file.fileno())
            unfinished.replace(place)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        if self.sync:
            _sync_folder(place.parent)
        return facts

    def get(self, bucket: str, key: str) -> tuple[Facts, bytes]:
        """Return an object's facts and its bytes."""
        try:
            head, _, body = self._place(bucket, key).read_bytes().partition(b"\n")
        except FileNotFoundError:
            raise NoSuchKeyError from None
        return _facts(key, head, len(body)), body

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object; one that is not there is removed already."""
        self._place(bucket, key).unlink(missing_ok=True)

    def list(self, bucket: str, prefix: str, after: str, limit: int) -> tuple[list[Facts], bool]:
        """Return facts of the objects after `after`, in the order of their keys, and whether there are more."""
        folder = self._bucket(bucket)
        names = (entry.name for entry in os.scandir(folder) if not entry.name.startswith(_UNFINISHED))
        keys = sorted((key for name in names if (key := unquote(name)).startswith(prefix) and key > after), key=str.encode)
        found: list[Facts] = []
        for key in keys:
            if len(found) == limit:
                return found, True
            facts = self._listed(bucket, key)
            found += [facts] if facts is not None else []
        return found, False

    def _listed(self, bucket: str, key: str) -> Facts | None:
        """Return an object's facts; None for one that was removed since the folder was read."""
        try:
            with self._place(bucket, key).open("rb") as file:
                head = file.readline()
                size = os.fstat(file.fileno()).st_size - len(head)
        except FileNotFoundError:
            return None
        return _facts(key, head, size)

    def _bucket(self, bucket: str) -> Path:
        folder = self.folder / bucket
        if not folder.is_dir():
            raise NoSuchBucketError
        return folder

    def _place(self, bucket: str, key: str) -> Path:
        name = quote(key, safe="").replace(".", "%2E") if key in (".", "..") else quote(key, safe="")
        if len(name) > LONGEST_NAME:
            raise KeyTooLongError
        return self._bucket(bucket) / name


def _facts(key: str, head: bytes, size: int) -> Facts:
    known = json.loads(head)
    return Facts(key, known["etag"], size, known["type"], known["modified"])


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
