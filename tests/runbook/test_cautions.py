"""Warnings as things of their own: what each forbids, and every way of writing one wrongly, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.errors import InvalidFileError
from gameday.runbook import Caution, Forbidden, Runbook, load_runbook
from gameday.runbook.opened import opened
from gameday.workspace import SHIPPED, Catalogue

FRONT = "---\ntitle: t\nowner: o\n---\n\n# t\n\n"
STEP = "\n## Resolve\n\n### Mend it\n\nDo it.\n"
HOSTS = """\
> **Warning:** do not stop, delete or drain
> hosts: their local disks are lost. <!-- id: do-not-stop-hosts -->

```yaml forbids
- {do: delete, kind: Node}
- {do: patch, kind: Node, field: /spec/unschedulable}
- {do: evict, kind: Pod, namespace: shop, name: "fulfilment-*"}
```
"""


def read(text: str, folder: Path) -> Runbook:
    path = folder / "r.md"
    path.write_text(text)
    return load_runbook(path, catalogue=Catalogue((SHIPPED,)))


def test_a_warning_at_the_top_has_its_id_its_words_and_what_it_forbids(tmp_path: Path) -> None:
    (found,) = read(FRONT + HOSTS + STEP, tmp_path).cautions
    assert found == Caution(
        "do-not-stop-hosts",
        "do not stop, delete or drain hosts: their local disks are lost.",
        (
            Forbidden("delete", "Node", line=12),
            Forbidden("patch", "Node", field="/spec/unschedulable", line=13),
            Forbidden("evict", "Pod", "shop", "fulfilment-*", line=14),
        ),
        "",
        8,
    )


def test_a_warning_may_stand_in_a_phase_and_in_a_step_and_stays_there_for_its_readers(tmp_path: Path) -> None:
    other = HOSTS.replace("do-not-stop-hosts", "another")
    runbook = read(f"{FRONT}{STEP}\n{HOSTS}\n## Close\n\n{other}\n### Say so\n\nSay.\n", tmp_path)
    assert [(caution.id, caution.step) for caution in runbook.cautions] == [("do-not-stop-hosts", "mend-it"), ("another", "")]
    assert "do not stop" in runbook.steps[0].prose
    assert "forbids" not in runbook.steps[0].prose


def test_a_warning_of_a_step_that_has_an_id_of_its_own_is_shown_at_that_step(tmp_path: Path) -> None:
    kept = STEP.replace("### Mend it\n", "### Mend it\n\n<!-- id: old-name -->\n")
    runbook = read(f"{FRONT}{kept}\n{HOSTS}", tmp_path)
    assert [caution.step for caution in runbook.cautions] == ["old-name"]
    (shown,) = opened(runbook, round_id="r1").steps
    assert [warning["id"] for warning in shown["warnings"]] == ["do-not-stop-hosts"]


@pytest.mark.parametrize("kind", ["node", "NodePool", "ClusterRoleBinding", "Widget", "Endpoints"])
def test_a_kind_in_lower_case_and_one_that_only_some_clusters_have_may_be_forbidden(tmp_path: Path, kind: str) -> None:
    (found,) = read(FRONT + HOSTS.replace("kind: Node}", f"kind: {kind}}}") + STEP, tmp_path).cautions
    assert found.forbids[0].kind == kind


def test_a_quotation_that_warns_and_forbids_nothing_is_prose(tmp_path: Path) -> None:
    assert read(f"{FRONT}> **Warning:** take care.\n{STEP}", tmp_path).cautions == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "part"),
    [
        ("<!-- id: do-not-stop-hosts -->", "", 8, "expected an id"),
        ("do-not-stop-hosts", "Do Not", 8, "lower-case"),
        ("- {do: delete, kind: Node}", "- {do: remove, kind: Node}", 12, "expected one of create, patch, delete, evict"),
        ("- {do: delete, kind: Node}", "- {do: delete}", 12, "'kind' is missing"),
        ("- {do: delete, kind: Node}", "- {kind: Node}", 12, "'do' is missing"),
        ("- {do: delete, kind: Node}", "- {do: delete, kind: Node, field: /spec}", 12, "only what is patched has one"),
        ("- {do: delete, kind: Node}", "- {do: delete, kind: Node, nam: x}", 12, "did you mean 'name'?"),
        ("- {do: delete, kind: Node}", "- delete", 12, "expected a mapping"),
        ("- {do: delete, kind: Node}", "- {do: delete, kind: Nodes}", 12, "got 'Nodes', by which no change is told; write Node"),
        ("- {do: delete, kind: Node}", "- {do: delete, kind: deploy}", 12, "write Deployment"),
        ("- {do: delete, kind: Node}", "- {do: delete, kind: networkpolicies}", 12, "write NetworkPolicy"),
        ("- {do: delete, kind: Node}", "- {do: delete, kind: deployments.apps}", 12, "write Deployment"),
        ("- {do: delete, kind: Node}", "- {do: delete, kind: Deploymnet}", 12, "write Deployment"),
        ("field: /spec/unschedulable", "field: spec", 13, "JSON pointer"),
        ("```yaml forbids", "```text", 8, "expected a block ```yaml forbids"),
        ("> **Warning:** do not stop", "> Do not stop", 11, "right after the warning"),
    ],
)
def test_what_is_wrong_with_a_warning_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, part: str) -> None:
    with pytest.raises(InvalidFileError) as caught:
        read(FRONT + HOSTS.replace(old, new) + STEP, tmp_path)
    assert any(problem.line == line and part in problem.message for problem in caught.value.problems), caught.value.problems


def test_two_warnings_of_one_id_are_a_problem(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="taken by line 8"):
        read(FRONT + HOSTS + "\n" + HOSTS + STEP, tmp_path)


def test_the_experiment_that_proves_it_must_exist(tmp_path: Path) -> None:
    assert read(FRONT.replace("owner: o", "owner: o\nproven_with: pod-loss") + STEP, tmp_path).proven_with == "pod-loss"
    with pytest.raises(InvalidFileError, match="pod-losss"):
        read(FRONT.replace("owner: o", "owner: o\nproven_with: pod-losss") + STEP, tmp_path)
