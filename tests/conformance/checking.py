"""What a check is: one sentence about Kubernetes, under an id that stays, and a function that holds a cluster to it.

A check knows a namespace of its own and nothing of what cluster that is on. It says what Kubernetes does, never what some
cluster happens to do; where a cluster differs is not its business (`differences.yaml`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.conformance.space import Space

Run = Callable[[Space], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One check; its id is its function's name."""

    id: str
    sentence: str
    area: str
    run: Run


CHECKS: dict[str, Check] = {}
"""Every check by its id, in the order in which they stand in their modules."""


def check(sentence: str) -> Callable[[Run], Run]:
    """Register a function as a check of what the sentence says."""

    def register(run: Run) -> Run:
        name = run.__name__.replace("_", "-")
        if name in CHECKS:
            raise ValueError(f"expected every check to have an id of its own, but {name} is there twice")
        CHECKS[name] = Check(name, sentence, run.__module__.rpartition(".")[2], run)
        return run

    return register
