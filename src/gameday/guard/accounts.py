"""Which account a run is undone with: the one that deploy/ makes for it where that can be had, otherwise the run's own.

In a pod the run's own account injects and need not be able to undo: the guardian takes a token of `gameday-undo` for that. From
anywhere else the own account undoes if it may, as people's accounts mostly do, and the other one only where it may not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gameday.cluster import SYSTEM_NAMESPACE, Access, Cluster
from gameday.errors import ClusterError, UnauthenticatedError, UnreachableError

UNDO_ACCOUNT: Final = "gameday-undo"
TOKEN: Final = Access("create", "serviceaccounts/token", "", SYSTEM_NAMESPACE, UNDO_ACCOUNT)
"""What whoever undoes with that account must be granted, by this name and no other."""


@dataclass(frozen=True, slots=True)
class UndoAccount:
    """With what a run is undone: the cluster as that account sees it."""

    cluster: Cluster
    name: str = ""
    """Empty: the run's own."""
    why_own: str = ""
    """Why it is the run's own although another was wanted."""


def undo_account(cluster: Cluster, needs: Sequence[Access]) -> UndoAccount:
    """Choose who undoes what takes these rights. Of two that both may not, it is for the guard to refuse."""
    try:
        missing = _missing(cluster, needs)
    except ClusterError as error:
        return _own(cluster, error)
    if not missing and not cluster.in_pod():
        return UndoAccount(cluster)
    try:
        acting = cluster.acting_as(SYSTEM_NAMESPACE, UNDO_ACCOUNT)
        lacking = _missing(acting, needs)
    except ClusterError as error:
        return _own(cluster, error)
    if lacking and not missing:
        return UndoAccount(cluster, why_own=f"{UNDO_ACCOUNT} may not {', '.join(map(str, lacking))}")
    return UndoAccount(acting, UNDO_ACCOUNT)


def _own(cluster: Cluster, error: ClusterError) -> UndoAccount:
    if isinstance(error, UnauthenticatedError | UnreachableError):
        raise error
    return UndoAccount(cluster, why_own=str(error))


def _missing(cluster: Cluster, needs: Sequence[Access]) -> list[Access]:
    return [access for access in needs if not cluster.may(access).allowed]
