"""Alert rules as Prometheus reads them, or wrapped in a PrometheusRule: each alert's name, its runbook_url, and its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from gameday.errors import InvalidFileError
from gameday.yamlfile import Document, YamlPath, load


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alert."""

    name: str
    runbook_url: str
    file: str
    line: int

    def leads_to(self, runbook_id: str) -> bool:
        """Say whether its runbook_url ends in this runbook's file, whatever the forge or site adds or takes away."""
        try:
            last = PurePosixPath(unquote(urlsplit(self.runbook_url).path)).name
        except ValueError:  # a host in brackets that is no address
            return False
        return last in {runbook_id, f"{runbook_id}.md", f"{runbook_id}.html"}


def read_alert_rules(file: Path | str) -> tuple[AlertRule, ...]:
    """Read a file of alert rules; InvalidFileError if it is none."""
    document = load(file)
    base: YamlPath = ("spec",) if isinstance(document.data.get("spec"), dict) else ()
    groups = document.data["spec"].get("groups") if base else document.data.get("groups")
    if not isinstance(groups, list):
        message = "expected alert rules: groups:, each with rules: (or spec: groups: of a PrometheusRule)"
        raise InvalidFileError([document.problem((), message)])
    return tuple(_alerts(document, base, groups))


def _alerts(document: Document, base: YamlPath, groups: list[Any]) -> Iterator[AlertRule]:
    for number, group in enumerate(groups):
        rules = group.get("rules") if isinstance(group, dict) else None
        for index, rule in enumerate(rules if isinstance(rules, list) else []):
            if not isinstance(rule, dict) or "alert" not in rule:
                continue
            annotations = rule.get("annotations") if isinstance(rule.get("annotations"), dict) else {}
            line = document.line_of((*base, "groups", number, "rules", index, "alert"))
            yield AlertRule(str(rule["alert"]), str((annotations or {}).get("runbook_url") or ""), document.file, line)
