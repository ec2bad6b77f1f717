"""What probes look at, made by hand: windows, a cluster that answers, and a fault that began at a known time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from gameday.errors import NoMeasurementError
from gameday.traffic.windows import Window


@dataclass
class Observed:
    """Observations as a probe is given them."""

    seen: Sequence[Window] = ()
    view: Any = None
    began: float | None = None
    ledger_result: Any = None
    order_step: str = "submit"
    asked: list[float] = field(default_factory=list)

    def windows(self, *, seconds: float) -> Sequence[Window]:
        self.asked.append(seconds)
        return self.seen

    def since_fault(self) -> tuple[float, Sequence[Window]]:
        if self.began is None:
            raise NoMeasurementError("nothing has been changed yet")
        return self.began, self.seen

    def fault_at(self) -> float | None:
        return self.began

    def ledger(self, *, failed_before_seconds: float = 0.0) -> Any:
        self.asked.append(failed_before_seconds)
        if isinstance(self.ledger_result, Exception):
            raise self.ledger_result
        return self.ledger_result


@pytest.fixture
def observed() -> type[Observed]:
    return Observed
