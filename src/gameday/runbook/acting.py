"""Whether a step's shell block does what no look at the cluster shows, as far as its text tells.

What kubectl does to objects that the guardian looks at before and after a block is seen there, and what was not seen was not
done. A call of something outside the cluster (a service's own interface, a database, a phone) shows nowhere but here.
"""

from __future__ import annotations

import shlex
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


def acts_unseen(step: Step) -> bool:
    """Say whether a step has commands that do more than read, of which at least one does what the guardian does not see."""
    return step.shell is not None and any(writes(command) and not _is_seen(command) for command in commands(step.shell.text))


def _is_seen(command: Command) -> bool:
    lines = [*kubectl_lines([command])]
    return bool(lines) and all(isinstance(line, KubectlLine) and _is_line_seen(line) for line in lines)


def _is_line_seen(line: KubectlLine) -> bool:
    kinds = {kind_meant(target.kind) for target in line.targets}
    return line.verb.split(" ")[0] in _ON_WHAT_IS_NAMED and bool(kinds) and kinds <= LOOKED_AT
