"""Approvals with real keys and signatures: what counts, what does not, and that any edit needs a new one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gameday.cluster import Identity
from gameday.errors import RefusedError
from gameday.guard import Approvals, Facts, Policy, RunFacts, judge
from gameday.guard.approvals import approval_text, approvals_folder, find_approvals, runners_here, sign

ME = ("me@example.com",)


def approve(project: Any, key: Path) -> Path:
    plan = project.load()
    return sign(plan, approval_text(plan, project.identity), key)


def found(project: Any, runners: tuple[str, ...] = ME) -> Approvals:
    return find_approvals(project.load(), project.identity, runners)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_signature_by_a_listed_key_counts(kind: str, project: Any) -> None:
    signature = approve(project, project.person("alice", kind=kind))
    assert signature == project.folder / "gamedays" / "day.yaml.approvals" / "alice@example.com.sig"
    assert found(project) == Approvals(ME, ("alice@example.com",))


def test_whoever_runs_it_does_not_count_by_any_name_or_pattern(project: Any) -> None:
    approve(project, project.person("alice"))
    for runners in (("alice@example.com",), ("someone", "Alice@Example.com")):
        assert found(project, runners).given == ()
        assert found(project, runners).rejected == (("alice@example.com.sig", "alice@example.com is who runs this"),)
    approve(project, project.person("team", listed_as="*@team.example.com"))
    assert found(project, ("bob@team.example.com", "alice@example.com")).given == ()


def test_two_signatures_of_one_person_or_with_one_key_count_once(project: Any) -> None:
    alice = project.person("alice")
    approve(project, alice)
    second = project.person("laptop", listed_as="alice@example.com")
    plan = project.load()
    approve(project, alice).rename(approvals_folder(plan.path) / "again.sig")
    approve(project, second).rename(approvals_folder(plan.path) / "laptop.sig")
    approve(project, alice)
    assert found(project).given == ("alice@example.com",)
    assert {why for _, why in found(project).rejected} == {"alice@example.com has approved already"}


def test_a_key_that_is_not_listed_or_a_signature_for_another_purpose_does_not_count(project: Any) -> None:
    project.person("alice")
    stranger = project.person("stranger", listed_as="")
    with pytest.raises(RefusedError, match="does not name its key"):
        approve(project, stranger)
    plan = project.load()
    text = approval_text(plan, project.identity)
    folder = approvals_folder(plan.path)
    folder.mkdir()
    for purpose, key, name in (("git", "alice", "a.sig"), ("gameday", "stranger", "b.sig")):
        command = ["ssh-keygen", "-Y", "sign", "-n", purpose, "-f", str(project.folder / f"key-{key}")]
        (folder / name).write_text(subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout)
    (folder / "c.sig").write_text("no signature at all")
    assert found(project).given == ()
    assert [name for name, _ in found(project).rejected] == ["a.sig", "b.sig", "c.sig"]


EDITS: list[tuple[str, Callable[[Any], Any]]] = [
    ("a byte of the plan", lambda it: it.edit("gamedays/day.yaml", "A day", "A dby")),
    ("a byte of the experiment", lambda it: it.edit("experiments/pod-loss.yaml", "title:", "title: ")),
    ("another cap", lambda it: it.edit("experiments/pod-loss.yaml", "pods: 1", "pods: 2")),
    ("the runbook", lambda it: it.edit("runbooks/pod-loss.md", "\n## ", "\n\n## ")),
    ("the journey", lambda it: it.edit("journeys/checkout.yaml", "\n", "\n\n")),
    ("the project's own actions", lambda it: it.edit("actions/own.py", "nothing", "something")),
    ("another action of its own", lambda it: (it.folder / "actions" / "new.py").touch()),
    ("who may approve", lambda it: it.person("mallory")),
]


@pytest.mark.parametrize(("edit"), [edit for _, edit in EDITS], ids=[name for name, _ in EDITS])
def test_any_edit_needs_a_new_approval(edit: Callable[[Any], Any], project: Any) -> None:
    alice = project.person("alice")
    approve(project, alice)
    edit(project)
    after = found(project)
    assert after.given == ()
    assert "is not over this plan as it stands" in after.rejected[0][1]
    approve(project, alice)
    assert found(project).given == ("alice@example.com",)


def test_another_cluster_needs_a_new_approval(project: Any) -> None:
    approve(project, project.person("alice"))
    assert find_approvals(project.load(), Identity("another", "embedded"), ME).given == ()


def test_what_an_environment_variable_decides_is_part_of_what_is_approved(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project.edit("experiments/pod-loss.yaml", "  namespace: shop\n", "  namespace: shop\n  victim: {type: env, key: VICTIM}\n")
    project.edit("experiments/pod-loss.yaml", "selector: app=checkout", 'selector: "${victim}"')
    monkeypatch.setenv("VICTIM", "app=checkout")
    approve(project, project.person("alice"))
    assert found(project).given
    monkeypatch.setenv("VICTIM", "app=payment")
    assert found(project).given == ()


def test_a_file_that_was_edited_after_it_was_read_rejects_what_was_approved(project: Any) -> None:
    approve(project, project.person("alice"))
    plan = project.load()
    project.edit("experiments/pod-loss.yaml", "title:", "title: ")
    approve(project, project.folder / "key-alice")
    after = find_approvals(plan, project.identity, ME)
    assert after.given == ()
    assert "pod-loss.yaml was edited after it was read" in after.rejected[0][1]


def test_the_text_says_what_is_approved_and_is_the_same_every_time(project: Any) -> None:
    project.person("alice")
    plan = replace(project.load(), switched_off_rules=("cap-pods",))
    text = approval_text(plan, project.identity)
    assert text == approval_text(plan, project.identity)
    said = json.loads(text)
    assert (said["cluster"], said["namespaces"]) == ("uid-of-kube-system", ["shop"])
    assert said["switched-off-rules"] == ["cap-pods"]
    assert said["rounds"][0]["caps"] == {"objects": 3, "pods": 1}
    assert set(said["own-code"]) == {"actions/own.py"}


def test_without_ssh_keygen_it_is_said_which_program_is_missing(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    approve(project, project.person("alice"))
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(RefusedError, match="openssh-client"):
        found(project)


def test_a_list_of_keys_that_is_missing_is_said(project: Any) -> None:
    plan = project.load()
    (project.folder / "gamedays" / "allowed_signers").unlink()
    with pytest.raises(RefusedError, match="allowed_signers, but there is no such file"):
        find_approvals(plan, project.identity, ME)


def test_who_runs_is_the_variable_and_gits_address_together(project: Any) -> None:
    bare = {"PATH": os.environ["PATH"], "HOME": str(project.folder), "GIT_CONFIG_NOSYSTEM": "1"}
    assert runners_here(project.plan_path, bare) == ()
    named = {**bare, "GAMEDAY_RUNNER": "ci-bob"}
    assert runners_here(project.plan_path, named) == ("ci-bob",)
    (project.folder / ".gitconfig").write_text("[user]\n\temail = bob@example.com\n")
    assert runners_here(project.plan_path, named) == ("ci-bob", "bob@example.com")
    assert runners_here(project.plan_path, {**named, "PATH": "/nonexistent"}) == ("ci-bob",)


def messages(policy: Policy, approvals: Approvals | None) -> list[str]:
    facts = Facts(Identity("u"), {}, run=RunFacts(approvals=approvals))
    return [finding.message for finding in judge([], policy, facts) if finding.rule == "approval"]


def test_the_rule_wants_as_many_as_the_plan_says_and_knows_who_runs(project: Any) -> None:
    project.person("alice")
    spec = project.load().approvals
    policy = Policy(approvals=replace(spec, required=2))
    assert "they could not be looked at" in messages(policy, None)[0]
    assert "set GAMEDAY_RUNNER" in messages(policy, Approvals((), ("a", "b")))[0]
    (told,) = messages(policy, Approvals(ME, ("a",), (("b.sig", "bad"),)))
    assert "expected 2 by others than me@example.com, but found 1 (a); b.sig does not count: bad." in told
    assert messages(policy, Approvals(ME, ("a", "b"))) == []
    assert messages(Policy(), None) == []
