from __future__ import annotations

from pathlib import Path

import pytest

from gameday.errors import InvalidFileError
from gameday.experiment import Objectives
from gameday.runbook import Check, Proof, Runbook, StepAction, StepShell, load_runbook
from gameday.runbook.model import PHASES
from gameday.workspace import SHIPPED, Catalogue

TEXT = """\
---
id: r
title: Payment is down
owner: payment-team
services: [payment]
severity: SEV-1
alerts: [A]
experiments: [dependency-down]
objectives: {rto: 1m, rpo: 0s}
audiences: [support]
updates_every: 15m
last_proven: {run: r1, date: 2026-01-31, digest: "sha256:ab"}
---

# Payment is down

Some words about it.

## Diagnose

### Look at `payment` first

**Role:** subject-matter expert · **Expected:** 2m

Look here.

```sh
kubectl get deploy -n shop
```

And *there*.

## Resolve

### Scale it back
<!-- id: scale -->

```yaml
action: gameday.actions.workloads.scale
with: {namespace: shop, name: payment, replicas: 2}
```

```yaml check
probe: gameday.probes.checkout.success_rate
within: [99, null]
wait: 30s
```

## Notes

Words that are no step.

```text
### not a heading
```
"""


def read(text: str, folder: Path) -> Runbook:
    path = folder / "r.md"
    path.write_text(text)
    return load_runbook(path, catalogue=Catalogue((SHIPPED,)))


def problems_of(text: str, folder: Path) -> list[tuple[int, str]]:
    with pytest.raises(InvalidFileError) as caught:
        read(text, folder)
    return [(problem.line, problem.message) for problem in caught.value.problems]


def test_front_matter_is_read_whole(tmp_path: Path) -> None:
    runbook = read(TEXT, tmp_path)
    assert (runbook.id, runbook.title, runbook.owner, runbook.severity) == ("r", "Payment is down", "payment-team", "SEV-1")
    assert (runbook.services, runbook.alerts, runbook.audiences) == (("payment",), ("A",), ("support",))
    assert runbook.experiments == ("dependency-down",)
    assert runbook.objectives == Objectives(60.0, 0.0)
    assert runbook.updates_every_seconds == 900.0
    assert runbook.last_proven == Proof("r1", "2026-01-31", "sha256:ab")


def test_a_step_has_its_phase_role_time_prose_and_line(tmp_path: Path) -> None:
    runbook = read(TEXT, tmp_path)
    look = runbook.steps[0]
    assert (look.id, look.title, look.phase, look.line) == ("look-at-payment-first", "Look at payment first", "Diagnose", 21)
    assert (look.role, look.expected_seconds) == ("subject-matter expert", 120.0)
    assert look.prose == "Look here.\n\nAnd *there*."
    assert look.shell == StepShell("kubectl get deploy -n shop\n", 28)
    assert look.action is None
    assert look.check is None


def test_a_step_may_name_an_action_and_how_it_is_checked(tmp_path: Path) -> None:
    scale = read(TEXT, tmp_path).steps[1]
    assert scale.id == "scale"
    assert scale.action == StepAction(
        "gameday.actions.workloads.scale", {"namespace": "shop", "name": "payment", "replicas": 2}, 39
    )
    assert scale.check == Check("gameday.probes.checkout.success_rate", {}, (99.0, None), 30.0, 44)
    assert scale.prose == ""


def test_only_headings_that_hold_steps_are_phases(tmp_path: Path) -> None:
    assert read(TEXT, tmp_path).phases == ("Diagnose", "Resolve")


def test_blocks_that_are_only_shown_stay_in_the_prose(tmp_path: Path) -> None:
    text = TEXT.replace("Look here.", "Say:\n\n```text\nIt is down.\n```\n\n```yaml example\nkind: Pod\n```")
    assert read(text, tmp_path).steps[0].prose.startswith("Say:\n\n```text\nIt is down.\n```\n\n```yaml example\nkind: Pod\n```")


