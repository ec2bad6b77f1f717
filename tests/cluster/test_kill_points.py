"""Wherever a run is killed on a real Kubernetes, nothing of it is left behind: a sample of the points of `make test-crash`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.conftest import NAMESPACES, Real
from tests.crash.campaign import OF_EACH_KIND, Campaign, sample, seed
from tests.crash.scene import Scene
from tests.crash.scripts import write_project
from tests.crash.traps import trapped
from tests.e2e.conftest import Command

pytestmark = pytest.mark.cluster
POINTS = 40
NAMED_IN_PLANS = "embedded"
"""The cluster that the shipped game days are for; each is refused on any other."""


@pytest.fixture
def shop_for_plans(shop_on: Real) -> Iterator[Real]:
    """Return the cluster under the name that the game days' files have."""
    label = ("label", "--overwrite", "namespace", "gameday-system")
    shop_on.kubectl(*label, f"gameday.dev/cluster-name={NAMED_IN_PLANS}")
    yield shop_on
    shop_on.kubectl(*label, "gameday.dev/cluster-name=real")


@contextmanager
def scene_on(real: Real, folder: Path) -> Iterator[Scene]:
    """Return the one cluster there is, free of what an earlier death that did not settle has left."""
    recovered = Command(folder, real.kubeconfig).run("recover", "--runs", "elsewhere")
    assert recovered.returncode == 0, recovered.stdout + recovered.stderr
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(real.kubectl("config", "view", "--raw", "--minify", "--flatten"))
    with trapped(kubeconfig, folder) as traps:
        found = Scene(real.cluster, traps, folder, write_project(folder / "project"), real.settle, NAMESPACES)
        real.settle()
        found.remember()
        yield found


def test_a_sample_of_deaths_leaves_nothing_behind(
    shop_for_plans: Real, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    told(f"\nseed {seed()} (another: GAMEDAY_CRASH_SEED)")
    campaign = Campaign(tmp_path, told, clusters=[lambda folder: scene_on(shop_for_plans, folder)])
    learnt = campaign.learn(*OF_EACH_KIND)
    campaign.carry_out(learnt, sample(learnt, number=POINTS))
    told(campaign.summary)
    assert campaign.wrong == []
    assert sum(death.killed for death in campaign.deaths) >= POINTS - 4, "points that never came show nothing"
