"""What every rule looks like: a function of changes, policy and facts that yields (object, sentence) for what it forbids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from gameday.guard.model import Facts, Policy
from gameday.plan import PlannedChange

Found = Iterator[tuple[str, str]]
Rule = Callable[[Sequence[PlannedChange], Policy, Facts], Found]
