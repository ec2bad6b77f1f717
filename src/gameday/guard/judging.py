"""Applying every rule that is not switched off, and collecting all findings rather than the first."""

from __future__ import annotations

from collections.abc import Sequence

from gameday.errors import RefusedError
from gameday.guard.model import Facts, Finding, Policy
from gameday.guard.rules import RULES
from gameday.plan import PlannedChange


def judge(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> tuple[Finding, ...]:
    """Return every reason why these changes may not happen, in the order of the rules; an empty tuple allows them.

    What a rule needed and could not be looked at is a reason too. RefusedError if the policy switches off a rule that does not
    exist, since a misspelt one would stay on unnoticed.
    """
    unknown = [name for name in policy.switched_off if name not in RULES]
    if unknown:
        raise RefusedError(f"the plan switches off a rule that does not exist: {', '.join(unknown)}. Rules: {', '.join(RULES)}")
    findings: list[Finding] = []
    for name, rule in RULES.items():
        if name in policy.switched_off:
            continue
        if name in facts.unread:
            about, why = facts.unread[name]
            findings.append(Finding(name, about, f"could not look: {why}"))
        findings += [Finding(name, about, message) for about, message in rule(changes, policy, facts)]
    return tuple(findings)
