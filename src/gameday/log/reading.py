"""Reading a log: all of it, or following it while it grows. A last line that was cut off is not an event.

Types that this version does not know are skipped, so that an older gameday reads a newer log; a line in the middle
that is no JSON is an error, since then the file is no log.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import msgspec

from gameday.errors import InvalidFileError, Problem
from gameday.log.every import AnyEvent

EVENTS_FILE = "events.jsonl"


class _Tagged(msgspec.Struct):
    """Just the type of an event, for types that this version does not know."""

    type: str = ""


_tag_decoder = msgspec.json.Decoder(_Tagged)
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_SAMPLE = b'{"type":"load.window"'
_KNOWN = {event.__struct_config__.tag for event in get_args(AnyEvent)}


def decode(line: bytes) -> AnyEvent | None:
    """Return the event of one line, or None for a type that this version does not know."""
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError:
        if _tag_decoder.decode(line).type not in _KNOWN:
            return None
        raise


def read(path: Path) -> list[AnyEvent]:
    """Read a log; `path` is the file or the run's folder. InvalidFileError names the line that is no event."""
    return list(_events(_file(path)))


def stream(path: Path, *, samples: bool = True) -> Iterator[AnyEvent]:
    """Yield a log's events one after the other; without `samples` those of traffic are not even decoded."""
    return _events(_file(path), samples=samples)


def follow(path: Path, *, finished: Callable[[], bool], poll_seconds: float = 0.05) -> Iterator[AnyEvent]:
    """Yield events as they are written, until `finished()` is true and the file is read to its end.

    Only whole lines are taken, and what follows them is read again, since a torn line is cut by the next writer.
    """
    file = _file(path)
    offset = number = 0
    with file.open("rb", buffering=0) as stream:
        while True:
            last_round = finished()
            stream.seek(offset)
            data = stream.read()
            whole = data[: data.rfind(b"\n") + 1]
            offset += len(whole)
            for line in whole.split(b"\n")[:-1]:
                number += 1
                event = _event(file, number, line)
                if event is not None:
                    yield event
            if last_round:
                return
            if not whole:
                time.sleep(poll_seconds)


def _file(path: Path) -> Path:
    return path / EVENTS_FILE if path.is_dir() else path


def _events(file: Path, *, samples: bool = True) -> Iterator[AnyEvent]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                return
            if not samples and line.startswith(_SAMPLE):
                continue
            event = _event(file, number, line)
            if event is not None:
                yield event


def _event(file: Path, number: int, line: bytes) -> AnyEvent | None:
    try:
        return decode(line)
    except msgspec.MsgspecError as error:
        raise InvalidFileError([Problem(str(file), number, f"expected an event, but got: {error}")]) from error
