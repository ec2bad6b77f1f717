"""Rules about alerts: whoever is paged finds this page, and this page is found by whoever is paged for it."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.runbook.linting.alerts import AlertRule
from gameday.runbook.linting.model import Hit, Subject
from gameday.runbook.linting.registry import rule


@rule("RB501", "An alert leads elsewhere", need="rules")
def leads_elsewhere(subject: Subject) -> Iterator[Hit]:
    """An alert of `alerts` has the annotation `runbook_url`, and it ends in this runbook's file.

    It is what stands in the page at three in the morning. An alert that several runbooks list leads to one of them; the others
    are reached from there.
    """
    for index, name in enumerate(subject.read().alerts):
        rules = [one for one in subject.around.alert_rules or () if one.name == name]
        if rules and not any(_leads_to_any(subject, one.runbook_url, name) for one in rules):
            where = f"{rules[0].file}:{rules[0].line}"
            told = f"leads to {rules[0].runbook_url}" if rules[0].runbook_url else "has no runbook_url"
            step = f"set its annotation runbook_url to this file's address, which ends in {subject.path.name}"
            yield Hit(subject.front_line("alerts", index), f"the alert {name} ({where}) {told}", step)


@rule("RB502", "An alert leads here, and is not listed", need="rules")
def not_listed(subject: Subject) -> Iterator[Hit]:
    """An alert whose `runbook_url` ends in this runbook's file stands in its `alerts`.

    The list is what the runbook promises to be for, and what a rehearsal lets ring.
    """
    listed = set(subject.read().alerts)
    seen: set[str] = set()
    for one in subject.around.alert_rules or ():
        if one.leads_to(subject.path.stem) and one.name not in listed | seen:
            seen.add(one.name)
            told = f"the alert {one.name} ({one.file}:{one.line}) leads here, and is not listed"
            yield Hit(subject.front_line("alerts"), told, f"add {one.name} to alerts, or lead the alert elsewhere")


@rule("RB503", "An alert that no rule has", need="rules")
def not_there(subject: Subject) -> Iterator[Hit]:
    """Each alert of `alerts` is in one of the rule files that were named.

    Otherwise it never rings: it was renamed, or never made.
    """
    known = {one.name for one in subject.around.alert_rules or ()}
    for index, name in enumerate(subject.read().alerts):
        if name not in known:
            told = f"no rule is called {name!r} in the files that were named"
            yield Hit(subject.front_line("alerts", index), told, "correct the name, name its file too, or take it out of alerts")


def _leads_to_any(subject: Subject, url: str, alert: str) -> bool:
    """Say whether a URL leads to this runbook, or to another one of the catalogue that lists the alert as well."""
    wanted = AlertRule(alert, url, "", 0)
    if wanted.leads_to(subject.path.stem):
        return True
    others = [entry.path for entry in subject.catalogue.list("runbook") if wanted.leads_to(entry.name)]
    return any(alert in path.read_text(encoding="utf-8", errors="replace").split("\n---", 1)[0] for path in others)
