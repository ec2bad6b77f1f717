"""docs/runbook-lint.md, written from the rules themselves."""

from __future__ import annotations

from typing import Final

from gameday.runbook.linting.registry import HOW, Rule, all_rules

_GROUPS: Final = {
    "RB0": "Reading: what the file must be",
    "RB1": "Phases, steps and checks",
    "RB2": "Links",
    "RB3": "Commands",
    "RB4": "Words",
    "RB5": "Alerts, experiments and proofs",
    "RB6": "Against a cluster",
}
_ABOUT: Final = """\
# Rules for runbooks

What `gameday runbook lint` looks at, by code. Written by `make docs` from the rules themselves; `gameday runbook lint --explain
CODE` prints a rule's paragraph.

- An **error** makes the command leave with 1, a **warning** only with `--strict`, a **note** never: it says that something could
  not be looked at.
- `--select RB2 --ignore RB203` chooses rules by how their codes begin.
- In a file, `<!-- lint: allow RB104: why -->` allows a finding: in a step for that step, before
  the first phase for the whole file.
- A rule that needs something from outside is asked only where that was named; the output says which ones were not, and what
  to name. Nothing of a runbook is executed.
- Forges show findings at their lines from SARIF: `gameday runbook lint -o sarif > lint.sarif`.
"""


def page() -> str:
    """Return the page: every rule with its code, its paragraph and what it needs."""
    parts = [_ABOUT]
    for prefix, title in _GROUPS.items():
        rules = [one for one in all_rules() if one.code.startswith(prefix)]
        parts.append(f"## {title}\n")
        parts += [_section(one) for one in rules]
    return "\n".join(parts)


def _section(one: Rule) -> str:
    need = f" To have it asked, {HOW[one.need]}." if one.need else ""
    return f"### {one.code}: {one.title}\n\n*{one.severity.capitalize()}.*{need}\n\n{one.paragraph}\n"
