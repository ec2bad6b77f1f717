"""Every error that gameday raises on purpose, and the exit code that each one means.

One hierarchy, so that a face (the command line, a web page) can say what happened and leave with the right code without
knowing which room failed. An error's text is written for the person who reads it: what was expected, what was found,
where, and what to do next. Nothing here formats or prints.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status means; of several that apply, see `worst`."""

    EXPECTED = 0
    """Every verdict is the expected one."""
    VERDICT_DIFFERS = 1
    INCONCLUSIVE = 2
    """A red baseline, a fault that cannot be shown to have landed, or data that is missing."""
    REFUSED = 3
    """Refused, not reached, not let in, forbidden or without a target, before anything was changed."""
    ABORTED = 4
    """Aborted (by hand, deadline, stop condition, or a process of ours died) and undone."""
    RESIDUE = 5
    """The undo is incomplete: something is left behind. Above all others."""
    USAGE = 64
    INTERNAL = 70


_RANK = (
    ExitCode.EXPECTED,
    ExitCode.VERDICT_DIFFERS,
    ExitCode.INCONCLUSIVE,
    ExitCode.REFUSED,
    ExitCode.ABORTED,
    ExitCode.USAGE,
    ExitCode.INTERNAL,
    ExitCode.RESIDUE,
)


def worst(*codes: ExitCode) -> ExitCode:
    """Return the code that says most: residue stands above all others, expected below them."""
    return max(codes, key=_RANK.index, default=ExitCode.EXPECTED)


class GamedayError(Exception):
    """Something went wrong that a person can act on; its text is one or more whole sentences."""

    exit_code = ExitCode.INTERNAL


class UsageError(GamedayError):
    """The command's words are off: an unknown option value, a file that is not there."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file: where it stands, and what was expected there instead."""

    file: str
    line: int
    """Counted from 1; 0 where the problem is the whole file's."""
    message: str
    kind: str = field(default="", compare=False)
    """One word for what is wrong (`missing-key`), for whoever sorts problems; empty where the reader gives none."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.message}"


class InvalidFileError(UsageError):
    """One or more files do not say what they must; carries every problem at once."""

    def __init__(self, problems: list[Problem] | tuple[Problem, ...]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RefusedError(GamedayError):
    """The run may not start, or a change may not happen; nothing was changed."""

    exit_code = ExitCode.REFUSED


class NoTargetError(RefusedError):
    """A selector matches nothing, or the object that was named is not there."""


class BadParameterError(RefusedError):
    """An action or probe was given a value it cannot work with."""


class ClusterError(RefusedError):
    """The cluster gave no usable answer; the subclasses say in which way."""


class UnreachableError(ClusterError):
    """No answer came: a refused connection, a time-out, a certificate that does not fit."""


class ServerError(ClusterError):
    """The server itself failed (5xx): what was asked may have happened, or not."""


class NotNowError(ClusterError):
    """The cluster answered 429: not now, but perhaps later. So says a disruption budget to an eviction."""


class UnauthenticatedError(ClusterError):
    """The cluster answered 401: it does not know who asks, or not any more. No right would help."""


class ForbiddenError(ClusterError):
    """The cluster answered 403: the account lacks a right."""


class ConflictError(ClusterError):
    """The object changed, or exists already, so that a precondition of the write does not hold (409, 412, 422 of a test)."""


class NotFoundError(ClusterError):
    """The object is not there (404)."""


class NoMeasurementError(GamedayError):
    """A probe could not look. Never to be confused with having looked and seen something bad."""

    exit_code = ExitCode.INCONCLUSIVE


class RecordError(GamedayError):
    """What is owed could not be written down, so nothing was injected."""

    exit_code = ExitCode.REFUSED
