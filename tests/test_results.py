"""Results on real clusters: what is written, when one is of another suite, and what the kept one says of the differences."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gameday.cli.verifying import default_experiment
from gameday.gameday import load_gameday
from gameday.runbook import load_runbook
from gameday.workspace import SHIPPED, Catalogue
from tests import results
from tests.cluster.test_runbooks import PROVED
from tests.conformance import checks as _  # noqa: F401  # registers them
from tests.conformance.checking import CHECKS
from tests.conformance.differences import DIFFERENCES
from tests.results import CLUSTER, CONFORMANCE, REPEATED, Suite, second_go, told

CI = Path(__file__).parents[1] / ".ci" / "run"


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Return a suite of one file."""
    monkeypatch.setattr(results, "HERE", tmp_path / "tests")
    (tmp_path / "tests" / "one").mkdir(parents=True)
    (tmp_path / "tests" / "one" / "test_a.py").write_text("passes")
    return Suite("one", ("one/*.py",), "make test-one")


def test_a_result_says_of_which_suite_it_is_and_what_each_test_came_to(suite: Suite) -> None:
    suite.write(suite.kept, {"server": "v1.36.2"}, {"b": "failed: why", "a": "passed", "c": "skipped: x"})
    found = suite.read()
    assert found["suite"] == suite.digest()
    assert found["counts"] == {"passed": 1, "failed": 1, "skipped": 1}
    assert list(found["tests"]) == ["a", "b", "c"]


def test_a_good_result_of_this_suite_is_right(suite: Suite) -> None:
    suite.write(suite.kept, {}, {"a": "passed"})
    assert suite.wrong() == ""


def test_what_passed_at_the_second_go_is_right_and_said(suite: Suite) -> None:
    why = "the first go ended with 2"
    suite.write(suite.kept, {"server": "v1.36.2"}, {"a": "passed", "b": "passed"}, {"a": why})
    assert suite.wrong() == ""
    kept = suite.read()
    assert kept["repeated"] == {"a": why}
    assert told("one", kept).endswith(f": 2 passed, 0 failed, 0 skipped\n  at the second go: a ({why})")


def test_a_result_of_before_repeats_were_noted_can_be_read(suite: Suite) -> None:
    suite.write(suite.kept, {"server": "v1.36.2"}, {"a": "passed"})
    kept = suite.read()
    del kept["repeated"]
    suite.kept.write_text(json.dumps(kept))
    assert suite.wrong() == ""
    assert told("one", suite.read()).endswith(": 1 passed, 0 failed, 0 skipped")


def test_a_test_says_by_a_property_of_its_own_that_it_was_repeated(request: pytest.FixtureRequest) -> None:
    report = pytest.TestReport(request.node.nodeid, request.node.location, {}, "passed", None, "call")
    assert second_go(report) == ""
    report.user_properties = [("other", 1), (REPEATED, "the first go ended with 1")]
    assert second_go(report) == "the first go ended with 1"


def test_no_result_is_wrong(suite: Suite) -> None:
    assert suite.wrong().endswith("none is kept; run: make test-one")


def test_a_result_of_an_earlier_suite_is_wrong(suite: Suite) -> None:
    suite.write(suite.kept, {}, {"a": "passed"})
    (results.HERE / "one" / "test_a.py").write_text("passes otherwise")
    assert "expected tests/one/RESULT.json to be of this suite" in suite.wrong()


def test_a_result_with_a_failure_is_wrong_and_names_it(suite: Suite) -> None:
    suite.write(suite.kept, {}, {"a": "failed: it does not", "b": "passed"})
    assert suite.wrong() == "expected every test of tests/one to pass on a real cluster, but: a"


def test_a_result_of_a_cluster_on_which_something_was_skipped_is_wrong_too(suite: Suite) -> None:
    suite.write(suite.kept, {}, {"a": "skipped: the cluster was given", "b": "passed"})
    assert suite.wrong() == "expected every test of tests/one to pass on a real cluster, but: a"


def left_out(which: str) -> list[str]:
    """Return the experiments that CI does not run by themselves on a real cluster, for one of two reasons."""
    (names,) = re.findall(rf"^    {which}='([^']+)'$", CI.read_text(encoding="utf-8"), re.MULTILINE)
    return sorted(names.split())


def test_what_ci_leaves_out_on_a_real_cluster_is_run_by_the_proof_of_a_runbook_there() -> None:
    catalogue = Catalogue((SHIPPED,))
    proved = [default_experiment(load_runbook(SHIPPED / "runbooks" / f"{name}.md"), catalogue).stem for name in PROVED]
    assert left_out("proved") == sorted(proved)


def test_or_by_a_game_day_that_holds_it_to_the_same_verdict() -> None:
    catalogue = Catalogue((SHIPPED,))
    plans = [load_gameday(SHIPPED / "gamedays" / f"{name}.yaml", catalogue=catalogue) for name in ("sale-week", "ci-gate")]
    rounds = [item for plan in plans for item in plan.rounds]
    assert left_out("rounds") == sorted({item.experiment.path.stem for item in rounds})
    assert [item.id for item in rounds if item.expect != item.experiment.expect] == []


def test_one_suite_may_be_asked_for_and_only_one_that_there_is(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(results, "CONFORMANCE", suite)
    monkeypatch.setattr(results, "CLUSTER", Suite("other", ("one/*.py",), "make test-other"))
    suite.write(suite.kept, {"server": "v1.36.2"}, {"a": "passed"})
    assert results.main(["one"]) == 0
    assert results.main([]) == results.main(["other"]) == 1, "of the other none is kept"
    capsys.readouterr()
    assert results.main(["on"]) == 2
    assert capsys.readouterr().err == "expected one or other, but got on\n"


@pytest.mark.parametrize("suite", [CONFORMANCE, CLUSTER], ids=lambda suite: suite.name)
def test_every_pattern_of_a_suite_finds_files(suite: Suite) -> None:
    assert [pattern for pattern in suite.patterns if not any(results.HERE.glob(pattern))] == []


def test_every_difference_is_of_a_check_that_passes_on_a_real_cluster() -> None:
    kept = CONFORMANCE.read()["tests"]
    assert {name: kept.get(name) for name in DIFFERENCES} == dict.fromkeys(DIFFERENCES, "passed")
    assert DIFFERENCES.keys() <= CHECKS.keys()
