"""What the reader itself refuses, as findings: each kind of problem has its code here, and is found nowhere else."""

from __future__ import annotations

from typing import Final

from gameday.errors import Problem
from gameday.runbook.linting.registry import Rule, add

_KINDS: Final = {
    "unreadable": (
        "RB001",
        "The file cannot be read",
        "It is a directory, empty, larger than 1,000,000 bytes, or no text in UTF-8. Nothing else can be said of it.",
    ),
    "front-matter": (
        "RB002",
        "No front matter",
        "A runbook begins with a line `---`, then keys and values in YAML, then `---` again: whose it is, and what it is for.",
    ),
    "syntax": (
        "RB003",
        "Not YAML",
        "The front matter or a block marked `yaml` cannot be parsed, or has a key twice. The message says what the parser met.",
    ),
    "missing-key": (
        "RB004",
        "A key is missing",
        "`title` and `owner` are required, `probe` in a check, and no key is left empty.",
    ),
    "unknown-key": (
        "RB005",
        "An unknown key",
        "A key that nothing reads is mostly a misspelt one, and then silently without effect; so it is an error.",
    ),
    "value": (
        "RB006",
        "A value of another kind",
        "A duration is `30s`, `15m` or `1h30m`; a list is a list of texts. The message says what was expected.",
    ),
    "id": (
        "RB007",
        "The id is not the file's name",
        "A runbook is found by its file's name, so another id would never be found. Leave `id` out, or rename the file.",
    ),
    "experiment": (
        "RB008",
        "An experiment that is not there",
        "`experiments` and `proven_with` name those that prove the runbook, by name or path. See `gameday list experiments`.",
    ),
    "": (
        "RB009",
        "Something else that the reader refuses",
        "The message says what was expected. Problems that have no code of their own have this one.",
    ),
    "no-step": (
        "RB010",
        "No steps",
        "A runbook without a single heading `###` below a phase tells nobody what to do, and there is nothing to prove.",
    ),
    "no-phase": ("RB011", "A step outside of all phases", "A heading `###` is a step, and stands below a phase (`## Resolve`)."),
    "unknown-phase": (
        "RB012",
        "A phase that is none",
        "Steps stand below Detect, Classify, Diagnose, Resolve, Communicate, Close or Review; other `##` hold prose only.",
    ),
    "step-id": (
        "RB013",
        "A step's id is malformed",
        "A step's id is of lower-case letters, digits and dashes, like an anchor, so that links and histories can name it.",
    ),
    "duplicate-id": (
        "RB014",
        "Two steps with one id",
        "Results are kept by step id. Write `<!-- id: another-one -->` below the second heading.",
    ),
    "label": (
        "RB015",
        "An unknown or empty label",
        "The line below a step's heading has the labels `**Role:**` and `**Expected:**`, each with a value.",
    ),
    "duration": ("RB016", "An expected time that is none", "`**Expected:**` is a duration such as `30s`, `5m` or `1h`."),
    "second-block": (
        "RB017",
        "A second block that would be executed",
        "A step does one thing and has one check, so that its effect can be measured. Make the second one a step of its own.",
    ),
    "unclosed": (
        "RB018",
        "A block that is never closed",
        "A forge shows the rest of the page as code, and the steps in it are lost. Put a line of three backticks behind it.",
    ),
    "mark": (
        "RB019",
        "A block whose mark is not read",
        (
            "Commands stand in `sh`, actions and probes in `yaml`, checks in `yaml check`, what is only shown in `yaml "
            "example` or `text`. With `bash` or a misspelt mark, it would be unclear whether the block is executed."
        ),
    ),
    "empty-block": ("RB020", "An empty block", "A block `sh` without commands does nothing and looks as if it did."),
    "no-target": (
        "RB021",
        "A block that names nothing to do",
        "A block `yaml` has either `action:` or `probe:`. What is only to be shown is marked `yaml example`.",
    ),
    "target": (
        "RB022",
        "An action or probe that is not there",
        "The name is a module and a function, of ours or of the project's own: see `gameday list actions` and `… probes`.",
    ),
    "arguments": (
        "RB023",
        "Arguments that do not fit",
        "What stands under `with` are the action's or probe's parameters, all that are required, with values that can be meant.",
    ),
    "caution": (
        "RB025",
        "A warning without what it forbids, or the reverse",
        (
            "A quotation `> **Warning:** …` with an id is a warning of the whole runbook: right behind it stands a block "
            "`yaml forbids` that says which changes it forbids, and nowhere else. Without an id and a block, it is prose."
        ),
    ),
    "caution-id": (
        "RB026",
        "A warning without an id of its own",
        "At the end of a warning stands `<!-- id: do-not-stop-hosts -->`: lower-case letters, digits, dashes; each only once.",
    ),
    "forbidden": (
        "RB027",
        "Something forbidden that is no change",
        (
            "A block `yaml forbids` is a list of `{do: create|patch|delete|evict, kind: Node}`, narrowed by `namespace`, `name` "
            "(a pattern) and, of what is patched, `field` (a JSON pointer)."
        ),
    ),
    "proof": (
        "RB028",
        "A proof that is none",
        "`last_proven` is written by `gameday runbook verify` alone: the run, the day and the digest of what was proven.",
    ),
    "bounds": (
        "RB024",
        "Bounds that are none",
        "`within` is `[low, high]`, the lower one first, with `null` for an open end, and not two of them.",
    ),
}

for _code, _title, _told in _KINDS.values():
    add(Rule(_code, _title, _told, "error"))


def code_of(problem: Problem) -> str:
    """Return the code of a problem that the reader found."""
    return _KINDS.get(problem.kind, _KINDS[""])[0]
