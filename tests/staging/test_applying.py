from __future__ import annotations

from typing import Any

import pytest

from gameday.staging.applying import Manager, applied, remember_update
from gameday.staging.errors import Conflict

ALICE = Manager("alice", "2026-05-01T12:00:00Z", "apps/v1")
BOB = Manager("bob", "2026-05-01T12:00:00Z", "apps/v1")


def configuration(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    template = {"spec": {"containers": list(containers)}} if containers else None
    given = {"template": template, **spec} if template else spec
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": given}


def test_what_a_manager_leaves_out_is_removed() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    first = applied(None, configuration({"name": "x", "env": env}, replicas=2), ALICE, force=False)
    second = applied(first, configuration({"name": "x", "env": env[:1]}), ALICE, force=False)
    assert second["spec"] == {"template": {"spec": {"containers": [{"name": "x", "env": env[:1]}]}}}


def test_what_another_manager_holds_too_stays() -> None:
    first = applied(None, configuration({"name": "x", "image": "1"}, replicas=2), ALICE, force=False)
    second = applied(first, configuration({"name": "x", "image": "1"}), BOB, force=False)
    third = applied(second, configuration(replicas=2), ALICE, force=False)
    assert third["spec"]["template"]["spec"]["containers"] == [{"name": "x", "image": "1"}]


def test_a_field_of_another_manager_is_a_conflict_until_forced() -> None:
    first = applied(None, configuration(replicas=2), ALICE, force=False)
    with pytest.raises(Conflict, match=r'Apply failed with 1 conflict: conflict with "alice": \.spec\.replicas'):
        applied(first, configuration(replicas=3), BOB, force=False)
    taken = applied(first, configuration(replicas=3), BOB, force=True)
    assert taken["spec"]["replicas"] == 3
    assert [entry["manager"] for entry in taken["metadata"]["managedFields"]] == ["bob"]


def test_a_plain_write_takes_over_the_fields_it_changes() -> None:
    first = applied(None, configuration(replicas=2, paused=True), ALICE, force=False)
    second = {**first, "metadata": dict(first["metadata"]), "spec": {"replicas": 5, "paused": True}}
    remember_update(first, second, BOB)
    held = {entry["manager"]: entry["fieldsV1"] for entry in second["metadata"]["managedFields"]}
    assert held == {"alice": {"f:spec": {"f:paused": {}}}, "bob": {"f:spec": {"f:replicas": {}}}}


def test_applying_the_same_again_changes_nothing_but_the_time() -> None:
    first = applied(None, configuration({"name": "x", "image": "1"}), ALICE, force=False)
    later = Manager("alice", "2026-05-01T13:00:00Z", "apps/v1")
    assert applied(first, configuration({"name": "x", "image": "1"}), later, force=False) == first
