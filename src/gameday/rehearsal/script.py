"""A script of a rehearsal: who asks for what, and when, instead of people who are drawn; for tests and for training.

    lines:
    - {at: 0s, person: Ada, do: join, roles: [incident commander]}
    - {at: 4m, person: Ada, do: mark, moment: declared}

`at` is the time since the rehearsal's beginning; the rest is a request (`requests`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday import durations
from gameday.errors import InvalidFileError
from gameday.yamlfile import load


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """One request of a script."""

    at_seconds: float
    person: str
    request: Mapping[str, Any]


def load_script(path: Path) -> tuple[ScriptLine, ...]:
    """Read a script, `lines: […]`, sorted by time; InvalidFileError carries every problem at once."""
    document = load(path)
    lines = document.data.get("lines")
    unknown = [key for key in document.data if key != "lines"]
    problems = [document.problem((key,), f"unknown key {key!r}; a script has only `lines`") for key in unknown]
    if not isinstance(lines, list) or not lines:
        problems.append(document.problem(("lines",), "expected at least one line under lines: {at, person, do, …}"))
        lines = []
    found: list[ScriptLine] = []
    for index, entry in enumerate(lines):
        try:
            found.append(_line(entry))
        except ValueError as error:
            problems.append(document.problem(("lines", index), str(error)))
    if problems:
        raise InvalidFileError(problems)
    return tuple(sorted(found, key=lambda line: line.at_seconds))


def _line(entry: Any) -> ScriptLine:
    if not isinstance(entry, dict) or not {"at", "person", "do"} <= entry.keys():
        raise ValueError(f"expected at, person and do, but got {entry!r}"[:200])
    request = {str(key): value for key, value in entry.items() if key not in {"at", "person"}}
    return ScriptLine(durations.seconds(entry["at"]), str(entry["person"]), request)
