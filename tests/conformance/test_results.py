"""Results on real clusters: what is written, and what the one that is kept says of the differences."""

from __future__ import annotations

from pathlib import Path

from tests.conformance import checks as _  # noqa: F401  # registers them
from tests.conformance.checking import CHECKS
from tests.conformance.differences import DIFFERENCES
from tests.conformance.results import digest, read_result, write_result


def test_a_result_says_of_which_suite_it_is_and_what_each_check_came_to(tmp_path: Path) -> None:
    write_result(tmp_path / "r.json", {"server": "v1.36.2"}, {"b": "failed: why", "a": "passed", "c": "skipped: x"})
    found = read_result(tmp_path / "r.json")
    assert found["suite"] == digest()
    assert found["counts"] == {"passed": 1, "failed": 1, "skipped": 1}
    assert list(found["checks"]) == ["a", "b", "c"]


def test_every_difference_is_of_a_check_that_passes_on_a_real_cluster() -> None:
    kept = read_result()["checks"]
    assert {name: kept.get(name) for name in DIFFERENCES} == dict.fromkeys(DIFFERENCES, "passed")
    assert DIFFERENCES.keys() <= CHECKS.keys()
