"""Whether a change breaks one of a runbook's warnings. Pure: of a change as the log has it, and a warning as the log has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from gameday.log.events import ChangeOwed


@dataclass(frozen=True, slots=True)
class Broken:
    """A warning that was broken: which, by which step, by what change, and which of its lines forbids that."""

    id: str
    text: str
    step: str
    change: str
    forbidden: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return it as logs have it."""
        return asdict(self)


def broken_by(change: ChangeOwed, warnings: Sequence[Mapping[str, Any]], *, step: str) -> Iterator[Broken]:
    """Yield each warning that the change breaks, once."""
    for warning in warnings:
        forbidden = next((item for item in warning.get("forbids", ()) if forbids(item, change)), None)
        if forbidden is not None:
            yield Broken(str(warning.get("id")), str(warning.get("text")), step, change.summary, dict(forbidden))


def forbids(rule: Mapping[str, str], change: ChangeOwed) -> bool:
    """Say whether a line of a warning forbids a change: what it does, to which kind, and as narrow as the line is.

    A pod that a shell block took away was deleted or evicted, which cannot be told afterwards, so either is broken by it. A
    change of something above a forbidden field changes that too.
    """
    kind, _, path = change.object.partition(" ")
    namespace, _, name = path.rpartition("/")
    does = {change.kind} | ({"evict"} if change.by_shell and change.kind == "delete" and kind == "pod" else set())
    return (
        rule.get("do") in does
        and rule.get("kind", "").lower() == kind
        and rule.get("namespace", namespace) == namespace
        and fnmatchcase(name, rule.get("name", "*"))
        and ("field" not in rule or any(_touches(field["path"], rule["field"]) for field in change.fields))
    )


def _touches(written: str, forbidden: str) -> bool:
    """Say whether one path is the other, or lies below it; an entry of a list lies below the list."""
    forbidden = forbidden.rstrip("/")
    shorter, longer = sorted((written, forbidden), key=len)
    return longer == shorter or longer.startswith((f"{shorter}/", f"{shorter}["))
