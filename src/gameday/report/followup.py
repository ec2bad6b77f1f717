"""What to do next, derived from what the run showed; each thing with an owner, the most urgent first.

An owner is one the experiment or the game day names; where neither names one, it is whoever ran it. Nothing is proposed
that does not rest on an event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from gameday.report.facts import Followup, Round, Story
from gameday.report.words import count, duration, listed

NOBODY = "whoever ran this"
RECOVER = "gameday recover"
PROPOSAL = "gameday report --format diff"
_LEADS = ("lead", "facilitator", "incident commander", "incident-commander", "commander", "operator", "owner")


def owner_of_run(roles: Mapping[str, str]) -> str:
    """Return who answers for the run as a whole: who leads it, otherwise the first role that is filled."""
    filled = {role.lower(): person for role, person in roles.items() if person}
    return next((filled[role] for role in _LEADS if role in filled), next(iter(filled.values()), NOBODY))


def followups(story: Story) -> tuple[Followup, ...]:
    """Return everything that is to be done after this run; empty if there is nothing."""
    found = [*_of_run(story)]
    for part in (_orders, _verdict, _objective, _runbook, _inconclusive, _unjudged, _people):
        for round_ in story.rounds:
            found += part(round_)
    return tuple(found)


def _of_run(story: Story) -> Iterator[Followup]:
    owner = owner_of_run(story.run.roles)
    if story.residue:
        yield Followup(
            "Undo what is left behind, then look at it by hand where that does not help.",
            _ended(listed(story.residue)),
            owner,
            "",
            RECOVER,
        )
    elif not story.ended and story.state != "empty":
        yield Followup("Make sure that the run is not still on, then recover it.", "The log has no end.", owner, "", RECOVER)
    for process in story.processes:
        if process.died:
            how = f"signal {process.signal}" if process.signal is not None else f"exit {process.exit_code}"
            yield Followup(f"Find out why the {process.role} died.", f"Process {process.pid}, {how}.", owner, "", "")


def _orders(round_: Round) -> Iterator[Followup]:
    ledger = round_.ledger
    if ledger is None:
        return
    if ledger.lost:
        yield _for(
            round_,
            f"Find out where {count(len(ledger.lost), 'acknowledged order')} went.",
            f"Not in the shop: {listed(ledger.lost)}.",
        )
    if ledger.doubled:
        yield _for(
            round_,
            f"Find out why {count(len(ledger.doubled), 'order was', 'orders were')} taken twice despite the idempotency key.",
            f"Doubled: {listed(ledger.doubled)}.",
        )
    if ledger.altered:
        yield _for(
            round_,
            f"Find out why {count(len(ledger.altered), 'order has', 'orders have')} another amount than the customer was told.",
            f"Altered: {listed(ledger.altered)}.",
        )
    if ledger.unrecorded:
        yield _for(
            round_,
            f"Give back what {count(len(ledger.unrecorded), 'customer')} paid for an order that is not there.",
            f"Charged, and no order: {listed(ledger.unrecorded)}.",
        )
    if ledger.untracked:
        yield _for(
            round_,
            f"Find the customers of {count(len(ledger.untracked), 'failed order')} that nobody wrote down, and tell them.",
            f"Failed, and on no list: {listed(ledger.untracked)}.",
        )
    if ledger.error:
        yield _for(round_, "Look up the orders by hand: the ledger could not be checked.", ledger.error)


def _verdict(round_: Round) -> Iterator[Followup]:
    verdict = round_.verdict
    why = "; ".join(verdict.reasons)
    if verdict.verdict == "deviated" and verdict.as_expected:
        yield _for(round_, "Decide whether this known weakness stays: fix it, or accept it with a date.", why)
    elif verdict.verdict == "deviated":
        yield _for(round_, "Find the cause, fix it, and repeat the round.", why)
    elif verdict.verdict == "held" and not verdict.as_expected:
        yield _for(round_, f"Change the plan: it expects {verdict.expected}, and the hypothesis held.", why)


def _objective(round_: Round) -> Iterator[Followup]:
    if round_.verdict.within_objective is not False:
        return
    objective, recovery = round_.objectives.get("rto_seconds"), round_.verdict.recovery
    measured = f"measured {duration(recovery.seconds)}" if recovery else "not seen to recover"
    yield _for(round_, "Bring the time to recover under its objective, or change the objective.",
               f"Objective {duration(objective)}, {measured}.")  # fmt: skip


def _runbook(round_: Round) -> Iterator[Followup]:
    if round_.verdict.runbook == "refuted":
        bad = [step for step in round_.steps if step.result in {"failed", "check_failed"}]
        why = "; ".join(f"step {step.step} ({step.title}): {step.detail or step.result.replace('_', ' ')}" for step in bad)
        yield _for(round_, f"Correct the runbook “{round_.runbook}”: it does not do what it says.", why)
    elif round_.proof is not None and round_.proof.outcome == "refuted":
        bad_steps = [f"{step.title}: {step.why}" for step in round_.proof.steps if step.judgement in {"worse", "wrong"}]
        broken = [f"a warning was broken by {item.by}: {item.text}" for item in round_.proof.broken]
        why = "; ".join([*round_.proof.reasons, *bad_steps, *broken])
        yield _for(round_, f"Correct the runbook “{round_.proof.runbook}”: its steps alone do not do what it says.", why)


def _inconclusive(round_: Round) -> Iterator[Followup]:
    if round_.verdict.verdict == "inconclusive":
        yield _for(
            round_, "Remove the reason why nothing could be said, and repeat the round.", "; ".join(round_.verdict.reasons)
        )


def _unjudged(round_: Round) -> Iterator[Followup]:
    if round_.verdict.verdict == "none" and round_.people is None:
        yield _for(round_, "Repeat the round: it ended before a verdict.", round_.outcome and f"Outcome: {round_.outcome}.")


def _people(round_: Round) -> Iterator[Followup]:
    people = round_.people
    if people is None:
        return
    late = [update for update in people.updates if update.kept is False]
    if late:
        names = listed([f"{update.what} due {update.due_at[11:16]} UTC" for update in late])
        yield _for(round_, "Find out why customers waited for their messages, and who could have sent them.", names)
    if people.untold:
        yield _for(round_, "Tell those who still read that it goes on that it is over.", f"Never told: {listed(people.untold)}.")
    if people.classified and people.classified[-1].judgement in {"under", "over"}:
        last, measured = people.classified[-1], people.impact.severity if people.impact else ""
        why = f"Classified as {last.severity}, measured as {measured} by gameday's own thresholds."
        yield _for(round_, "Look at how the severity was chosen, and whether the guide says it clearly enough.", why)
    if people.proposal:
        what = f"Decide on {count(len(people.proposal), 'proposed change')} of the runbook “{people.runbook}”."
        why = listed([f"{change.title} ({change.why})" for change in people.proposal], at_most=3)
        yield replace(_for(round_, what, why), command=PROPOSAL)


def _ended(sentence: str) -> str:
    return sentence and sentence.rstrip(".") + "."


def _for(round_: Round, what: str, why: str) -> Followup:
    return Followup(what, _ended(why), ", ".join(round_.owners), round_.id, "")
