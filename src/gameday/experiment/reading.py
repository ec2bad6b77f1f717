"""An experiment file into an Experiment, or into every problem it has, each with its line.

Chaos Toolkit stays the language: this reads the same file, and is stricter where Chaos Toolkit is silent. It imports
neither Chaos Toolkit nor `kubernetes`, and runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gameday.errors import InvalidFileError
from gameday.experiment.activities import ActivityReader
from gameday.experiment.block import Block, find_block, read_block
from gameday.experiment.configuration import read_configuration
from gameday.experiment.findings import Findings
from gameday.experiment.model import Activity, Experiment
from gameday.fields import Fields
from gameday.workspace import Catalogue, make_importable
from gameday.yamlfile import Document, YamlPath, load

HYPOTHESIS: Final = "steady-state-hypothesis"
_TOP_KEYS: Final = (
    "version",
    "title",
    "description",
    "tags",
    "contributions",
    "configuration",
    "secrets",
    HYPOTHESIS,
    "method",
    "rollbacks",
    "controls",
    "extensions",
    "runtime",
    "dry",
)
_HYPOTHESIS_KEYS: Final = ("title", "probes", "controls", "description")
_CONTROL_KEYS: Final = ("name", "provider", "scope", "automatic", "ref")


def load_experiment(path: Path | str, *, catalogue: Catalogue) -> Experiment:
    """Read one experiment; InvalidFileError carries every problem at once."""
    return read_experiment(load(path), catalogue=catalogue)


def read_experiment(document: Document, *, catalogue: Catalogue) -> Experiment:
    """Read an experiment from a document that was loaded already."""
    make_importable(catalogue.project)
    findings = Findings(document, strict=False)
    position = find_block(document, findings.errors)
    findings.strict = position is not None
    block = Block() if position is None else _block(document, position, findings, catalogue)
    data = document.data
    _check_top(data, findings)
    configuration = read_configuration(data)
    for place, message in configuration.faults:
        findings.doubt(place, message)
    reader = ActivityReader(findings, configuration, _named(data))
    method = reader.read_list(data.get("method"), ("method",))
    hypothesis = reader.read_list(_probes(data, findings), (HYPOTHESIS, "probes"), hypothesis=True)
    rollbacks = reader.read_list(data.get("rollbacks"), ("rollbacks",))
    prepare = _prepare(data, position, reader)
    namespaces = _namespaces(block, (*prepare, *method), findings, position)
    if findings.errors:
        raise InvalidFileError(findings.errors)
    return Experiment(
        path=Path(document.file),
        digest=document.digest,
        title=str(data["title"]).strip(),
        hypothesis_title=str((data.get(HYPOTHESIS) or {}).get("title", "")),
        activities=method,
        prepare=prepare,
        hypothesis=hypothesis,
        rollbacks=rollbacks,
        document=data,
        ours=position is not None,
        runbook=block.runbook,
        runbook_path=block.runbook_path,
        traffic=block.traffic,
        objectives=block.objectives,
        expect=block.expect,
        caps=block.caps,
        namespaces=namespaces,
        baseline_seconds=block.baseline_seconds,
        recovery_timeout_seconds=block.recovery_timeout_seconds,
        landing_timeout_seconds=block.landing_timeout_seconds,
        drill_orders=block.drill_orders,
        owners=block.owners,
        stops=block.stops,
        description=str(data.get("description", "")).strip(),
        warnings=tuple(sorted(findings.warnings)),
    )


def configuration(experiment: Experiment) -> Mapping[str, Any]:
    """Return the values that `${x}` stands for, as far as they are known before a run, and never a secret's."""
    return read_configuration(experiment.document).values


def _block(document: Document, position: int, findings: Findings, catalogue: Catalogue) -> Block:
    fields = Fields(document, ("extensions", position), findings.errors, document.data["extensions"][position])
    return read_block(fields, catalogue)


