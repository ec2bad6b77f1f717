"""A record without a run: whose it is, and which cluster it is about."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gameday.cluster import ObjectRef
from gameday.kube import KubeCluster
from gameday.undo.orphans import Recovered, let_go, undo_record
from gameday.undo.record import OWED, UNDOING
from gameday.undo.settling import Undoer

pytestmark = pytest.mark.e2e


def as_due(books: Any, **members: Any) -> Any:
    for item in books.store.read(books.run_id):
        shard = msgspec.structs.replace(item.shard, deadline=0.0, **members)
        books.store.write(item.name, shard, version=item.version)
    return books.store.read(books.run_id)


def spoil(books: Any, scratch: Any) -> None:
    scratch.config_map(key="good")
    books.patch(scratch.ref("ConfigMap", "settings"), fields={"/data/key": "bad"})


def undone_by(books: Any, holder: str, shards: Any) -> Recovered:
    return undo_record(Undoer(books.cluster, holder, books.run_id, sleep=books.clock.sleep), shards)


def test_a_record_about_another_cluster_is_not_undone_here(books: Any, scratch: Any) -> None:
    spoil(books, scratch)
    found = undone_by(books, "a", as_due(books, cluster_uid="another"))
    assert found.state == "residue"
    assert "about the cluster another, and this is" in found.detail
    assert scratch.get("ConfigMap", "settings")["data"] == {"key": "bad"}


def test_a_cluster_is_recognised_by_the_name_that_a_run_with_fewer_rights_gave_it(
    books: Any, scratch: Any, cluster: KubeCluster
) -> None:
    system = cluster.get(ObjectRef("v1", "Namespace", "", "gameday-system"))
    assert system is not None
    spoil(books, scratch)
    found = undone_by(books, "a", as_due(books, cluster_uid=f"ca:0123456789abcdef/{system['metadata']['uid']}"))
    assert found.state == "undone", found
    assert scratch.get("ConfigMap", "settings")["data"] == {"key": "good"}
    assert books.store.read(books.run_id) == []


def test_a_record_that_was_renewed_while_another_undoer_held_it_is_its_guardian_s(books: Any, scratch: Any) -> None:
    spoil(books, scratch)
    held = [msgspec.structs.replace(entry, state=UNDOING, holder="b", holder_expires=9e9) for entry in books.debt.entries]
    books.debt.update(*held)
    shards = as_due(books)

    def renewed() -> None:
        books.debt.reload()
        # The other one has let go, too: only the deadline keeps us from it now.
        books.debt.update(*(msgspec.structs.replace(entry, state=OWED, holder="") for entry in books.debt.entries))
        books.debt.renew(books.cluster.server_time())

    books.clock.between = renewed
    assert undone_by(books, "a", shards).state == "on"
    assert scratch.get("ConfigMap", "settings")["data"] == {"key": "bad"}


def test_what_an_undoer_lets_go_is_free_at_once_and_what_others_hold_stays_theirs(books: Any, scratch: Any) -> None:
    for number, holder in enumerate(("a", "b")):
        scratch.config_map(f"m{number}", key="good")
        owed = books.patch(scratch.ref("ConfigMap", f"m{number}"), fields={"/data/key": "bad"})
        books.debt.update(msgspec.structs.replace(owed.entry, state=UNDOING, holder=holder, holder_expires=9e9))
    let_go(Undoer(books.cluster, "a", books.run_id))
    books.debt.reload()
    assert [(entry.state, entry.holder) for entry in books.debt.entries] == [(OWED, ""), (UNDOING, "b")]
