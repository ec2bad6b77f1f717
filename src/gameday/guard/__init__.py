"""May it? A pure judgement over planned changes: nothing is changed, every finding names its rule and the next step.

The guard judges changes, not names of actions: an action it has never heard of is held to the same rules. `Facts` are what
was read of the cluster, the calendars and the signatures beforehand (`gathering`); `Policy` is what the plan allows. A rule is
switched off by its name in the plan, and the report says so. What can only be known while running (the Lease, a green
baseline) is kept by `run`.
"""

from gameday.guard.gathering import gather
from gameday.guard.judging import judge
from gameday.guard.model import Approvals, Facts, Finding, Lost, Policy, RunFacts
from gameday.guard.rules import RULES

__all__ = ["RULES", "Approvals", "Facts", "Finding", "Lost", "Policy", "RunFacts", "gather", "judge"]
