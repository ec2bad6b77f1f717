"""What a rule is given and what it gives: a runbook as it was read and as it stands in its file, and findings.

Values only. What a rule may need from outside of the file (which programs are there, a cluster, alerts) stands in `Around`,
and is empty where nobody has named it: a rule that needs it is then not asked, and the result says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from gameday.cluster.discovery import Account
from gameday.errors import InvalidFileError, Problem
from gameday.runbook.linting.alerts import AlertRule
from gameday.runbook.linting.looking import Looking
from gameday.runbook.markdown import Section, lines_of, sections, split_front_matter
from gameday.runbook.model import Runbook
from gameday.workspace import Catalogue
from gameday.yamlfile import Document, parse

Severity = Literal["error", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that a rule says of a file."""

    file: str
    line: int
    """Counted from 1."""
    code: str
    message: str
    next_step: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.code} {self.severity}: {self.message}"


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule yields: where, what, and what to do; the code and how bad it is are the rule's."""

    line: int
    message: str
    next_step: str = ""
    file: str = ""
    """Empty: the runbook's own."""


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """What there is besides the files: all of it optional but the day and the machine's programs."""

    today: dt.date
    has_program: Callable[[str], bool]
    shell_syntax: Callable[[str], tuple[int, str] | None]
    """What `sh -n` says of a script, without running it: the line of the script, and the words; None if nothing is wrong."""
    alert_rules: Sequence[AlertRule] | None = None
    proven_within: dt.timedelta | None = None
    looking: Looking | None = None
    accounts: Mapping[str, Account] = field(default_factory=dict)
    """Whose rights a role's steps are done with, by role."""


@dataclass(frozen=True, eq=False)
class Subject:
    """One runbook that is looked at. Where it could not be read at all, `runbook` is None and only its problems count."""

    path: Path
    file: str
    """As findings name it."""
    text: str
    runbook: Runbook | None
    problems: tuple[Problem, ...]
    catalogue: Catalogue
    around: Around

    @cached_property
    def lines(self) -> list[str]:
        """The file's lines."""
        return lines_of(self.text)

    @cached_property
    def front_lines(self) -> int:
        """How many lines the front matter takes, with both its fences; 0 if there is none."""
        try:
            split_front_matter(self.text, file=self.file)
        except InvalidFileError:
            return 0
        return next(number for number, line in enumerate(self.lines[1:], start=2) if line.strip() == "---")

    @cached_property
    def body(self) -> str:
        """What stands below the front matter, with blank lines in its place."""
        return "\n" * self.front_lines + "\n".join(self.lines[self.front_lines :])

    @cached_property
    def sections(self) -> list[Section]:
        """What stands below each heading."""
        return sections(self.body)

    @cached_property
    def front(self) -> Document | None:
        """The front matter's data with its lines; None where it is no YAML."""
        try:
            front, _ = split_front_matter(self.text, file=self.file)
            document = parse(front, file=self.file, first_line=2)
        except InvalidFileError:
            return None
        return document if isinstance(document.data, dict) else None

    def front_line(self, *steps: Any) -> int:
        """Return the line of a key of the front matter, or of an item in it; the first line where it is not there."""
        return self.front.line_of(steps) if self.front is not None and steps and steps[0] in self.front.data else 1

    def read(self) -> Runbook:
        """Return the runbook, for rules: they are asked only where there is one."""
        assert self.runbook is not None  # noqa: S101  # rules are not asked otherwise
        return self.runbook
