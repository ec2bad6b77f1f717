from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gameday.providers import faults, faults_of_target
from gameday.workspace import make_importable


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    package = tmp_path / "somebodys"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')\n")
    (package / "actions.py").write_text(
        "from somewhere import imported\n"
        "raise SystemExit('imported')\n"
        "def harm(a, b=1, *, c, configuration=None, secrets=None): ...\n"
        "def anything(**kwargs): ...\n"
        "@decorated\ndef wrapped(x): ...\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return "somebodys.actions"


def test_our_actions_and_probes_are_found_and_bound() -> None:
    assert faults("gameday.actions.pods", "kill", {"namespace": "shop", "selector": "app=x"}, role="action") == []
    assert faults_of_target("gameday.probes.checkout.success_rate", {"window_seconds": 5}, role="probe") == []


@pytest.mark.parametrize(
    ("module", "func", "arguments", "part"),
    [
        ("gameday.actions.pod", "kill", {}, "there is no module gameday.actions.pod; did you mean 'gameday.actions.pods'?"),
        ("gameday.actions.pods", "kil", {}, "gameday.actions.pods has no action or probe 'kil'; did you mean 'kill'?"),
        ("gameday.actions.pods", "_gone", {}, "not registered"),
        ("gameday.actions.pods", "kill", {"selector": "a=b"}, "kill needs the argument 'namespace'"),
        (
            "gameday.actions.pods",
            "kill",
            {"namespace": "a", "selector": "b", "cuont": 1},
            "no parameter 'cuont'; did you mean 'count'?",
        ),
        (
            "gameday.probes.workloads",
            "ready",
            {"namespace": "a", "name": "b"},
            "expected an action, but gameday.probes.workloads.ready is a probe",
        ),
    ],
)
def test_what_does_not_fit_is_said_with_what_would(module: str, func: str, arguments: dict[str, object], part: str) -> None:
    found = faults(module, func, arguments, role="action")
    assert len(found) == 1
    assert part in found[0]


def test_every_argument_that_is_off_is_named_at_once() -> None:
    assert len(faults("gameday.actions.workloads", "scale", {"nmae": "x", "replica": 0})) == 5


def test_a_projects_own_function_has_to_be_registered(tmp_path: Path) -> None:
    (tmp_path / "actions").mkdir()
    (tmp_path / "actions" / "disks.py").write_text("def fill(): ...\n")
    (tmp_path / "actions" / "broken.py").write_text("1 / 0\n")
    make_importable(tmp_path)
    try:
        assert "is not registered" in faults("gameday_workspace.actions.disks", "fill", {})[0]
        assert "ZeroDivisionError" in faults("gameday_workspace.actions.broken", "fill", {})[0]
        assert "did you mean 'gameday_workspace.actions.disks'?" in faults("gameday_workspace.actions.disk", "fill", {})[0]
    finally:
        make_importable(None)


@pytest.mark.parametrize(
    ("func", "arguments", "expected"),
    [
        ("harm", {"a": 1, "c": 2}, []),
        ("anything", {"x": 1}, []),
        ("imported", {"x": 1}, []),
        ("wrapped", {"y": 1}, []),
        ("harm", {"a": 1}, ["harm needs the argument 'c' (harm takes: a, b, c)"]),
        ("hram", {}, ["somebodys.actions has no function 'hram'; did you mean 'harm'?"]),
    ],
)
def test_a_foreign_function_is_looked_at_but_never_imported(
    foreign: str, func: str, arguments: dict[str, object], expected: list[str]
) -> None:
    assert faults(foreign, func, arguments) == expected
    assert "somebodys" not in sys.modules


def test_a_foreign_module_that_is_not_there_is_said_to_be_missing() -> None:
    assert faults("chaosnowhere.pod.actions", "kill", {}) == [
        "there is no module chaosnowhere.pod.actions here; is its package installed?"
    ]


@pytest.mark.parametrize("module", ["math", "os.path", "json"])
def test_modules_of_any_make_are_looked_at_without_complaint(module: str) -> None:
    assert (
        faults(
            module, {"math": "floor", "os.path": "join", "json": "dumps"}[module], {"obj": 1} if module == "json" else {"a": 1}
        )
        == []
    )


def test_a_target_must_be_one_of_ours() -> None:
    assert "expected a name such as" in faults_of_target("os.system", {"command": "ls"})[0]


def test_nothing_of_kubernetes_or_chaos_toolkit_is_imported() -> None:
    program = (
        "import sys\n"
        "from gameday.gameday import load_gameday\n"
        "from gameday.workspace import SHIPPED, Catalogue\n"
        "load_gameday(SHIPPED / 'gamedays' / 'first.yaml', catalogue=Catalogue.around())\n"
        "heavy = {'kubernetes', 'chaoslib', 'chaostoolkit', 'requests', 'pydantic', 'aiohttp'}\n"
        "sys.exit(str(sorted(heavy & set(sys.modules))) if heavy & set(sys.modules) else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_value_that_cannot_be_meant_is_a_fault_of_the_file() -> None:
    arguments = {"namespace": "shop", "selector": "app=x", "count": True, "grace_seconds": -1}
    assert faults("gameday.actions.pods", "kill", arguments) == [
        "kill: expected count to be a whole number, but got True",
        "kill: expected grace_seconds to be zero or more, but got -1",
    ]


def test_a_value_that_only_the_run_knows_is_let_be() -> None:
    assert faults("gameday.actions.pods", "kill", {"namespace": "${where}", "selector": "app=x", "count": "${count}"}) == []


@pytest.mark.parametrize(
    ("probe", "arguments"),
    [
        ("checkout.success_rate", {"window_seconds": 0}),
        ("checkout.worst_cohort", {"minimum_samples": 0}),
        ("checkout.error_quality", {"window_seconds": 0.0}),
        ("checkout.latency", {"percentile": 0}),
        ("checkout.accepted", {"window_seconds": 0}),
        ("checkout.honest_refusals", {"window_seconds": 0}),
        ("storage.available", {"asked": 0, "namespace": "shop"}),
        ("storage.latency", {"asked": 10**6, "namespace": "shop"}),
        ("backups.restorable", {"newest": 0, "namespace": "shop"}),
        ("comms.first_message_seconds", {"within_seconds": 0, "namespace": "shop"}),
        ("http.availability", {"url": "http://shop.example/", "requests": 0}),
        ("http.status", {"url": "http://shop.example/", "timeout_seconds": 0}),
        ("prometheus.query", {"url": "http://shop.example/", "query": "up", "settle_seconds": 601}),
        ("prometheus.query", {"url": "http://shop.example/", "query": "up", "timeout_seconds": 0}),
        ("prometheus.query", {"url": "http://shop.example/", "query": "up", "timeout_seconds": 301}),
        ("autoscaler.capacity_followed", {"namespace": "shop", "name": "web", "within_seconds": 0}),
        ("autoscaler.capacity_followed", {"namespace": "shop", "name": "web", "steady_seconds": 0}),
        ("releases.rolled_out", {"namespace": "shop", "name": "web", "wait_seconds": 601}),
    ],
)
def test_a_number_that_a_probe_would_refuse_is_wrong_in_the_file_before_anything_is_prepared(
    probe: str, arguments: dict[str, Any]
) -> None:
    (message,) = faults_of_target(f"gameday.probes.{probe}", arguments, role="probe")
    name = next(iter(arguments.keys() - {"namespace", "url", "query", "name"}))
    assert f"expected {name} to be " in message
