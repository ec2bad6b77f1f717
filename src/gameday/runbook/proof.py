"""The line `last_proven` of a runbook's front matter: what it is a proof of, and writing it.

The digest is of the text without that line, so that writing the line does not change what was proven, and any other edit
does. Only `gameday runbook verify` writes it. Whether a runbook is true is not decided here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Final

from gameday.errors import UsageError

_KEY: Final = "last_proven:"
_FENCE: Final = "---"
_DIGEST: Final = "sha256:"


def digest_without_proof(text: str) -> str:
    """Return sha256:… (hex) of a runbook's text without its line last_proven, which may also be spread over several."""
    lines = text.splitlines(keepends=True)
    kept = [line for number, line in enumerate(lines) if number not in _proof_lines(lines)]
    return _DIGEST + hashlib.sha256("".join(kept).encode("utf-8", "surrogatepass")).hexdigest()


def with_proof(text: str, run: str, date: str, digest: str) -> str:
    """Return the text with this proof as its line last_proven: in place of the former one, else as the last of the front matter.

    Every other character stays, line endings too. UsageError for a text without front matter.
    """
    lines = text.splitlines(keepends=True)
    end = _end_of_front_matter(lines)
    if end is None:
        raise UsageError("expected front matter (a first line ---, and --- again), which last_proven can be written into")
    ending = re.search(r"\r?\n?$", lines[0])
    line = f"{_KEY} {{run: {run}, date: {date}, digest: {digest}}}{ending[0] if ending else ''}"
    former = sorted(_proof_lines(lines))
    at = former[0] if former else end
    return "".join([*lines[:at], line, *(item for number, item in enumerate(lines[at:], at) if number not in former)])


def write_proof(path: Path, run: str, date: str, *, proven_digest: str) -> None:
    """Write a proof into a runbook's file: whole or not at all, with the mode that it has.

    UsageError where the text is not (any more) the one of `proven_digest`, OSError where it cannot be written.
    """
    target = path.resolve()
    text = target.read_bytes().decode("utf-8")
    found = digest_without_proof(text)
    if found != proven_digest:
        raise UsageError(f"{path} was changed while it was proven, so the proof is not of what stands there now")
    handle, draft = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(with_proof(text, run, date, found).encode("utf-8"))
            stream.flush()
            os.fsync(stream.fileno())
        Path(draft).chmod(target.stat().st_mode & 0o7777)
        Path(draft).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(draft).unlink()
        raise


def _end_of_front_matter(lines: list[str]) -> int | None:
    """Return the number of the line that closes the front matter."""
    if not lines or lines[0].strip() != _FENCE:
        return None
    return next((number for number, line in enumerate(lines[1:], 1) if line.strip() == _FENCE), None)


def _proof_lines(lines: list[str]) -> set[int]:
    """Return the numbers of the lines of the front matter that are last_proven, with what is indented below it."""
    end = _end_of_front_matter(lines)
    found: set[int] = set()
    for number in range(1, end or 0):
        continues = number - 1 in found and lines[number][:1] in {" ", "\t"}
        if lines[number].startswith(_KEY) or continues:
            found.add(number)
    return found
