"""What a block wrote that was cut short, told from what an undo may have set back since the look before it."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

from gameday.change import MISSING
from gameday.cluster import Json, ObjectRef
from gameday.run import blocks_writes as module
from gameday.run.blocks_writes import as_undone
from gameday.run.snapshot import Snapshot, Writes
from gameday.undo.owing import target_of
from gameday.undo.record import Entry, OwedField

REF = ObjectRef("v1", "Service", "shop", "payment", "u1")


def service(*, uid: str = "u1", labels: dict[str, str] | None = None, **selector: str) -> Json:
    metadata = {"name": "payment", "namespace": "shop", "uid": uid, "resourceVersion": "7"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata | ({"labels": labels} if labels else {}),
        "spec": {"selector": selector},
    }


def entry(**members: Any) -> Entry:
    return Entry(id="e1", round="r", by="act", target=target_of(REF), **members)


FAULT = entry(fields={"/spec/selector": OwedField({"app": "payment"}, [{"app": "bad"}])})
LOOK = {REF: service(app="bad")}


def blocks_writes(before: Snapshot, now: Snapshot, owed: Sequence[Entry], until: float = math.inf) -> Writes:
    return module.blocks_writes(before, now, owed, until=until)


def test_what_the_undo_set_back_is_no_write_of_the_block() -> None:
    assert blocks_writes(LOOK, {REF: service(app="payment")}, [FAULT]) == Writes({}, [], [], [])


def test_what_the_block_wrote_goes_back_to_what_there_was_before_the_fault() -> None:
    found = blocks_writes(LOOK, {REF: service(app="canary", tier="x")}, [FAULT])
    assert found.fields == {REF: {"/spec/selector/app": ("payment", "canary"), "/spec/selector/tier": (MISSING, "x")}}


def test_what_nothing_was_owed_about_is_told_as_it_is() -> None:
    assert blocks_writes(LOOK, {REF: service(app="canary")}, []).fields == {REF: {"/spec/selector/app": ("bad", "canary")}}


def test_a_label_that_the_run_had_set_and_the_undo_took_away_is_not_the_blocks() -> None:
    marked = entry(fields={"/metadata/labels/fault": OwedField(MISSING, ["on"])})
    before = {REF: service(labels={"fault": "on"}, app="payment")}
    assert blocks_writes(before, {REF: service(app="payment")}, [marked]) == Writes({}, [], [], [])


def test_what_the_run_had_created_and_the_undo_removed_was_not_deleted_by_the_block() -> None:
    assert blocks_writes(LOOK, {}, [entry(created=True)]).deleted == []
    assert blocks_writes(LOOK, {}, []).deleted == [REF]


def test_what_an_earlier_block_deleted_and_the_undo_made_again_was_not_created_by_this_one() -> None:
    again = service(uid="u2", app="payment")
    other = service(uid="u2", app="another")
    owed = entry(remake={"apiVersion": "v1", "kind": "Service", "metadata": {"name": "payment"}, "spec": again["spec"]})
    ref = ObjectRef.of(again)
    assert blocks_writes({}, {ref: again}, [owed]).created == []
    assert blocks_writes({}, {ref: other}, [owed]).created == [ref]


def test_an_object_as_undone_is_still_the_same_object() -> None:
    before = copy.deepcopy(LOOK)
    (undone,) = as_undone(LOOK, [FAULT]).values()
    assert ObjectRef.of(undone) == REF
    assert undone["spec"] == {"selector": {"app": "payment"}}
    assert before == LOOK


def test_what_came_when_the_block_must_have_been_over_is_somebody_elses() -> None:
    made = service()
    made["metadata"]["creationTimestamp"] = "1970-01-01T00:10:00Z"
    assert blocks_writes({}, {REF: made}, [], until=599.0).created == []
    assert blocks_writes({}, {REF: made}, [], until=600.0).created == [REF]
