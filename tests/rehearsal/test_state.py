from __future__ import annotations

from gameday.log.events import ChangeApplied, ChangeOwed, RoundEnded, RoundStarted
from gameday.log.people import (
    Classified,
    InjectShown,
    MessageSent,
    MomentMarked,
    PeopleDone,
    PersonJoined,
    PersonLeft,
    RoleHandedOver,
    StepBegun,
    StepTicked,
)
from gameday.rehearsal.state import Incident, State
from tests.rehearsal.logs import at, state_after


def incident(state: State) -> Incident:
    assert state.incident is not None
    return state.incident


def tick(person: str, outcome: str = "done", step: str = "see") -> StepTicked:
    return StepTicked(runbook="dependency-down", step=step, person=person, outcome=outcome, round="one")


def test_of_two_people_who_tick_one_step_the_first_in_the_log_did_it_and_the_second_is_named() -> None:
    step = incident(state_after((10, tick("Ben")), (10, tick("Ada", "skipped")))).steps["see"]
    assert (step.outcome, step.by, step.ended_at, step.also_by) == ("done", "Ben", at(10), ("Ada",))


def test_a_step_that_is_begun_twice_was_begun_when_it_first_was() -> None:
    begun = [(5.0, StepBegun(runbook="r", step="see", person="Ben")), (9.0, StepBegun(runbook="r", step="see", person="Ada"))]
    step = incident(state_after(*begun)).steps["see"]
    assert (step.begun_at, step.begun_by) == (at(5), "Ben")


def test_a_tick_of_a_step_that_the_runbook_does_not_have_changes_nothing() -> None:
    assert all(not step.outcome for step in incident(state_after((1, tick("Ben", step="gone")))).steps.values())


def test_the_next_step_is_the_first_that_nobody_has_ticked_or_skipped() -> None:
    state = state_after((1, tick("Ben", "skipped")))
    following = incident(state).next_step
    assert following is not None
    assert following.id == "scale"


def test_the_fault_is_when_a_change_of_the_method_was_acknowledged_and_not_one_that_prepared_or_a_steps() -> None:
    def owed(change_id: str, *, by: str = "scale", prepares: bool = False) -> ChangeOwed:
        return ChangeOwed(change_id=change_id, by=by, kind="patch", object="o", summary="s", prepares=prepares, round="one")

    state = state_after(
        (1, owed("c1", prepares=True)),
        (2, ChangeApplied(change_id="c1", applied_mono=2, round="one")),
        (3, owed("c2")),
        (4, ChangeApplied(change_id="c2", applied_mono=4, round="one")),
        (5, owed("c3", by="step by people")),
        (6, ChangeApplied(change_id="c3", applied_mono=6, round="one")),
    )
    assert incident(state).moments["fault"].at == at(4)


def test_a_moment_that_was_noted_later_is_when_it_happened_and_one_that_is_withdrawn_is_open_again() -> None:
    declared = MomentMarked(moment="declared", person="Ada", occurred_at="2026-11-27T11:00:30+01:00")
    state = state_after((90, declared))
    assert incident(state).moments["declared"].at == at(30)
    state = state_after((90, declared), (95, MomentMarked(moment="declared", person="Ada", withdrawn=True)))
    assert "declared" not in incident(state).moments


def test_classifying_alerting_and_writing_to_customers_are_moments_and_the_first_of_each_counts() -> None:
    state = state_after(
        (1, InjectShown(inject="a", what="alert", to=[], text="orders fail")),
        (2, Classified(person="Ada", severity="minor")),
        (3, Classified(person="Ada", severity="critical")),
        (4, MessageSent(person="Ada", audience="support", channel="chat", text="x")),
        (5, MessageSent(person="Ada", audience="customers", channel="status page", text="x")),
        (6, MessageSent(person="Ada", audience="customers", channel="status page", text="y")),
    )
    found = {name: moment.at for name, moment in incident(state).moments.items()}
    assert found == {"alert": at(1), "classified": at(2), "first_message": at(5)}
    assert [one.severity for one in incident(state).classifications] == ["minor", "critical"]


def test_a_role_that_is_handed_over_has_one_holder_and_one_that_was_taken_has_none_until_the_round_ends() -> None:
    handed = (1.0, RoleHandedOver(role="incident commander", person="Ada", to="Ben"))
    state = state_after(handed)
    assert set(state.roles_of("Ben")) == {"subject-matter expert", "incident commander"}
    assert state.people["Ada"].roles == ()
    taken = (2.0, RoleHandedOver(role="subject-matter expert", person="Ben", to="", taken=True))
    state = state_after(handed, taken)
    assert state.taken_roles == {"subject-matter expert"}
    assert state.roles_of("Ben") == ("incident commander",)
    next_round = (3.0, RoundStarted(round="two", title="t", experiment="x", experiment_digest="d"))
    assert state_after(handed, taken, next_round).taken_roles == set()


def test_somebody_who_leaves_holds_nothing_and_has_it_again_only_by_joining_with_it() -> None:
    state = state_after((1, PersonLeft(person="Ada")))
    assert (state.people["Ada"].is_there, state.holders.get("incident commander")) == (False, None)
    state = state_after((1, PersonLeft(person="Ada")), (2, PersonJoined(person="Ada")))
    assert (state.people["Ada"].is_there, state.roles_of("Ada")) == (True, ())


def test_a_second_person_does_not_get_a_role_by_joining_with_it() -> None:
    assert state_after((1, PersonJoined(person="Cleo", roles=["incident commander"]))).holders["incident commander"] == "Ada"


def test_a_round_is_over_for_people_before_it_is_over_for_the_run() -> None:
    state = state_after((1, PeopleDone(person="Fay", round="one", rehearsal_over=True)))
    assert (incident(state).people_done, incident(state).ended, state.is_last) == (True, False, True)
    assert incident(state_after((1, RoundEnded(round="one")))).ended
