"""The rules by their codes. Each is one function whose docstring is its paragraph in docs/runbook-lint.md.

A code is never given to another rule later: whoever has ignored it would ignore what they never saw.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gameday.errors import UsageError
from gameday.fields import did_you_mean
from gameday.runbook.linting.model import Around, Hit, Severity, Subject

Need = Literal["", "rules", "proven_within", "cluster", "accounts"]
HOW: Final[dict[Need, str]] = {
    "rules": "name the files of your alert rules: --rules FILE",
    "proven_within": "say how old a proof may be: --proven-within 90d",
    "cluster": "name a cluster: --context NAME or --kubeconfig FILE",
    "accounts": "name a cluster, and whose rights a role has: --account 'ROLE=USER'",
}
"""How to have those rules asked that need something."""

Find = Callable[[Subject], Iterable[Hit]]
FindInAll = Callable[[Sequence[Subject]], Iterable[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: what it is about, how bad what it finds is, and what it needs to be asked."""

    code: str
    title: str
    paragraph: str
    severity: Severity
    need: Need = ""
    find: Find | None = None
    find_in_all: FindInAll | None = None
    """Asked once about all runbooks of a catalogue, instead of about each."""


_RULES: dict[str, Rule] = {}


def rule(code: str, title: str, *, severity: Severity = "error", need: Need = "") -> Callable[[Find], Find]:
    """Register a function that looks at one runbook."""

    def register(find: Find) -> Find:
        add(Rule(code, title, _paragraph(find), severity, need, find))
        return find

    return register


def rule_of_all(code: str, title: str, *, severity: Severity = "error") -> Callable[[FindInAll], FindInAll]:
    """Register a function that looks at all runbooks of a catalogue at once."""

    def register(find: FindInAll) -> FindInAll:
        add(Rule(code, title, _paragraph(find), severity, find_in_all=find))
        return find

    return register


def add(new: Rule) -> None:
    """Register a rule; ValueError for a code that is taken."""
    if new.code in _RULES:
        raise ValueError(f"the code {new.code} is taken by: {_RULES[new.code].title}")
    _RULES[new.code] = new


def all_rules() -> tuple[Rule, ...]:
    """Return every rule by its code."""
    import gameday.runbook.linting.rules  # noqa: F401, PLC0415  # each module registers its own

    return tuple(_RULES[code] for code in sorted(_RULES))


def rule_of(code: str) -> Rule:
    """Return the rule of a code; UsageError says what may have been meant."""
    known = {one.code: one for one in all_rules()}
    if code.upper() not in known:
        raise UsageError(f"there is no rule {code!r}{did_you_mean(code.upper(), known)} (all rules: docs/runbook-lint.md)")
    return known[code.upper()]


def chosen(select: Sequence[str], ignore: Sequence[str]) -> tuple[Rule, ...]:
    """Return the rules whose codes begin with one of `select` (all, if there is none), without those that begin with `ignore`."""
    for prefix in (*select, *ignore):
        if not any(one.code.startswith(prefix.upper()) for one in all_rules()):
            raise UsageError(f"no rule's code begins with {prefix!r}; all rules: docs/runbook-lint.md")
    wanted = tuple(prefix.upper() for prefix in select) or ("RB",)
    unwanted = tuple(prefix.upper() for prefix in ignore)
    return tuple(one for one in all_rules() if one.code.startswith(wanted) and not one.code.startswith(unwanted))


def can_be_asked(one: Rule, around: Around) -> bool:
    """Say whether all that a rule needs has been named."""
    return {
        "": True,
        "rules": around.alert_rules is not None,
        "proven_within": around.proven_within is not None,
        "cluster": around.looking is not None,
        "accounts": around.looking is not None and bool(around.accounts),
    }[one.need]


def _paragraph(function: Callable[..., object]) -> str:
    return inspect.getdoc(function) or ""
