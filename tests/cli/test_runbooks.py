"""`gameday runbook`: what people and other programs see of it, and how it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from gameday.runbook.linting import all_rules

ROOT = Path(__file__).parents[2]
GOOD = ROOT / "tests/runbook/good/small.md"
BROKEN = ROOT / "tests/runbook/broken/log-is-followed.md"


def gameday(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_COLOR": "1", "COLUMNS": "100", **variables}
    command = [sys.executable, "-m", "gameday", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def lint(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return gameday(folder, "runbook", "lint", "--program", "kubectl", *words)


def project(folder: Path, **runbooks: Path) -> Path:
    """Make a project with these runbooks and the experiment that they name."""
    for name in ("runbooks", "experiments"):
        (folder / name).mkdir()
    for name, path in runbooks.items():
        (folder / "runbooks" / f"{name}.md").write_text(path.read_text())
    (folder / "experiments/foreign.yaml").write_text((GOOD.parent / "experiments/foreign.yaml").read_text())
    return folder


def test_a_good_runbook_leaves_with_0_and_says_what_was_not_looked_at(tmp_path: Path) -> None:
    done = lint(tmp_path, str(GOOD))
    assert (done.returncode, done.stdout) == (0, "")
    assert "not looked at: RB521; say how old a proof may be: --proven-within 90d" in done.stderr
    assert "--kubeconfig FILE" in done.stderr
    assert done.stderr.splitlines()[-1] == "1 runbook: nothing found"


def test_a_finding_has_file_line_code_words_and_the_next_step(tmp_path: Path) -> None:
    folder = project(tmp_path, broken=BROKEN)
    done = lint(folder)
    assert done.stdout.splitlines() == [
        "runbooks/broken.md:23: RB304 warning: the step 'see-it' does not end by itself: --follow",
        "    → leave the flag out, or say it in prose",
    ]
    assert done.stderr.splitlines()[-1] == "1 runbook: 0 errors, 1 warning, 0 notes"
    assert done.returncode == 0
    assert lint(folder, "--strict").returncode == 1
    assert lint(folder, "--strict", "--ignore", "RB3").returncode == 0
    assert lint(folder, "--strict", "--select", "RB304").returncode == 1


def test_a_project_keeps_its_own_way_in_its_file(tmp_path: Path) -> None:
    folder = project(tmp_path, broken=BROKEN)
    (folder / "gameday.yaml").write_text("runbook:\n  lint:\n    strict: true\n    program: [kubectl]\n")
    done = gameday(folder, "runbook", "lint")
    assert (done.returncode, done.stdout.count("RB304 error")) == (1, 1)


def test_an_error_leaves_with_1(tmp_path: Path) -> None:
    assert lint(tmp_path, str(BROKEN.with_name("bounds-are-reversed.md"))).returncode == 1


def test_runbooks_are_named_by_folder_file_or_name_and_each_counts_once(tmp_path: Path) -> None:
    folder = project(tmp_path, first=GOOD, second=GOOD)
    for words in ((), ("runbooks",), ("first", "second"), ("runbooks/first.md", "runbooks", "runbooks/first.md")):
        assert lint(folder, *words).stderr.splitlines()[-1] == "2 runbooks: nothing found"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["no/such.md"], "no such file: no/such.md"),
        (["pod-los"], "did you mean 'pod-loss'?"),
        (["."], "expected runbooks (*.md) in ."),
        (["--select", "RB9", "pod-loss"], "no rule's code begins with 'RB9'"),
        (["--explain", "RB999"], "there is no rule 'RB999'"),
        (["--proven-within", "soon", "pod-loss"], "--proven-within: expected a duration"),
        (["--account", "deputy=alice", "pod-loss"], "none is named: add --context NAME or --kubeconfig FILE"),
        (["--rules", "rules.yaml", "pod-loss"], "no such file"),
    ],
)
def test_what_is_not_there_is_said_with_what_may_be_meant(tmp_path: Path, words: list[str], told: str) -> None:
    done = lint(tmp_path, *words)
    assert done.returncode == 64
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_role_that_no_account_can_have_is_said(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("apiVersion: v1\nkind: Config\n")
    done = lint(tmp_path, "--account", "deputee=alice", "--kubeconfig", "k", "pod-loss")
    assert done.returncode in {3, 64}
    assert "Traceback" not in done.stderr


def test_a_rule_explains_itself(tmp_path: Path) -> None:
    done = lint(tmp_path, "--explain", "rb603")
    assert done.returncode == 0
    assert done.stdout.startswith("RB603 (error): A selector that matches nothing")
    assert "--context NAME" in done.stdout


def test_json_has_all_that_text_has(tmp_path: Path) -> None:
    found = json.loads(lint(project(tmp_path, broken=BROKEN), "-o", "json").stdout)
    (finding,) = found["findings"]
    assert finding == {
        "file": "runbooks/broken.md",
        "line": 23,
        "code": "RB304",
        "severity": "warning",
        "message": "the step 'see-it' does not end by itself: --follow",
        "next_step": "leave the flag out, or say it in prose",
    }
    assert (found["runbooks"], found["errors"], found["warnings"], found["notes"]) == (1, 0, 1, 0)
    assert {"code", "title", "how"} == set(found["not_looked_at"][0])


def test_sarif_is_what_forges_take(tmp_path: Path) -> None:
    """What section 3 of SARIF 2.1.0 requires, and what GitHub's code scanning asks for besides."""
    done = lint(project(tmp_path, **{"broken": BROKEN, "a b": GOOD}), "-o", "sarif")
    log = json.loads(done.stdout)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"]
    ids = [rule["id"] for rule in driver["rules"]]
    assert ids == [one.code for one in all_rules()]
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in {"error", "warning", "note"}
    (result,) = run["results"]
    assert ids[result["ruleIndex"]] == result["ruleId"] == "RB304"
    assert result["level"] == "warning"
    assert result["message"]["text"].startswith("the step 'see-it'")
    place = result["locations"][0]["physicalLocation"]
    assert place["region"]["startLine"] == 23
    base = run["originalUriBaseIds"][place["artifactLocation"]["uriBaseId"]]["uri"]
    assert Path(unquote(base.removeprefix("file://")), unquote(place["artifactLocation"]["uri"])).is_file()
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is True
    assert all(ids[one["associatedRule"]["index"]] == one["associatedRule"]["id"] for one in _notifications(invocation))


