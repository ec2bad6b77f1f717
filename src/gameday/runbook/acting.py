"""Whether a step's shell block does what no look at the cluster shows, as far as its text tells.

What kubectl does to objects that the guardian looks at before and after a block is seen there, and what was not seen was not
done. A call of something outside the cluster (a service's own interface, a database, a phone) shows nowhere but here, and neither
does what is done in other namespaces, or to what controllers write all the time: pods that stay, ReplicaSets, nodes' annotations.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

from gameday.runbook.kinds import LOOKED_AT, kind_meant
from gameday.runbook.kubectl import KubectlLine, kubectl_lines
from gameday.runbook.linting.rules.steps import writes
from gameday.runbook.model import Step
from gameday.runbook.shell import Command, commands

_ON_WHAT_IS_NAMED: Final = frozenset(
    shlex.split("annotate autoscale cordon delete drain edit expose label patch rollout scale set taint uncordon")
)
"""kubectl's verbs that do nothing but to the objects that their line names, or make some that are looked at."""
_MAKES_ANOTHER: Final = frozenset({"autoscale", "expose"})
"""kubectl's verbs that leave what they name alone, and make something that is looked at."""


def acts_unseen(step: Step, namespaces: Sequence[str]) -> bool:
    """Say whether a step has commands that do more than read, of which at least one does what the guardian does not see.

    It looks at nodes, and at these namespaces.
    """
    return step.shell is not None and any(
        writes(command) and not _is_seen(command, namespaces) for command in commands(step.shell.text)
    )


def _is_seen(command: Command, namespaces: Sequence[str]) -> bool:
    lines = [*kubectl_lines([command])]
    return bool(lines) and all(isinstance(line, KubectlLine) and _is_line_seen(line, namespaces) for line in lines)


def _is_line_seen(line: KubectlLine, namespaces: Sequence[str]) -> bool:
    verb, kinds = line.verb.split(" ")[0], {kind_meant(target.kind) for target in line.targets}
    is_looked_at = kinds <= {"Node"} or line.namespace in {"", *namespaces}
    return verb in _ON_WHAT_IS_NAMED and bool(kinds) and is_looked_at and all(_is_kind_seen(kind, verb) for kind in kinds)


def _is_kind_seen(kind: str, verb: str) -> bool:
    """Say whether what a verb does to a kind shows in `run.snapshot`."""
    if kind == "Pod":
        return verb == "delete" or verb in _MAKES_ANOTHER
    if kind == "ReplicaSet":
        return verb in _MAKES_ANOTHER
    return kind in LOOKED_AT and (kind, verb) != ("Node", "annotate")
