"""A pod's volumes while it lives: made, filled with what they mirror and with its tokens, and kept up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gameday.staging.node.credentials import ApiAccess, Credentials, credentials_of
from gameday.staging.node.mirroring import Files, VolumeError, mirrored, write_files
from gameday.staging.node.references import Lookup
from gameday.staging.node.volumes import Places, make_volumes
from gameday.staging.store import Store

Object = dict[str, Any]


class PodVolumes:
    """The folders of one pod's volumes, by name, and what stands in them."""

    def __init__(
        self,
        pod: Callable[[], Object],
        lookup: Lookup,
        places: Places,
        access: ApiAccess,
        store: Store,
        *,
        failed: Callable[[VolumeError], None],
    ) -> None:
        self.folders: dict[str, Path] = {}
        self._pod = pod
        self._failed = failed
        self._places = places
        self._lookup = lookup
        self._access = access
        self._store = store
        self._files: dict[str, Files] = {}
        self._credentials = Credentials({}, None)
        self._renewing: asyncio.Handle | None = None
        self._closed = False

    def make(self) -> None:
        """Make and fill all volumes; VolumeError if one cannot be had now."""
        self._places.of_pod(self._pod()).mkdir(parents=True, exist_ok=True)
        self.folders.update(make_volumes(self._pod(), self._places, self._lookup))
        self._take_credentials()
        self._fill()

    def refresh(self) -> None:
        """Bring volumes that have been made up to date with what they mirror; what cannot be had stays as it was."""
        if not self._files or self._closed:
            return
        try:
            self._fill()
        except VolumeError as error:
            self._failed(error)

    def close(self) -> None:
        """Leave the volumes as they are from now on."""
        self._closed = True
        if self._renewing is not None:
            self._renewing.cancel()

    def _take_credentials(self) -> None:
        """Take new tokens, and again in time."""
        mirror = mirrored(self._pod(), self._lookup)
        self._credentials = found = credentials_of(self._pod(), mirror, self._access, self._store)
        if found.renew_seconds is not None and not self._closed:
            self._renewing = asyncio.get_running_loop().call_later(found.renew_seconds, self._renew_credentials)

    def _renew_credentials(self) -> None:
        try:
            self._take_credentials()
        except VolumeError as error:  # its account is gone, and the token with it
            self._failed(error)
        self.refresh()

    def _fill(self) -> None:
        """Write the volumes that mirror something, where it has changed."""
        for name, mirror in mirrored(self._pod(), self._lookup).items():
            files = {**mirror, **self._credentials.files.get(name, {})}
            if self._files.get(name) != files:
                write_files(self.folders[name], files)
                self._files[name] = files