def _notifications(invocation: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = invocation["toolConfigurationNotifications"]
    assert found, "rules that were not asked are told"
    return found


def test_a_runbook_is_shown_readably(tmp_path: Path) -> None:
    done = gameday(tmp_path, "runbook", "show", str(GOOD))
    assert done.returncode == 0, done.stderr
    for part in (
        "Payment is down",
        "updates      every 15m",
        "proven       never",
        "Resolve ───",
        " 4. Scale it back   subject-matter expert · 30s · scale-it-back",
        "→ gameday.actions.workloads.scale(namespace='shop', name='payment', replicas=2)",
        "✓ gameday.probes.checkout.success_rate(window_seconds=5): 99 to 100, within 30s",
        "kubectl get deploy -n shop payment",
    ):
        assert part in done.stdout
    assert "\x1b" not in done.stdout


def _rules(folder: Path, url: str) -> Path:
    annotations = f'{{runbook_url: "{url}"}}'
    path = folder / "rules.yaml"
    path.write_text(f"groups:\n- name: g\n  rules:\n  - {{alert: PaymentDown, expr: up, annotations: {annotations}}}\n")
    return path


def test_what_a_terminal_would_obey_is_not_shown_to_it(tmp_path: Path) -> None:
    (tmp_path / "small.md").write_text(GOOD.read_text().replace("Is this page true?", "Is \x1b[31mthis\x07 page [bold]true[/]?"))
    project(tmp_path)
    shown = gameday(tmp_path, "runbook", "show", "small.md")
    told = gameday(tmp_path, "runbook", "lint", "--rules", str(_rules(tmp_path, "\\e[31mred")), "small.md").stdout
    assert "[31mred" in told
    assert "\x1b" not in told
    assert shown.returncode == 0, shown.stderr
    assert "Is [31mthis page [bold]true[/]?" in shown.stdout
    assert "\x1b" not in shown.stdout


def test_a_runbook_s_data_is_the_same_as_json_and_as_yaml(tmp_path: Path) -> None:
    as_json = json.loads(gameday(tmp_path, "runbook", "show", "pod-loss", "-o", "json").stdout)
    assert as_json == yaml.safe_load(gameday(tmp_path, "runbook", "show", "pod-loss", "-o", "yaml").stdout)
    assert as_json["id"] == "pod-loss"
    assert as_json["steps"][0]["shell"]["text"].startswith("kubectl get pods")


def test_a_runbook_with_problems_is_not_shown_but_they_are(tmp_path: Path) -> None:
    done = gameday(tmp_path, "runbook", "show", str(BROKEN.with_name("bounds-are-reversed.md")))
    assert done.returncode == 64
    assert "the lower bound first" in done.stderr


def test_a_part_of_the_schema_is_printed_alone(tmp_path: Path) -> None:
    check = json.loads(gameday(tmp_path, "runbook", "schema", "--part", "check").stdout)
    assert check["required"] == ["probe", "within"]
    whole = json.loads(gameday(tmp_path, "runbook", "schema").stdout)
    assert whole["required"] == ["title", "owner"]
    assert set(whole["definitions"]) == {"duration", "step", "check", "forbids", "arguments"}


def test_names_of_runbooks_are_completed(tmp_path: Path) -> None:
    variables = {"_GAMEDAY_COMPLETE": "bash_complete", "COMP_WORDS": "gameday runbook lint pod", "COMP_CWORD": "3"}
    done = gameday(tmp_path, **variables)
    assert "plain,pod-loss" in done.stdout.split()
