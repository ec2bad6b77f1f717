"""What a round shows: held, deviated or inconclusive, folded from its log alone, with every reason it rests on.

Three-valued as Jepsen's: what cannot be shown is never called held. This room sees no cluster and no clock, so a verdict can
be given again from a stored log, years later, and comes out the same. `judge` gives one round's verdict; `judge_runbook`
what it says of its runbook; `exit_code` says what the run as a whole comes to.
"""

from gameday.verdict.exits import exit_code
from gameday.verdict.judging import RoundVerdict, judge
from gameday.verdict.proving import RunbookVerdict, judge_runbook
from gameday.verdict.samples import recovery_of, windows_of

__all__ = ["RoundVerdict", "RunbookVerdict", "exit_code", "judge", "judge_runbook", "recovery_of", "windows_of"]
