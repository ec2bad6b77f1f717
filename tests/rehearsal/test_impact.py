from __future__ import annotations

import re
from pathlib import Path

import pytest

from gameday.log.events import LedgerChecked
from gameday.log.people import Classified
from gameday.rehearsal.impact import (
    CRITICAL_SHARE,
    GUIDE,
    MAJOR_COHORT_SHARE,
    MAJOR_SHARE,
    Impact,
    compared,
    impact_between,
    impacts_of,
)
from gameday.rehearsal.requests import SEVERITIES
from gameday.rehearsal.samples import difference, share, traffic_of
from tests.rehearsed import FAULT, ROUND, events_of, rehearsal, tabletop, window
from tests.report.played import BOOT_SECONDS as BOOT


def impact(ok: int, failed: int, *, seconds: int = 20, cohorts: dict[str, tuple[int, int]] | None = None) -> Impact:
    events = [window(second, ok=ok, failed=failed, cohorts=cohorts) for second in range(seconds)]
    found = impact_between(traffic_of(events), BOOT, BOOT + seconds)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("ok", "failed", "severity"),
    [
        (0, 100, "critical"),
        (50, 50, "critical"),
        (90, 10, "major"),
        (96, 4, "major"),
        (97, 3, "minor"),
        (98, 2, "minor"),
        (100, 0, "none"),
    ],
)
def test_the_severity_is_that_of_the_share_that_failed(ok: int, failed: int, severity: str) -> None:
    assert impact(ok, failed).severity == severity


def test_one_kind_of_customers_that_cannot_order_is_major_however_small_it_is() -> None:
    found = impact(196, 4, cohorts={"web": (196, 0), "app": (0, 4)})
    assert (found.severity, found.cohort) == ("major", "app")
    assert found.cohort_failed is not None
    assert found.cohort_failed.value == 1.0


def test_money_without_an_order_is_critical_whatever_the_average_says() -> None:
    events = [window(second, ok=100, failed=0) for second in range(20)]
    ledger = LedgerChecked(acknowledged=1, found=1, unrecorded=["k1"])
    found = impact_between(traffic_of(events), BOOT, BOOT + 20, ledger)
    assert found is not None
    assert (found.severity, found.charged) == ("critical", 1)


def test_the_worst_ten_seconds_decide_and_not_the_average() -> None:
    events = [
        window(second, ok=0 if 100 <= second < 110 else 50, failed=50 if 100 <= second < 110 else 0) for second in range(600)
    ]
    found = impact_between(traffic_of(events), BOOT, BOOT + 600)
    assert found is not None
    assert (found.failed.value, found.at_mono - BOOT, found.severity) == (1.0, 100.0, "critical")


def test_a_second_of_failures_is_no_outage() -> None:
    events = [window(second, ok=0 if second == 30 else 50, failed=50 if second == 30 else 0) for second in range(60)]
    found = impact_between(traffic_of(events), BOOT, BOOT + 60)
    assert found is not None
    assert found.failed.value == pytest.approx(0.1)


def test_where_hardly_anybody_came_nothing_is_known() -> None:
    assert impact_between(traffic_of([window(1, ok=0, failed=9)]), BOOT, BOOT + 20) is None
    assert impact_between(traffic_of([]), 0.0, 20.0) is None


def test_few_customers_are_taken_together() -> None:
    events = [window(second, ok=0, failed=1) for second in range(100)]
    found = impact_between(traffic_of(events), BOOT, BOOT + 100)
    assert found is not None
    assert found.failed.samples == 100


def said(severity: str, percent: float | None = None) -> Classified:
    return Classified(person="Ada", severity=severity, affected_percent=percent)


@pytest.mark.parametrize(
    ("severity", "judgement"), [("minor", "under"), ("major", "right"), ("critical", "over"), ("odd", "unknown")]
)
def test_a_classification_is_right_or_under_or_over(severity: str, judgement: str) -> None:
    (found,) = compared([said(severity)], impact(90, 10))
    assert found.judgement == judgement


def test_where_nobody_failed_minor_is_right() -> None:
    assert [item.judgement for item in compared([said("minor"), said("major")], impact(100, 0))] == ["right", "over"]


@pytest.mark.parametrize(
    ("percent", "judgement"), [(10.0, "right"), (9.0, "right"), (1.0, "under"), (50.0, "over"), (None, "unknown")]
)
def test_the_share_that_was_said_is_right_within_the_measured_interval(percent: float | None, judgement: str) -> None:
    (found,) = compared([said("major", percent)], impact(90, 10))
    assert found.percent_judgement == judgement


def test_a_round_is_measured_from_its_fault_on(tmp_path: Path) -> None:
    found = impacts_of(events_of(rehearsal, tmp_path))[ROUND]
    assert (found.severity, found.failed.value) == ("critical", 1.0)
    assert found.at_mono == BOOT + FAULT


def test_at_a_table_the_impact_is_unknown(tmp_path: Path) -> None:
    assert impacts_of(events_of(tabletop, tmp_path)) == {}
    assert compared([said("major", 5.0)], None)[0].judgement == "unknown"


def test_a_share_has_wilsons_interval() -> None:
    found = share(1, 9)
    assert found is not None
    # Newcombe 1998, two-sided 95 %, score method without continuity correction: 1 of 10.
    assert [found.low, found.high] == pytest.approx([0.0179, 0.4042], abs=1e-4)
    assert share(0, 0) is None


def test_a_difference_has_newcombes_interval() -> None:
    one, other = share(56, 14), share(48, 32)
    assert one is not None
    assert other is not None
    found = difference(one, other)
    # Newcombe 1998, Statistics in Medicine 17, 873, table II, contrast a, method 10: 56/70 and 48/80.
    assert [found.value, found.low, found.high] == pytest.approx([0.2, 0.0524, 0.3339], abs=1e-4)


def test_the_guide_says_the_thresholds_that_judge() -> None:
    percents = {severity: [int(found) / 100 for found in re.findall(r"(\d+)%", text)] for severity, text in GUIDE.items()}
    assert percents == {"critical": [CRITICAL_SHARE], "major": [MAJOR_SHARE, MAJOR_COHORT_SHARE], "minor": []}
    assert list(GUIDE) == list(SEVERITIES)
