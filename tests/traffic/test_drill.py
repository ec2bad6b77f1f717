"""In a drill, the copy is judged before the undo: what was forgotten, how old the newest recovered order was, what was lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.traffic.drill import SLACK_SECONDS, CopyResult, check_copy
from gameday.traffic.ledger import Entry, FindOrders, FoundOrder, LedgerWriter, check_ledger

MARK = "DRILL-"
FAULT_AT = 100.0


def before(ended: float, amount: int = 5) -> Entry:
    """Return an order that the original took."""
    return Entry(f"k{ended}", "c", ended - 0.1, ended, ended, reference=f"SO-{ended}", amount=amount)


def of_drill(ended: float) -> Entry:
    """Return an order that the copy took."""
    return Entry(f"k{ended}", "c", ended - 0.1, ended, ended, reference=f"{MARK}{ended}", amount=5)


def failed(ended: float) -> Entry:
    return Entry(f"k{ended}", "c", ended - 0.1, ended, ended, error="status_503")


def holding(entries: Iterable[Entry], amount: int = 5) -> FindOrders:
    """Return a shop that has the orders of these entries."""
    known = {entry.key: FoundOrder(str(entry.reference), entry.key, amount) for entry in entries}
    return lambda _references, keys: [known[key] for key in keys if key in known]


def written(folder: Path, entries: Sequence[Entry]) -> Path:
    writer = LedgerWriter(folder / "ledger.jsonl", (MARK,))
    writer.open()
    for entry in entries:
        writer.add(entry)
    writer.close()
    return folder / "ledger.jsonl"


def copied(folder: Path, entries: Sequence[Entry], there: Sequence[Entry]) -> CopyResult:
    return check_copy(written(folder, entries), holding(there), fault_at=FAULT_AT)


def test_the_recovery_point_is_the_age_of_the_newest_recovered_order_at_the_loss(tmp_path: Path) -> None:
    old, new, drill = [before(90.0), before(95.5)], [before(96.0), before(99.0)], [of_drill(103.0)]
    found = copied(tmp_path, [*old, *new, failed(101.0), *drill], [*old, *drill])
    assert (found.recovery_point_seconds, found.forgotten, found.is_least) == (4.5, 2, False)
    assert (found.acknowledged, found.found, found.drill, found.lost) == (5, 3, 1, ())


def test_with_nothing_forgotten_the_recovery_point_is_zero_however_long_nobody_ordered(tmp_path: Path) -> None:
    found = copied(tmp_path, [before(10.0)], [before(10.0)])
    assert (found.recovery_point_seconds, found.forgotten) == (0.0, 0)


def test_orders_that_the_original_took_until_it_was_let_go_are_of_before_the_loss(tmp_path: Path) -> None:
    found = copied(tmp_path, [before(99.0), before(100.4)], [before(99.0)])
    assert found.forgotten == 1
    assert found.recovery_point_seconds == pytest.approx(1.4)


def test_if_none_of_the_runs_orders_was_recovered_the_newest_is_at_least_as_old_as_the_first(tmp_path: Path) -> None:
    found = copied(tmp_path, [before(90.0), before(99.0)], [])
    assert (found.recovery_point_seconds, found.is_least, found.forgotten) == (10.0, True, 2)


def test_an_order_of_the_drill_that_the_copy_lacks_is_lost_whatever_the_objective(tmp_path: Path) -> None:
    found = copied(tmp_path, [before(99.0), of_drill(103.0)], [before(99.0)])
    assert [entry.ended for entry in found.lost] == [103.0]


def test_what_was_taken_until_a_step_restored_a_backup_is_forgotten_with_it_and_counts_by_its_age(tmp_path: Path) -> None:
    old, harmed, between, new = before(98.0), of_drill(105.0), of_drill(110.5), of_drill(112.0)
    ledger = written(tmp_path, [old, harmed, between, new])
    found = check_copy(ledger, holding([old, new]), fault_at=FAULT_AT, repointed=(110.0, 111.0))
    assert (found.lost, found.forgotten, found.recovery_point_seconds) == ((), 2, 7.0)
    assert (found.acknowledged, found.drill) == (4, 3)


def test_what_was_taken_after_a_step_has_restored_is_lost_if_it_is_not_there(tmp_path: Path) -> None:
    ledger = written(tmp_path, [before(98.0), of_drill(112.0)])
    found = check_copy(ledger, holding([before(98.0)]), fault_at=FAULT_AT, repointed=(110.0, 111.0))
    assert [entry.ended for entry in found.lost] == [112.0]


def test_an_order_that_is_missing_although_later_ones_are_there_is_a_hole_and_lost(tmp_path: Path) -> None:
    entries = [before(80.0), before(90.0), before(99.0)]
    found = copied(tmp_path, entries, [entries[0], entries[2]])
    assert ([entry.ended for entry in found.lost], found.forgotten) == ([90.0], 0)


def test_of_orders_that_were_taken_together_either_may_be_the_newest(tmp_path: Path) -> None:
    entries = [before(98.9 - SLACK_SECONDS / 2), before(98.9)]
    found = copied(tmp_path, entries, entries[1:])
    assert (found.lost, found.forgotten) == ((), 1)


def test_amounts_that_are_otherwise_in_the_copy_are_altered(tmp_path: Path) -> None:
    path = written(tmp_path, [before(99.0)])
    found = check_copy(path, holding([before(99.0)], amount=105), fault_at=FAULT_AT)
    assert [entry.ended for entry in found.altered] == [99.0]


def test_orders_of_an_earlier_drill_of_the_run_are_not_looked_for_in_this_copy(tmp_path: Path) -> None:
    found = copied(tmp_path, [of_drill(50.0), before(99.0), of_drill(103.0)], [before(99.0), of_drill(103.0)])
    assert (found.drill, found.lost) == (1, ())


def test_after_the_undo_the_drills_orders_are_not_looked_for_and_all_others_are(tmp_path: Path) -> None:
    path = written(tmp_path, [before(90.0), before(99.0), of_drill(103.0), failed(104.0), before(110.0)])
    found = check_ledger(path, holding([before(90.0), before(110.0)]))
    assert [entry.ended for entry in found.lost] == [99.0]
    assert (found.acknowledged, found.drill, found.indeterminate) == (3, 1, 1)


@given(kept=st.integers(0, 60), ordered=st.integers(1, 60))
def test_a_copy_that_ends_at_some_moment_forgets_exactly_what_came_later(
    tmp_path_factory: pytest.TempPathFactory, kept: int, ordered: int
) -> None:
    entries = [before(FAULT_AT - ordered + number) for number in range(ordered)]
    found = copied(tmp_path_factory.mktemp("l"), entries, entries[:kept])
    assert found.lost == ()
    assert found.forgotten == max(ordered - kept, 0)
    if 0 < kept < ordered:
        assert found.recovery_point_seconds == ordered - kept + 1
