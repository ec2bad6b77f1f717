"""Rules about the runbook's shape: its phases, their order, and what the front matter promises to whom."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.runbook.linting.model import Hit, Subject
from gameday.runbook.linting.registry import rule
from gameday.runbook.markdown import Section, is_phase
from gameday.runbook.model import PHASES


@rule("RB101", "A phase is missing")
def missing_phases(subject: Subject) -> Iterator[Hit]:
    """A runbook has seven phases, each with a step: Detect, Classify, Diagnose, Resolve, Communicate, Close, Review.

    What nobody wrote down is what is forgotten at three in the morning, mostly to tell customers, and that it is over. If
    there is really nothing to do in a phase, a step of prose says so.
    """
    used = subject.read().phases
    headings = {section.heading.text: section.heading.line for section in _phases(subject)}
    for phase in PHASES:
        if phase in headings and phase not in used:
            yield Hit(headings[phase], f"the phase {phase} has no step", "put a heading ### below it, and say what is to be done")
    missing = [phase for phase in PHASES if phase not in headings]
    if missing:
        yield Hit(1, f"there is no phase {', '.join(missing)}", f"add ## {missing[0]} with at least one step")


@rule("RB102", "Phases out of order", severity="warning")
def out_of_order(subject: Subject) -> Iterator[Hit]:
    """Phases stand in the order in which they are gone through, each once.

    People under stress read downwards. Steps of Communicate run beside those of Resolve all the same: the order is that of
    the page, and not of the clock.
    """
    seen: list[str] = []
    for section in _phases(subject):
        name = section.heading.text
        if name in seen:
            yield Hit(section.heading.line, f"the phase {name} stands here a second time", "put its steps below the first one")
        elif seen and PHASES.index(name) < PHASES.index(seen[-1]):
            yield Hit(section.heading.line, f"the phase {name} stands behind {seen[-1]}", f"the order is {', '.join(PHASES)}")
        seen.append(name)


@rule("RB111", "Audiences, but no time of the next update", severity="warning")
def no_cadence(subject: Subject) -> Iterator[Hit]:
    """Where `audiences` says who is told, `updates_every` says how often.

    Without it, no clock can say that an update is late, and the silence is filled by others.
    """
    runbook = subject.read()
    if runbook.audiences and runbook.updates_every_seconds is None:
        told = f"{', '.join(runbook.audiences)} are told, but nobody is owed a next update"
        yield Hit(subject.front_line("audiences"), told, "add updates_every: 15m to the front matter")


@rule("RB112", "Experiments, but no objective", severity="warning")
def no_objective(subject: Subject) -> Iterator[Hit]:
    """A runbook that experiments are to prove has an objective `rto`: within which time it brings the service back.

    Proven means "within the objectives"; without one, any time would do.
    """
    runbook = subject.read()
    if runbook.experiments and runbook.objectives.rto_seconds is None:
        told = "experiments prove this runbook, but it does not say within which time"
        yield Hit(subject.front_line("experiments"), told, "add objectives: {rto: 15m} to the front matter")


def _phases(subject: Subject) -> list[Section]:
    return [section for section in subject.sections if is_phase(section) and section.heading.text in PHASES]
