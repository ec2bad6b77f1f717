"""A field that is owed, and writes around it and within it: one pre-image, from before the run."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.change import MISSING
from gameday.undo.overlapping import owe_change, owe_write
from gameday.undo.record import Entry, OwedField, Target

SELECTOR = "/spec/selector"
ENV = "/spec/env"


def entry(**fields: OwedField) -> Entry:
    paths = {name.replace("__", "/"): owed for name, owed in fields.items()}
    return Entry(id="e1", round="r", by="act", target=Target("v1", "Service", "shop", "payment", "u"), fields=paths)


def spec(**members: Any) -> dict[str, Any]:
    return {"spec": members}


def test_within_a_field_that_is_owed_nothing_is_owed_twice() -> None:
    owed = entry(__spec__selector=OwedField({"app": "payment"}, [{"app": "bad"}]))
    was, then = spec(selector={"app": "bad"}), spec(selector={"app": "canary", "tier": "x"})
    owed = owe_write(owed, f"{SELECTOR}/app", before="bad", value="canary", was=was, then=then)
    owed = owe_write(owed, f"{SELECTOR}/tier", before=MISSING, value="x", was=was, then=then)
    assert owed.fields == {SELECTOR: OwedField({"app": "payment"}, [{"app": "bad"}, then["spec"]["selector"]])}


@pytest.mark.parametrize("owe", [owe_change, owe_write])
def test_within_what_the_run_has_not_written_yet_a_write_is_the_runs_too(owe: Any) -> None:
    owed = entry(__spec__selector=OwedField({"app": "payment"}, [{"app": "bad"}]))
    was, then = spec(selector={"app": "payment"}), spec(selector={"app": "canary"})
    owed = owe(owed, f"{SELECTOR}/app", before="payment", value="canary", was=was, then=then)
    assert owed.fields == {SELECTOR: OwedField({"app": "payment"}, [{"app": "bad"}, {"app": "canary"}])}


@pytest.mark.parametrize("owe", [owe_change, owe_write])
def test_a_write_within_a_field_to_which_somebody_else_wrote_since_makes_that_no_write_of_the_runs(owe: Any) -> None:
    owed = entry(__spec__selector=OwedField({"app": "payment"}, [{"app": "bad"}]))
    was, then = spec(selector={"app": "bad", "tier": "x"}), spec(selector={"app": "canary", "tier": "x"})
    assert owe(owed, f"{SELECTOR}/app", before="bad", value="canary", was=was, then=then).fields == owed.fields


def test_an_entry_that_the_run_added_to_a_list_is_the_field_around_its_value() -> None:
    added = {"name": "FAULT", "value": "on"}
    owed = Entry(id="e1", round="r", by="act", target=entry().target, fields={f"{ENV}[name=FAULT]": OwedField(MISSING, [added])})
    now = {"name": "FAULT", "value": "off"}
    owed = owe_write(owed, f"{ENV}[name=FAULT]/value", before="on", value="off", was=spec(env=[added]), then=spec(env=[now]))
    assert owed.fields == {f"{ENV}[name=FAULT]": OwedField(MISSING, [added, now])}


def test_a_write_around_a_field_that_is_owed_has_what_was_before_the_run_as_its_pre_image() -> None:
    path = f"{ENV}[name=MODE]/value"
    owed = Entry(id="e1", round="r", by="act", target=entry().target, fields={path: OwedField("off", ["on"])})
    before = [{"name": "MODE", "value": "on"}]
    owed = owe_write(owed, ENV, before=before, value=MISSING, was=spec(env=before), then=spec())
    assert owed.fields == {
        path: OwedField("off", ["on", MISSING]),
        ENV: OwedField([{"name": "MODE", "value": "off"}], [MISSING]),
    }


def test_a_write_to_come_is_owed_in_the_same_way() -> None:
    owed = entry(__spec__selector__app=OwedField("payment", ["bad"]))
    was, then = spec(selector={"app": "bad"}), spec(selector={"app": "worse"})
    owed = owe_change(owed, SELECTOR, before={"app": "bad"}, value={"app": "worse"}, was=was, then=then)
    assert owed.fields == {
        f"{SELECTOR}/app": OwedField("payment", ["bad", "worse"]),
        SELECTOR: OwedField({"app": "payment"}, [{"app": "worse"}]),
    }


def test_a_map_that_lost_its_last_key_and_is_written_again_has_that_key_in_its_pre_image() -> None:
    """The server drops an empty map, so that what writes a key of it again writes the map."""
    owed = entry(__data__colour=OwedField("red", [MISSING]))
    owed = owe_write(owed, "/data", before=MISSING, value={"shape": "flat"}, was={}, then={"data": {"shape": "flat"}})
    assert owed.fields == {
        "/data/colour": OwedField("red", [MISSING]),
        "/data": OwedField({"colour": "red"}, [{"shape": "flat"}]),
    }


def test_a_map_that_had_no_key_before_the_run_either_is_missing_in_its_pre_image() -> None:
    owed = entry(__data__colour=OwedField(MISSING, ["red", MISSING]))
    owed = owe_write(owed, "/data", before=MISSING, value={"colour": "blue"}, was={}, then={"data": {"colour": "blue"}})
    assert owed.fields == {
        "/data/colour": OwedField(MISSING, ["red", MISSING, "blue"]),
        "/data": OwedField(MISSING, [{"colour": "blue"}]),
    }


def test_a_field_whose_name_begins_alike_is_another() -> None:
    owed = entry(__spec__selector=OwedField(1, [2]))
    was, then = (spec(selector=2, selectors={"app": value}) for value in (1, 2))
    owed = owe_write(owed, "/spec/selectors/app", before=1, value=2, was=was, then=then)
    assert owed.fields["/spec/selector"] == OwedField(1, [2])
    assert owed.fields["/spec/selectors/app"] == OwedField(1, [2])


def test_what_the_run_had_written_before_stays_known_after_a_write_that_was_only_seen() -> None:
    owed = entry(__spec__replicas=OwedField(2, [0]))
    owed = owe_write(owed, "/spec/replicas", before=2, value=3, was=spec(replicas=2), then=spec(replicas=3))
    assert owed.fields == {"/spec/replicas": OwedField(2, [0, 3])}
