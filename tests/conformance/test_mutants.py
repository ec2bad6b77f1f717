"""Every planted wrong answer is noticed: by each of the checks that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.between import between
from tests.conformance import checks as _  # noqa: F401  # registers them
from tests.conformance.checking import CHECKS
from tests.conformance.conftest import target_of
from tests.conformance.mutants import MUTANTS, Mutant
from tests.conformance.space import PATIENCE

pytestmark = [pytest.mark.e2e, pytest.mark.conformance]


@pytest.fixture(autouse=True)
def _only_here(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--kubeconfig", None) is not None:
        pytest.skip("wrong answers are planted in the embedded cluster's only")


def test_there_are_twenty_wrong_answers_and_more() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20
    assert {name for mutant in MUTANTS for name in mutant.checks} <= CHECKS.keys()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_wrong_answer_is_noticed(mutant: Mutant, embedded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A check that waits for what will never come need not wait for a minute.
    monkeypatch.setattr(PATIENCE, "seconds", 5.0)
    with between(embedded, tmp_path, mutant.plant()) as kubeconfig:
        target = target_of(kubeconfig, tmp_path)
        for name in mutant.checks:
            with pytest.raises((AssertionError, KeyError, IndexError, TypeError, ValueError)):
                target.run(CHECKS[name])