CASES = [
    ("id: r\n", "id: other\n", 2, "expected 'r', the file's name"),
    ("title: Payment is down\n", "", 2, "'title' is missing"),
    ("owner: payment-team\n", "ownr: payment-team\n", 4, "did you mean 'owner'?"),
    ("updates_every: 15m", "updates_every: often", 11, "expected a duration"),
    ("experiments: [dependency-down]", "experiments: [dependency-dwn]", 8, "did you mean 'dependency-down'?"),
    ("objectives: {rto: 1m, rpo: 0s}", "objectives: {rtos: 1m}", 9, "did you mean 'rto'?"),
    ("services: [payment]", "services: [payment", 6, "not YAML"),
    ("## Diagnose\n", "## Diagnosis\n", 19, "'Diagnosis' holds a step but is no phase; did you mean 'Diagnose'?"),
    ("## Diagnose\n", "\n", 21, "stands in no phase"),
    ("**Expected:** 2m", "**Expected:** a while", 23, "expected a duration"),
    ("**Expected:** 2m", "**Expcted:** 2m", 23, "unknown label 'Expcted'; did you mean 'Expected'?"),
    ("**Role:** subject-matter expert", "**Role:**", 23, "the label Role has no value"),
    ("<!-- id: scale -->", "<!-- id: Scale It -->", 35, "expected a step id"),
    ("<!-- id: scale -->", "<!-- id: look-at-payment-first -->", 35, "is taken by line 21"),
    ("action: gameday.actions.workloads.scale", "action: gameday.actions.workloads.scal", 39, "did you mean 'scale'?"),
    (
        "action: gameday.actions.workloads.scale",
        "action: workloads.scale",
        39,
        "expected a name such as gameday.actions.pods.kill",
    ),
    (
        "action: gameday.actions.workloads.scale",
        "actoin: gameday.actions.workloads.scale",
        39,
        "unknown key 'actoin'; did you mean 'action'?",
    ),
    ("action: gameday.actions.workloads.scale", "action: gameday.probes.workloads.ready", 39, "expected an action"),
    ("name: payment, replicas: 2", "name: payment", 39, "scale needs the argument 'replicas'"),
    ("within: [99, null]", "within: 99", 45, "within: expected [low, high]"),
    ("within: [99, null]", "within: [null, null]", 45, "within: expected [low, high]"),
    ("within: [99, null]", "within: [99, 1]", 45, "the lower bound first"),
    ("within: [99, null]\n", "", 44, "within: expected [low, high]"),
    ("wait: 30s", "waitt: 30s", 46, "did you mean 'wait'?"),
    ("```yaml check\n", "```yaml chek\n", 43, "unknown block 'yaml chek'"),
    ("```sh\n", "```bash\n", 27, "a block marked 'bash' is not read"),
    ("And *there*.\n", "```sh\nls\n```\n", 31, "a step has at most one sh block or one yaml block"),
    ("And *there*.\n", "```yaml\nprobe: gameday.probes.checkout.success_rate\n```\n", 31, "at most one sh block or one yaml"),
    ("kubectl get deploy -n shop\n", "\n", 27, "the sh block is empty"),
    ("with: {namespace: shop,", "with: {namespace: shop, namespace: x,", 40, "stands here twice"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1].strip()} for {case[0].strip()}")
def test_a_runbook_is_read_strictly(tmp_path: Path, case: tuple[str, str, int, str]) -> None:
    old, new, line, part = case
    assert old in TEXT
    found = problems_of(TEXT.replace(old, new, 1), tmp_path)
    assert any(at == line and part in message for at, message in found), found


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    broken = TEXT.replace("owner:", "ownr:").replace("Diagnose", "Diagnosis").replace("within: [99, null]", "within: 99")
    assert [line for line, _ in problems_of(broken, tmp_path)] == [2, 4, 19, 45]


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("# No front matter\n", 1, "expected front matter"),
        ("---\nid: r\n", 1, "never closed"),
        ("---\n- a\n---\n## Resolve\n### Do\n", 2, "expected a mapping"),
        ("---\nid: r\ntitle: t\nowner: o\n---\nWords.\n", 0, "expected at least one step"),
        ("---\nid: r\ntitle: t\nowner: o\n---\n## Resolve\n### Do\n```sh\nls\n", 8, "never closed"),
        ("---\nid: r\ntitle: t\nowner: o\n---\n## Resolve\n### !!!\n", 7, "expected a step id"),
    ],
)
def test_a_file_without_the_shape_of_a_runbook_says_what_is_missing(tmp_path: Path, text: str, line: int, part: str) -> None:
    found = problems_of(text, tmp_path)
    assert any(at == line and part in message for at, message in found), found


def test_a_runbook_that_was_never_proven_says_nothing_there(tmp_path: Path) -> None:
    text = TEXT.replace(' {run: r1, date: 2026-01-31, digest: "sha256:ab"}', "")
    assert read(text, tmp_path).last_proven is None


def test_every_runbook_shipped_is_valid_and_goes_through_every_phase() -> None:
    entries = Catalogue((SHIPPED,)).list("runbook")
    assert len(entries) >= 2
    for entry in entries:
        runbook = load_runbook(entry.path, catalogue=Catalogue((SHIPPED,)))
        assert runbook.phases == PHASES
        assert all(step.role and step.expected_seconds for step in runbook.steps)
        assert any(step.check for step in runbook.steps)


def test_runbooks_and_experiments_name_each_other() -> None:
    catalogue = Catalogue((SHIPPED,))
    for entry in catalogue.list("runbook"):
        for name in load_runbook(entry.path, catalogue=catalogue).experiments:
            assert f"runbook: {entry.name}\n" in catalogue.find("experiment", name).read_text()
