"""The rules, each a small pure function that yields (object, sentence) for what it forbids; `RULES` is their list.

A new rule is a function and its row; its docstring is its row of docs/guard.md. Its name is what a plan writes to switch it
off, so it is never renamed.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Final

from gameday.guard.rules.extent import cap_objects, cap_percent, cap_pods, disruption_budget
from gameday.guard.rules.leave import approval, freeze, rights, window
from gameday.guard.rules.shape import Found, Rule
from gameday.guard.rules.targets import (
    cluster_identity,
    field_owned,
    namespace_listed,
    namespace_opted_in,
    node_left,
    pod_owned,
    protected_kind,
    protected_label,
)

RULES: Final[Mapping[str, Rule]] = {
    "cluster-identity": cluster_identity,
    "namespace-listed": namespace_listed,
    "namespace-opted-in": namespace_opted_in,
    "protected-kind": protected_kind,
    "protected-label": protected_label,
    "pod-owned": pod_owned,
    "field-owned": field_owned,
    "node-left": node_left,
    "cap-pods": cap_pods,
    "cap-percent": cap_percent,
    "cap-objects": cap_objects,
    "disruption-budget": disruption_budget,
    "window": window,
    "freeze": freeze,
    "approval": approval,
    "rights": rights,
}


def as_table() -> str:
    """Return the rules as a Markdown table: name, what holds, and the details; from their docstrings."""
    rows = []
    for name, rule in RULES.items():
        holds, _, details = (inspect.getdoc(rule) or "").partition("\n\n")
        rows.append(f"| `{name}` | {' '.join(holds.split())} | {' '.join(details.split())} |\n")
    return "| rule | what holds | in particular |\n|---|---|---|\n" + "".join(rows)


__all__ = ["RULES", "Found", "Rule", "as_table"]
