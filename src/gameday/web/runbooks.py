"""The runbooks that a page shows: the round's own as the log has it, and those of the catalogue to choose from.

Under surprise nobody is told which runbook is the right one, so people open one of the catalogue, as they would at night.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gameday.errors import InvalidFileError
from gameday.log.people import RunbookOpened
from gameday.runbook import load_runbook
from gameday.runbook.markdown import split_front_matter
from gameday.runbook.opened import opened
from gameday.web.prose import prose
from gameday.workspace import Catalogue
from gameday.yamlfile import read_text


class Library:
    """The catalogue's runbooks, read when they are asked for."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        """Offer these files, by the runbook's id."""
        self._files = dict(files)
        self._titles: list[dict[str, str]] | None = None

    @classmethod
    def around(cls, path: Path | None = None) -> Library:
        """Offer what a project has, and what is shipped."""
        return cls({entry.name: entry.path for entry in Catalogue.around(path).list("runbook")})

    def __contains__(self, runbook: str) -> bool:
        return runbook in self._files

    def titles(self) -> list[dict[str, str]]:
        """Return id and title of each, by title."""
        if self._titles is None:
            told = [{"id": name, "title": _title(path) or name} for name, path in self._files.items()]
            self._titles = sorted(told, key=lambda one: one["title"])
        return self._titles

    def document(self, runbook: str) -> dict[str, Any]:
        """Return one of them as `document` does; KeyError if it is not offered."""
        return document(opened(load_runbook(self._files[runbook]), round_id=""))


def document(runbook: RunbookOpened) -> dict[str, Any]:
    """Return what does not change of a runbook while it is followed: id, title, warnings, steps with prose, shell and check."""
    return {
        "id": runbook.runbook,
        "title": runbook.title,
        "warnings": [prose(str(warning.get("text", ""))) for warning in runbook.warnings],
        "steps": [_step(step) for step in runbook.steps],
    }


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": step["id"],
        "title": step["title"],
        "phase": step.get("phase", ""),
        "role": step.get("role", ""),
        "expected_seconds": step.get("expected_seconds"),
        "prose": prose(str(step.get("prose", ""))),
        "shell": _told(step.get("shell")),
        "action": _told(step.get("action")),
        "check": _told(step.get("check")),
        "warnings": [
            _told(warning.get("text") if isinstance(warning, Mapping) else warning) for warning in _list(step, "warnings")
        ],
    }


def _list(step: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = step.get(name)
    return value if isinstance(value, list | tuple) else []


def _told(value: Any) -> str:
    """Return a block as text: shell as it stands, what names a probe or an action as the YAML that it was."""
    if not value:
        return ""
    if isinstance(value, Mapping) and set(value) <= {"text", "line"}:
        return str(value.get("text", "")).rstrip()
    return value.rstrip() if isinstance(value, str) else yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip()


def _title(path: Path) -> str:
    """Return a file's title without reading the rest; a runbook that is broken is still there to be opened."""
    try:
        front, _ = split_front_matter(read_text(path).text, file=str(path))
        found = yaml.safe_load(front)
    except (InvalidFileError, yaml.YAMLError):
        return ""
    return str(found.get("title", "")) if isinstance(found, dict) else ""
