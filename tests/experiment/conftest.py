from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gameday.errors import InvalidFileError
from gameday.experiment import Experiment, load_experiment
from gameday.workspace import Catalogue

OURS = """\
title: Lose a pod
description: It goes away.
configuration:
  namespace: shop
steady-state-hypothesis:
  title: Orders go through
  probes:
    - type: probe
      name: orders
      tolerance: [97, 100]
      provider: {type: python, module: gameday.probes.checkout, func: success_rate, arguments: {window_seconds: 5}}
method:
  - type: action
    name: kill
    provider:
      type: python
      module: gameday.actions.pods
      func: kill
      arguments: {namespace: "${namespace}", selector: app=checkout}
extensions:
  - name: gameday
    runbook: pod-loss
    traffic: {journey: checkout, rate: 40/s}
"""

FOREIGN = """\
title: Somebody's
description: Not ours.
method:
  - type: action
    name: touch
    provider: {type: process, path: /bin/true}
"""


@pytest.fixture
def ours() -> str:
    return OURS


@pytest.fixture
def foreign() -> str:
    return FOREIGN


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Experiment]:
    def read(text: str) -> Experiment:
        path = tmp_path / "e.yaml"
        path.write_text(text)
        return load_experiment(path, catalogue=Catalogue.around(path))

    return read


@pytest.fixture
def problems(load: Callable[[str], Experiment]) -> Callable[[str], list[tuple[int, str]]]:
    def read(text: str) -> list[tuple[int, str]]:
        with pytest.raises(InvalidFileError) as caught:
            load(text)
        return [(problem.line, problem.message) for problem in caught.value.problems]

    return read
