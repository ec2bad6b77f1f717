"""Results on real clusters: what is written, when one is of another suite, and what the kept one says of the differences."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import results
from tests.conformance import checks as _  # noqa: F401  # registers them
from tests.conformance.checking import CHECKS
from tests.conformance.differences import DIFFERENCES
from tests.conftest import pytest_sessionfinish
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


def test_what_ci_leaves_out_on_a_real_cluster_has_passed_there_as_the_kept_result_says() -> None:
    (named,) = re.findall(r"^    left_out='([^']+)'$", CI.read_text(encoding="utf-8"), re.MULTILINE)
    kept = CLUSTER.read()["tests"]
    names = named.split()
    assert [{kept[test] for test in kept if test.startswith(name)} for name in names] == [{"passed"}] * len(names)
    assert len([test for test in kept if not test.startswith(tuple(names))]) > 40


@pytest.fixture
def checks(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Lend what CI does with a target of tests, for one whose recipe is given."""
    (function,) = re.findall(r"^check\(\) \{$.*?^\}$", CI.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    settings = re.findall(r"^(?:MOST_AGAIN|LAST_FAILED|ENDED|python)=\S+", CI.read_text(encoding="utf-8"), re.MULTILINE)
    script = "\n".join(["set -euo pipefail; repeated=()", *settings, function, "check test", 'echo "repeated: ${repeated[*]}"'])
    (tmp_path / "conftest.py").write_text(f"from __future__ import annotations\n\n{inspect.getsource(pytest_sessionfinish)}")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)

    def check(recipe: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "Makefile").write_text(f"test:\n\t{recipe}\n")
        return subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)

    return check


CUT_SHORT = """
import pathlib, pytest

def test_fails_at_first():
    gone = pathlib.Path("at first")
    failed = gone.exists()
    gone.touch()
    assert failed

def test_ends_everything():
    pytest.exit("as whoever interrupts does", 2)
"""
FAILS_AT_FIRST = """
import pathlib, pytest

@pytest.mark.parametrize("word", ["at first", "too", "not"])
def test_fails(word):
    gone = pathlib.Path(word)
    failed = gone.exists() or word == "not"
    gone.touch()
    assert failed
"""
FAILS = """
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_fails(number):
    assert not "this one fails"
"""


def test_what_failed_once_in_ci_is_run_once_more_and_said(
    checks: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "test_a.py").write_text(FAILS_AT_FIRST)
    done = checks(".venv/bin/pytest test_a.py")
    assert (done.returncode, "2 failed, 1 passed" in done.stdout, "2 passed" in done.stdout) == (0, True, True), done
    assert done.stdout.endswith("repeated: test_a.py::test_fails[at first] test_a.py::test_fails[too]\n")


@pytest.mark.parametrize(("count", "goes"), [(1, 2), (3, 2), (4, 1)])
def test_what_fails_twice_fails_ci_and_so_does_more_than_can_be_an_accident(
    checks: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path, count: int, goes: int
) -> None:
    (tmp_path / "test_a.py").write_text(FAILS.format(count=count))
    done = checks(".venv/bin/pytest test_a.py")
    assert (done.returncode, done.stdout.count(f"{count} failed in ")) == (1, goes), done
    assert "repeated:" not in done.stdout


def test_tests_that_were_cut_short_fail_ci_whatever_failed_before(
    checks: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "test_a.py").write_text(CUT_SHORT)
    done = checks(".venv/bin/pytest test_a.py")
    assert (done.returncode, "1 failed in " in done.stdout, "once more" in done.stdout) == (1, True, False), done
    assert json.loads((tmp_path / ".pytest_cache" / "v" / "cache" / "lastfailed").read_text()), "it might be run again"


def test_what_fails_without_a_test_fails_ci_at_once(
    checks: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    cache = tmp_path / ".pytest_cache" / "v" / "cache" / "lastfailed"
    cache.parent.mkdir(parents=True)
    cache.write_text('{"of an earlier day": true}')
    (cache.parents[1] / "gameday").mkdir()
    (cache.parents[1] / "gameday" / "ended").write_text("1")
    done = checks("false")
    assert (done.returncode, "once more" in done.stdout) == (1, False), done


@pytest.mark.parametrize("suite", [CONFORMANCE, CLUSTER], ids=lambda suite: suite.name)
def test_every_pattern_of_a_suite_finds_files(suite: Suite) -> None:
    assert [pattern for pattern in suite.patterns if not any(results.HERE.glob(pattern))] == []


def test_every_difference_is_of_a_check_that_passes_on_a_real_cluster() -> None:
    kept = CONFORMANCE.read()["tests"]
    assert {name: kept.get(name) for name in DIFFERENCES} == dict.fromkeys(DIFFERENCES, "passed")
    assert DIFFERENCES.keys() <= CHECKS.keys()
