"""The one sentence at the top of every report, and what a run leaves behind.

The sentence is made from the verdicts, the exit code and the residue that stand in the log; it adds no judgement.
"""

from __future__ import annotations

from gameday.errors import ExitCode
from gameday.report.facts import Change, Round, Run
from gameday.report.people_facts import Rehearsal
from gameday.report.people_sentences import LEVELS
from gameday.report.words import count, listed

LEFT_BEHIND = {
    "residue": "could not be set back",
    "left_alone": "was left alone, because somebody else has written it since",
    "owed": "is still owed",
}


def residue_of(rounds: tuple[Round, ...], named: tuple[str, ...], *, ended: bool) -> tuple[str, ...]:
    """Return what is left behind: what the run's end names, and every change that was not settled.

    Of a change without an undo only a log without an end says that it is still owed; otherwise the run's end speaks, since
    it was written from the undo record.
    """
    found = list(named)
    unsettled = LEFT_BEHIND.keys() - ({"owed"} if ended else set())
    for round_ in rounds:
        for change in round_.changes:
            if change.state in unsettled and not any(change.object in text for text in found):
                found.append(f"{change.object} {LEFT_BEHIND[change.state]}{_why(change)}")
    return tuple(found)


def headline(  # noqa: PLR0911  # a row per state, the worst first
    run: Run,
    rounds: tuple[Round, ...],
    residue: tuple[str, ...],
    *,
    aborted: bool,
    ended: bool,
    rehearsal: Rehearsal | None = None,
) -> tuple[str, str]:
    """Return the run's state in one word, and the sentence that a manager reads first."""
    if not run.run_id and not rounds:
        return "empty", "The log is empty: the run did not begin."
    if not ended:
        return "cut", "The log ends here, without the run's end. If the run was killed, run `gameday recover`."
    if residue or run.exit_code == ExitCode.RESIDUE:
        what = f": {listed(residue, at_most=3)}" if residue else ""
        return "residue", f"Something is left behind{what}. Run `gameday recover`."
    if run.exit_code == ExitCode.REFUSED:
        return "refused", f"The run was refused before anything was changed{_because(run.summary)}."
    if aborted or run.exit_code == ExitCode.ABORTED:
        return "aborted", "The run was aborted, and what it had changed was undone."
    if run.exit_code in {ExitCode.USAGE, ExitCode.INTERNAL}:
        return "internal", f"The run failed by an error of its own{_because(run.summary)}."
    if rehearsal is not None and rounds and all(round_.verdict.verdict == "none" for round_ in rounds):
        return "rehearsed", _rehearsed(rounds, rehearsal)
    return _by_verdicts(rounds)


def _rehearsed(rounds: tuple[Round, ...], rehearsal: Rehearsal) -> str:
    """Say what a rehearsal came to in which nothing was measured: no verdict is given, and none is missing."""
    people = count(len(rehearsal.participants), "person", "people")
    done = sum(round_.people.count("done") for round_ in rounds if round_.people)
    steps = sum(len(round_.people.steps) for round_ in rounds if round_.people)
    went = f"{people} went through {count(len(rounds), 'incident')} in {LEVELS.get(rehearsal.level, 'a rehearsal')}"
    return f"{went}: {done} of {count(steps, 'step')} of the runbook were done. Nothing was harmed or measured."


def _by_verdicts(rounds: tuple[Round, ...]) -> tuple[str, str]:
    undone = " Everything that was changed was undone." if any(round_.changes for round_ in rounds) else ""
    differs = [round_ for round_ in rounds if not round_.verdict.as_expected and round_.verdict.verdict in {"held", "deviated"}]
    unclear = [round_ for round_ in rounds if round_.verdict.verdict in {"inconclusive", "none"}]
    expected = len(rounds) - len(differs) - len(unclear)
    if not differs and not unclear:
        went = {1: "The one round", 2: "Both rounds"}.get(len(rounds), f"All {len(rounds)} rounds")
        return "expected", f"{went} went as expected.{undone}" if rounds else f"The run had no rounds.{undone}"
    parts = [f"{count(len(differs), 'round')} of {len(rounds)} went otherwise than expected"] if differs else []
    parts += [f"{count(len(unclear), 'round')} of {len(rounds)} showed nothing either way"] if unclear else []
    parts += [f"{count(expected, 'round')} went as expected"] if expected else []
    sentence = f"{_joined(parts)}.{undone}"
    return "differs" if differs else "inconclusive", sentence


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _why(change: Change) -> str:
    return f": {change.undo.detail}" if change.undo is not None and change.undo.detail else ""


def _because(summary: str) -> str:
    return f": {summary.rstrip('.')}" if summary else ""
