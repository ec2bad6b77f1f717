"""The line `last_proven` of a runbook's front matter: what it is a proof of, and writing it.

The digest is of the text without that line, so that writing the line does not change what was proven, and any other edit
does; a byte order mark and the way lines end are no part of it, since a checkout may change them. Only `gameday runbook verify`
writes the line, and not into front matter that it would damage. Whether a runbook is true is not decided here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Any, Final

from gameday.errors import InvalidFileError, UsageError
from gameday.yamlfile import parse

_KEY: Final = "last_proven:"
_FENCE: Final = "---"
_DIGEST: Final = "sha256:"
_MARK: Final = "\ufeff"
"""What some editors put before a text, and readers leave out."""


def digest_without_proof(text: str) -> str:
    """Return sha256:… (hex) of a runbook's text without its line last_proven, which may also be spread over several."""
    lines = text.removeprefix(_MARK).replace("\r\n", "\n").splitlines(keepends=True)
    proof = _proof_lines(lines)
    kept = [line for number, line in enumerate(lines) if number not in proof]
    return _DIGEST + hashlib.sha256("".join(kept).encode("utf-8", "surrogatepass")).hexdigest()


def with_proof(text: str, run: str, date: str, digest: str) -> str:
    """Return the text with this proof as its line last_proven: in place of the former one, else as the last of the front matter.

    Every other character stays, line endings and a byte order mark too. UsageError for a text without front matter, and for
    one whose front matter would say something else afterwards.
    """
    mark = _MARK if text.startswith(_MARK) else ""
    lines = text.removeprefix(_MARK).splitlines(keepends=True)
    end = _end_of_front_matter(lines)
    if end is None:
        raise UsageError("expected front matter (a first line ---, and --- again), which last_proven can be written into")
    ending = re.search(r"\r?\n?$", lines[0])
    line = f"{_KEY} {{run: {run}, date: {date}, digest: {digest}}}"
    former = sorted(_proof_lines(lines))
    at = former[0] if former else end
    after = (item for number, item in enumerate(lines[at:], at) if number not in former)
    written = [*lines[:at], f"{line}{ending[0] if ending else ''}", *after]
    if not _says_the_same(lines, written, line):
        raise UsageError(
            "last_proven cannot be written into its front matter as that stands without damaging it. Write the keys from the "
            f"margin, one a line, without braces around all of them, and last_proven: with nothing below it; then prove it once "
            f"more. This proof stands in the log of its run: {line}"
        )
    return mark + "".join(written)


def _says_the_same(old: list[str], new: list[str], proof: str) -> bool:
    """Say whether front matter reads after the writing as it did before, but for the proof, and the whole text has its digest."""
    try:
        before, after, said = _data(old), _data(new), parse(proof, file="").data
    except InvalidFileError:
        return False
    if not isinstance(before, dict) or after != {**before, **said}:
        return False
    return digest_without_proof("".join(old)) == digest_without_proof("".join(new))


def _data(lines: list[str]) -> Any:
    """Return what the front matter says."""
    return parse("".join(lines[1 : _end_of_front_matter(lines)]), file="").data


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
