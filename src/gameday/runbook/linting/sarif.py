"""Findings as SARIF 2.1.0, the format in which forges take findings of any tool.

The shape is that of https://docs.oasis-open.org/sarif/sarif/v2.1.0/, with what GitHub's code scanning asks for: a rule for each
result, with its help, and locations relative to the repository's root.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from gameday.runbook.linting.linter import Result
from gameday.runbook.linting.model import Finding
from gameday.runbook.linting.registry import Rule

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
VERSION: Final = "2.1.0"
_ROOT: Final = "%SRCROOT%"


def as_sarif(result: Result, rules: Sequence[Rule], *, version: str, root: Path) -> dict[str, Any]:
    """Return the findings as one run of SARIF; `root` is the folder to which the files' paths are relative."""
    numbers = {one.code: number for number, one in enumerate(rules)}
    notifications = [
        {
            "level": "note",
            "message": {"text": f"{one.code} ({one.title}) was not looked at; {one.how}"},
            "associatedRule": {"id": one.code, "index": numbers[one.code]},
        }
        for one in result.not_asked
    ]
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {
                    "driver": {"name": "gameday runbook lint", "semanticVersion": version, "rules": [_rule(one) for one in rules]}
                },
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {_ROOT: {"uri": root.absolute().as_uri() + "/"}},
                "invocations": [{"executionSuccessful": True, "toolConfigurationNotifications": notifications}],
                "results": [_result(finding, numbers[finding.code], root) for finding in result.findings],
            }
        ],
    }


def _rule(one: Rule) -> dict[str, Any]:
    return {
        "id": one.code,
        "shortDescription": {"text": one.title},
        "fullDescription": {"text": " ".join(one.paragraph.split())},
        "help": {"text": one.paragraph, "markdown": one.paragraph},
        "defaultConfiguration": {"level": one.severity},
    }


def _result(finding: Finding, number: int, root: Path) -> dict[str, Any]:
    step = f". Next: {finding.next_step}" if finding.next_step else ""
    return {
        "ruleId": finding.code,
        "ruleIndex": number,
        "level": finding.severity,
        "message": {"text": f"{finding.message}{step}"},
        "locations": [
            {"physicalLocation": {"artifactLocation": _artifact(finding.file, root), "region": {"startLine": finding.line}}}
        ],
    }


def _artifact(file: str, root: Path) -> dict[str, str]:
    path = Path(file).absolute()
    if path.is_relative_to(root.absolute()):
        return {"uri": quote(path.relative_to(root.absolute()).as_posix()), "uriBaseId": _ROOT}
    return {"uri": path.as_uri()}
