"""`python -m tests.crash.injecting`: carries a plan out as guardian and worker do, in a process that may be killed for good.

The same functions serve the deaths that are only faked; what is carried out is read as JSON from standard input.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from gameday.change import Change
from gameday.cluster import Cluster
from gameday.errors import ConflictError, GamedayError
from gameday.kube import connect
from gameday.run.inject import perform
from gameday.undo.orphans import undo_record
from gameday.undo.owing import Debt, blank_shard
from gameday.undo.settling import Undoer, holder_here
from gameday.undo.storing import SecretStore
from tests.conftest import Scratch
from tests.crash.plans import Stage, Step

_ATTEMPTS = 3


def inject(stage: Stage, steps: Sequence[Step], cluster: Cluster, run_id: str, *, begun: Callable[[Step | None], None]) -> None:
    """Carry out the steps, each owed before it is made; `begun` hears which one is made from here on."""
    blank = blank_shard(run_id, Path("/nowhere"), cluster_uid=stage.scratch.cluster.identity().uid)
    debt = Debt(SecretStore(cluster), cluster, blank)
    for step in steps:
        begun(None)
        change = stage.change(step)
        if change is not None:
            begun(step)
            _make(debt, cluster, change)


def _make(debt: Debt, cluster: Cluster, change: Change) -> None:
    """Owe and make one change, again if the object moved in between, as a worker does."""
    for attempt in range(_ATTEMPTS):
        owed = debt.owe(change, by="act", round_id="r1")
        try:
            perform(cluster, owed.operation)
        except ConflictError:
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        return


def main() -> int:
    kubeconfig, namespace, run_id = sys.argv[1:]
    cluster = connect(kubeconfig=kubeconfig)
    steps = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Step])
    try:
        inject(Stage(Scratch(cluster, namespace)), steps, cluster, run_id, begun=lambda _: None)
    except GamedayError as error:
        sys.stderr.write(f"{error}\n")
    undo_record(Undoer(cluster, holder_here("run"), run_id), SecretStore(cluster).read(run_id))
    return 0


if __name__ == "__main__":
    sys.exit(main())
