"""May it? A pure judgement over planned changes: no cluster is asked, nothing is changed, every finding names its rule.

The guard judges changes, not names of actions: an action it has never heard of is held to the same rules. `Facts` are what
was read of the cluster beforehand; `Policy` is what the plan allows. A rule is switched off by its name in the plan, and the
report says so. What can only be known while running (the Lease, a green baseline) is kept by `run`.
"""

from gameday.guard.judging import judge
from gameday.guard.model import Facts, Finding, Policy, gather
from gameday.guard.rules import RULES

__all__ = ["RULES", "Facts", "Finding", "Policy", "gather", "judge"]
