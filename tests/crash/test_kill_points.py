"""Wherever a run is killed, nothing of it is left behind: at every event of its log, and around each of its writes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.crash.campaign import OF_EACH_KIND, Campaign, all_points, sample, seed

SAMPLE = 20


@pytest.fixture
def campaign(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Campaign:
    def told(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    told(f"\nseed {seed()} (another: GAMEDAY_CRASH_SEED)")
    return Campaign(tmp_path, told)


@pytest.mark.e2e
def test_a_sample_of_deaths_leaves_nothing_behind(campaign: Campaign) -> None:
    learnt = campaign.learn(*OF_EACH_KIND)
    campaign.carry_out(learnt, sample(learnt, number=SAMPLE))
    campaign.told(campaign.summary)
    assert campaign.wrong == []
    assert sum(death.killed for death in campaign.deaths) >= SAMPLE - 2, "points that never came show nothing"


@pytest.mark.crash
def test_no_death_at_any_point_leaves_anything_behind(campaign: Campaign) -> None:
    learnt = campaign.learn()
    try:
        campaign.carry_out(learnt, all_points(learnt))
    finally:
        campaign.save()
        campaign.told(campaign.summary)
    assert campaign.wrong == []
    assert sum(not death.killed for death in campaign.deaths) <= len(campaign.deaths) // 20, "points that never came show nothing"
