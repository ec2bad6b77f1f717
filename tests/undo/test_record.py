"""The undo record's format and its arithmetic."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.change import MISSING
from gameday.undo.record import (
    FORMAT,
    OWED,
    UNDOING,
    UNDONE,
    Entry,
    OwedField,
    OwedPod,
    Shard,
    Target,
    decode,
    encode,
    format_of,
    owe_field,
    with_entries,
)

WEB = Target("apps/v1", "Deployment", "shop", "web", "uid")
ENTRY = Entry(id="e1", round="r1", by="act", target=WEB)
SHARD = Shard(run_id="run", cluster_uid="c", host="h", guardian_pid=1, guardian_start_ticks=2, run_directory="/r", deadline=3.0)


def test_the_first_pre_image_is_kept_over_several_writes() -> None:
    entry = owe_field(ENTRY, "/spec/replicas", before=2, value=0)
    entry = owe_field(entry, "/spec/replicas", before=0, value=5)
    assert entry.fields == {"/spec/replicas": OwedField(2, [0, 5])}


def test_only_the_last_two_writes_of_the_run_may_still_be_found() -> None:
    entry = ENTRY
    for before, value in [(2, 0), (0, 5), (5, 7)]:
        entry = owe_field(entry, "/spec/replicas", before=before, value=value)
    assert entry.fields["/spec/replicas"] == OwedField(2, [5, 7])


def test_a_write_that_is_asked_for_again_forgets_the_one_that_did_not_happen() -> None:
    entry = owe_field(ENTRY, "/spec/replicas", before=2, value=0)
    entry = owe_field(entry, "/spec/replicas", before=3, value=1)
    assert entry.fields["/spec/replicas"] == OwedField(2, [1])


def test_another_write_makes_an_entry_owed_again() -> None:
    done = msgspec.structs.replace(ENTRY, state=UNDONE, outcome="undone", detail="x")
    assert done.is_settled
    assert owe_field(done, "/a", before=1, value=2).state == OWED


@pytest.mark.parametrize(
    ("state", "outcome", "settled"),
    [
        (OWED, "", False),
        (UNDOING, "", False),
        (UNDONE, "undone", True),
        (UNDONE, "already", True),
        (UNDONE, "left_alone", False),
        (UNDONE, "residue", False),
    ],
)
def test_what_is_left_behind_stays_owed(*, state: str, outcome: str, settled: bool) -> None:
    entry = msgspec.structs.replace(ENTRY, state=state, outcome=outcome)
    assert entry.is_settled is settled
    assert with_entries(SHARD, entry).owes == (() if settled else (entry,))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.just(MISSING),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(before=values, value=values)
def test_whatever_a_field_held_comes_back_from_the_record_as_it_was(before: object, value: object) -> None:
    entry = owe_field(ENTRY, "/data/x", before=before, value=value)
    pod = msgspec.structs.replace(ENTRY, id="e2", pod=OwedPod(WEB, 3))
    shard = with_entries(SHARD, entry, pod)
    assert decode(encode(shard)) == shard


def test_a_format_is_read_without_the_rest() -> None:
    assert format_of(encode(SHARD)) == 1


def test_a_record_is_of_the_newer_format_only_where_it_owes_what_older_readers_do_not_know() -> None:
    remade = with_entries(SHARD, msgspec.structs.replace(ENTRY, remake={"kind": "ConfigMap"}))
    assert format_of(encode(remade)) == FORMAT == 2
    assert with_entries(SHARD, ENTRY).format == 1
    assert format_of(b'{"format": 9, "entries": "of another shape"}') == 9


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'"x"', b"{}", b'{"format": "1"}', b"\xff"])
def test_what_is_no_record_has_no_format(data: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        format_of(data)
