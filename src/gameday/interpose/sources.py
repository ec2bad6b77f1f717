"""Where the settings come from: a port, and the one source that needs nothing but a file.

A source tells the document with its own clock's time, repeats that nothing is new at least every few seconds (a watch that is
silent is taken for lost), and says when it is lost. What follows from that is the switch's affair.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import structlog

LOOK_SECONDS: Final = 0.1
_AGAIN_SECONDS: Final = 1.0
_log = structlog.get_logger("gameday.interpose")


class News(Protocol):
    """Who is told; the methods return at once."""

    def heard(self, document: bytes, now: float) -> None:
        """Take a document, new or not; `now` is the source's time in seconds since 1970."""

    def unchanged(self) -> None:
        """Nothing is new: the source is there, and what it said last still holds."""

    def lost(self, why: str) -> None:
        """Nobody knows any more what the settings are."""


class Source(Protocol):
    """Somewhere that settings come from."""

    async def follow(self, news: News) -> None:
        """Tell what there is and every change of it, until cancelled. Returning or raising is the same as being lost."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file, looked at ten times a second; to be replaced by renaming, since one that is half written is refused."""

    path: Path
    now: Callable[[], float] = time.time

    async def follow(self, news: News) -> None:
        """Tell of the file."""
        known: tuple[int, ...] | None = None
        while True:
            try:
                mark = _mark(self.path)
                if mark != known:
                    news.heard(self.path.read_bytes(), self.now())
                    known = mark
                else:
                    news.unchanged()
            except OSError as error:
                news.lost(f"{self.path}: {error.strerror}")
                known = None
            await asyncio.sleep(LOOK_SECONDS)


async def follow_forever(source: Source, news: News) -> None:
    """Follow a source, and again after it has failed."""
    while True:
        try:
            await source.follow(news)
            news.lost("the source has ended")
        except Exception as error:  # noqa: BLE001 - whatever it is, customers must not notice
            _log.warning("the source failed", error=f"{type(error).__name__}: {error}")
            news.lost(f"the source failed: {error}")
        await asyncio.sleep(_AGAIN_SECONDS)


def _mark(path: Path) -> tuple[int, ...]:
    found = os.stat(path)  # noqa: PTH116 - the same thing without another object, ten times a second
    return found.st_ino, found.st_mtime_ns, found.st_size
