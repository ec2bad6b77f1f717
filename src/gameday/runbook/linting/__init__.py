"""Runbooks under lint: rules by code, each with its paragraph, and what they find with file and line.

Nothing of a runbook is executed, and nothing is changed. A rule sees what a Markdown file says, and, where they are named, a
cluster through reading calls, alert rules, and the machine's programs. What is *not* here: the reader, whose problems are
findings too (`gameday.runbook.reading`), and how findings are printed (`gameday.cli.linting`).
"""

from gameday.runbook.linting.linter import NotAsked, Result, lint, with_severity
from gameday.runbook.linting.model import Around, Finding
from gameday.runbook.linting.registry import Rule, all_rules, chosen, rule_of

__all__ = ["Around", "Finding", "NotAsked", "Result", "Rule", "all_rules", "chosen", "lint", "rule_of", "with_severity"]