def _check_top(data: Mapping[str, Any], findings: Findings) -> None:
    findings.keys((), data, _TOP_KEYS, "an experiment")
    for key in ("title", "description"):
        if not isinstance(data.get(key), str) or not data[key].strip():
            findings.error((key,), f"an experiment needs a {key} (a text)")
    if "method" not in data:
        findings.error((), "an experiment needs a method, which may be an empty list")
    elif data["method"] is None:
        findings.error(("method",), "the method is empty; write method: [] if nothing is to be broken")
    for key in ("configuration", "secrets"):
        if not isinstance(data.get(key, {}), dict):
            findings.error((key,), f"expected a mapping under {key}")
    tags = data.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) and tag for tag in tags):
        findings.error(("tags",), "expected a list of texts under tags")
    _check_controls(data, findings)


def _check_controls(data: Mapping[str, Any], findings: Findings) -> None:
    controls = data.get("controls", [])
    if not isinstance(controls, list):
        findings.error(("controls",), "expected a list of controls")
        return
    for index, control in enumerate(controls):
        path: YamlPath = ("controls", index)
        if not isinstance(control, dict):
            findings.error(path, "expected a control (a mapping with name and provider)")
            continue
        findings.keys(path, control, _CONTROL_KEYS, "a control")
        if not control.get("name") or not isinstance(control.get("provider"), dict):
            findings.error(path, "a control needs a name and a provider")


def _probes(data: Mapping[str, Any], findings: Findings) -> Any:
    hypothesis = data.get(HYPOTHESIS)
    if hypothesis is None:
        findings.doubt((HYPOTHESIS,), f"{HYPOTHESIS} is missing: without one there is nothing to judge")
        return None
    if not isinstance(hypothesis, dict):
        findings.error((HYPOTHESIS,), f"expected a mapping with title and probes under {HYPOTHESIS}")
        return None
    findings.keys((HYPOTHESIS,), hypothesis, _HYPOTHESIS_KEYS, f"the {HYPOTHESIS}")
    if not hypothesis.get("title"):
        findings.error((HYPOTHESIS,), "a hypothesis needs a title")
    probes = hypothesis.get("probes")
    if not probes:
        findings.doubt((HYPOTHESIS,), "the hypothesis has no probes: there is nothing to judge")
    return probes


def _named(data: Mapping[str, Any]) -> Mapping[str, YamlPath]:
    """Return where each activity stands that has a name of its own."""
    hypothesis = data.get(HYPOTHESIS)
    lists: list[tuple[YamlPath, Any]] = [
        ((HYPOTHESIS, "probes"), hypothesis.get("probes") if isinstance(hypothesis, dict) else None),
        (("method",), data.get("method")),
        (("rollbacks",), data.get("rollbacks")),
    ]
    found: dict[str, YamlPath] = {}
    for path, items in lists:
        for index, item in enumerate(items if isinstance(items, list) else []):
            if isinstance(item, dict) and isinstance(item.get("name"), str):
                found.setdefault(item["name"], (*path, index))
    return found


def _prepare(data: Mapping[str, Any], position: int | None, reader: ActivityReader) -> tuple[Activity, ...]:
    """Read what must stand before the baseline: actions of ours, since only these are guarded, recorded and undone."""
    if position is None:
        return ()
    path: YamlPath = ("extensions", position, "prepare")
    found = reader.read_list(data["extensions"][position].get("prepare"), path)
    for index, activity in enumerate(found):
        if not activity.ours or activity.type != "action":
            why = f"{activity.name!r} cannot prepare: expected an action of gameday.actions or of the project's own"
            reader.findings.error((*path, index), why)
    return found


def _namespaces(block: Block, actions: tuple[Activity, ...], findings: Findings, position: int | None) -> tuple[str, ...]:
    """Return the namespaces that may be touched: those that the block names, otherwise those of the actions' arguments."""
    touched = [
        activity for activity in actions if activity.ours and activity.type == "action" and activity.arguments.get("namespace")
    ]
    if not block.namespaces:
        return tuple(dict.fromkeys(str(activity.arguments["namespace"]) for activity in touched))
    for activity in touched:
        if activity.arguments["namespace"] not in block.namespaces:
            named = ", ".join(block.namespaces)
            why = f"{activity.name!r} touches the namespace {activity.arguments['namespace']}, but namespaces only names {named}"
            findings.error(("extensions", position or 0, "namespaces"), why)
    return block.namespaces
