"""What a worker tells of a step that it carried out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import pytest

from gameday.errors import NoMeasurementError
from gameday.log.events import Event, StepEnded
from gameday.run import steps
from gameday.run.shell import Ended
from gameday.run.steps import StepRunner
from gameday.runbook import load_runbook
from gameday.workspace import SHIPPED, Catalogue

RUNBOOK = """\
---
id: r
title: It is down
owner: us
services: [shop]
experiments: [dependency-down]
---

# It is down

## Resolve

### Mend it

```sh
true
```

### Tell them

By telephone.
"""


class Around:
    """A guardian that finds nothing written, an engine's log, and samples that never come; notes when each was asked."""

    activity = ""

    def __init__(self) -> None:
        self.logged: list[Event] = []
        self.times: list[tuple[str, float]] = []

    def note(self, what: str) -> None:
        self.times.append((what, time.monotonic()))

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        self.note(message["ask"])
        return {}

    def execute(self, _script: str, _environment: Any) -> Ended:
        self.note("block")
        return Ended(0, "", "")

    def between(self, _begin: float, _end: float) -> Any:
        self.note("samples")
        raise NoMeasurementError("the load generator is gone")

    def log(self, event: Event) -> None:
        self.logged.append(event)


def test_when_a_block_began_is_told_apart_from_the_looks_around_it_and_the_samples_awaited_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "r.md"
    file.write_text(RUNBOOK, encoding="utf-8")
    around = Around()
    monkeypatch.setattr(steps, "execute", around.execute)
    runner = StepRunner(cast("Any", around), cast("Any", around), cast("Any", around), {})
    runner.run(load_runbook(file, catalogue=Catalogue((SHIPPED,))))
    mended, told = [event for event in around.logged if isinstance(event, StepEnded)]
    assert (mended.result, told.result) == ("done", "skipped")
    assert mended.began_mono is not None
    began = ("began", mended.began_mono)
    order = [what for what, _ in sorted([began, *around.times], key=lambda item: item[1])]
    assert order == ["look", "began", "block", "compare", "samples", "samples"]
    assert told.began_mono is None
