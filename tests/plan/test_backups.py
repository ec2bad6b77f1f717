"""What losing and restoring a database would change, and what is refused before anything is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from gameday.actions import backups
from gameday.change import Change, PatchObject
from gameday.errors import BadParameterError, NoTargetError

pytestmark = pytest.mark.e2e
AT = "/spec/template/spec/containers[name=main]/env[name={}]/value"


def workload(scratch: Any, **variables: str) -> None:
    scratch.deployment(env=[{"name": name, "value": value} for name, value in variables.items()])


def planned(action: Any, cluster: Any, scratch: Any, **arguments: Any) -> Sequence[Change]:
    found: Sequence[Change] = action.spec.plan(cluster, namespace=scratch.name, name="web", **arguments)
    return found


def fields(changes: Sequence[Change]) -> dict[str, Any]:
    (change,) = changes
    assert isinstance(change, PatchObject)
    return {path.split("[name=")[2].split("]")[0]: value for path, value in change.fields.items()}


def test_a_lost_database_is_one_of_a_name_that_nothing_has(cluster: Any, scratch: Any) -> None:
    workload(scratch, DATABASE="orders")
    (change,) = planned(backups.lose_database, cluster, scratch)
    assert isinstance(change, PatchObject)
    assert change.fields == {AT.format("DATABASE"): "drill-lost-2"}


@pytest.mark.parametrize("state", ["damaged", "corrupted"])
def test_a_damaged_one_begins_as_a_copy_of_the_original(cluster: Any, scratch: Any, state: str) -> None:
    workload(scratch, DATABASE="orders", DATABASE_COPY="none")
    found = fields(planned(backups.lose_database, cluster, scratch, state=state))
    assert found == {"DATABASE": f"drill-{state}-2", "DATABASE_COPY": f"orders:{state}"}


def test_restoring_in_a_drill_opens_another_database_of_the_drill(cluster: Any, scratch: Any) -> None:
    workload(scratch, DATABASE="drill-corrupted-2", DATABASE_COPY="orders:corrupted", RESTORE_FROM="orders")
    found = fields(planned(backups.restore, cluster, scratch))
    assert found == {"DATABASE": "drill-restored-2", "DATABASE_COPY": "none"}


def test_restoring_in_earnest_opens_a_new_database_from_the_backup_that_is_named(cluster: Any, scratch: Any) -> None:
    workload(scratch, DATABASE="orders", RESTORE_FROM="none")
    found = fields(planned(backups.restore, cluster, scratch, copy="orders/A.db.z"))
    assert found == {"DATABASE": "orders-2", "RESTORE_FROM": "orders/A.db.z"}


@pytest.mark.parametrize(
    ("wanted", "variables", "message"),
    [
        ((backups.lose_database, {"state": "torn"}), {"DATABASE": "orders"}, "one of lost, damaged, corrupted, but got 'torn'"),
        ((backups.lose_database, {"kind": "Job"}), {"DATABASE": "orders"}, "one of Deployment, StatefulSet, but got 'Job'"),
        ((backups.lose_database, {}), {}, "a variable DATABASE, which says which database it opens, but there is none"),
        ((backups.lose_database, {"state": "damaged"}), {"DATABASE": "orders"}, "DATABASE_COPY with a text"),
        ((backups.lose_database, {}), {"DATABASE": "drill-lost-2"}, "opens a drill's copy already: drill-lost-2"),
        ((backups.restore, {}), {"DATABASE": "orders"}, "RESTORE_FROM with a text"),
        ((backups.restore, {}), {"DATABASE": "orders", "RESTORE_FROM": "none"}, "so nothing would be restored"),
    ],
)
def test_what_cannot_be_is_refused(
    cluster: Any, scratch: Any, wanted: tuple[Any, dict[str, Any]], variables: dict[str, str], message: str
) -> None:
    action, arguments = wanted
    workload(scratch, **variables)
    with pytest.raises(BadParameterError, match=message):
        planned(action, cluster, scratch, **arguments)


@pytest.mark.parametrize("action", [backups.lose_database, backups.restore])
def test_a_workload_that_is_not_there_is_no_target(cluster: Any, scratch: Any, action: Any) -> None:
    with pytest.raises(NoTargetError, match="there is no deployment"):
        planned(action, cluster, scratch)
