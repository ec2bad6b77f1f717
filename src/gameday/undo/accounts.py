"""Which account undoes a record that somebody else has left: chosen as a run chooses it, by what its entries need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gameday.cluster import Access, Cluster
from gameday.guard.accounts import UndoAccount, undo_account
from gameday.guard.needs import to_make_again, to_remove, to_replace, to_set_back
from gameday.undo.owing import ref_of
from gameday.undo.record import Entry


def account_for(cluster: Cluster, entries: Iterable[Entry]) -> UndoAccount:
    """Choose who undoes these entries."""
    owed = [entry for entry in entries if not entry.is_settled and entry.rollback is None]
    return undo_account(cluster, tuple(dict.fromkeys(access for entry in owed for access in _needs(entry))))


def _needs(entry: Entry) -> Iterator[Access]:
    ref = ref_of(entry.target)
    if entry.is_load:
        return
    if entry.pod is not None:
        yield from to_replace(ref)
    elif entry.remake is not None:
        yield from to_make_again(ref)
    elif entry.created:
        yield from to_remove(ref)
    else:
        yield from to_set_back(ref)
