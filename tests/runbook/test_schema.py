"""The JSON Schema of runbooks: what is shipped conforms, and what is misspelt does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gameday.runbook.markdown import FORBIDS, sections, split_front_matter
from gameday.runbook.schema import PARTS, part_of, schema

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "runbook.schema.json").read_text(encoding="utf-8"))
RUNBOOKS = sorted([*ROOT.glob("runbooks/*.md"), *ROOT.glob("tests/runbook/good/*.md")])
PART_OF_BLOCK = {"yaml": "step", "yaml check": "check", FORBIDS: "forbids"}
SCALE = "gameday.actions.workloads.scale"


def errors(part: str, data: object) -> list[str]:
    return [error.message for error in jsonschema.Draft7Validator(part_of(SCHEMA, part)).iter_errors(data)]


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_a_schema_that_is_complete_in_itself(part: str) -> None:
    alone = part_of(SCHEMA, part)
    jsonschema.Draft7Validator.check_schema(alone)
    assert all(f'"{name}"' in json.dumps(alone.get("definitions", {})) for name in _references(alone))


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {str(value["$ref"]).rpartition("/")[2]} if "$ref" in value else set()
        return own.union(*map(_references, value.values()))
    return set().union(*map(_references, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_every_good_runbook_conforms(path: Path) -> None:
    front, body = split_front_matter(path.read_text(encoding="utf-8"), file=str(path))
    assert errors("front-matter", yaml.load(front, yaml.BaseLoader)) == []  # noqa: S506  # dates stay texts
    for section in sections(body):
        for block in section.blocks:
            if block.info in PART_OF_BLOCK:
                assert errors(PART_OF_BLOCK[block.info], yaml.safe_load(block.text)) == [], f"{path.name}:{block.line}"


@pytest.mark.parametrize(
    ("part", "data"),
    [
        ("front-matter", {"title": "t"}),
        ("front-matter", {"title": "t", "ownr": "o"}),
        ("front-matter", {"title": "t", "owner": "o", "updates_every": "often"}),
        ("front-matter", {"title": "t", "owner": "o", "objectives": {"rtos": "1m"}}),
        ("front-matter", {"title": "t", "owner": "o", "last_proven": {"run": "r"}}),
        ("step", {"action": "gameday.actions.workloads.scal", "with": {}}),
        ("step", {"action": SCALE}),
        ("step", {"action": SCALE, "with": {"namespace": "shop", "name": "web"}}),
        ("step", {"action": SCALE, "with": {"namespace": "shop", "name": "web", "replicas": 1, "count": 2}}),
        ("step", {"with": {}}),
        ("check", {"probe": "gameday.probes.orders.lost"}),
        ("check", {"probe": "gameday.probes.orders.lost", "within": [None, None]}),
        ("check", {"probe": "gameday.probes.orders.lost", "within": [0]}),
        ("check", {"probe": SCALE, "within": [0, 0]}),
        ("forbids", []),
        ("forbids", [{"do": "stop", "kind": "Node"}]),
        ("forbids", [{"do": "patch", "kind": "Node", "field": "spec"}]),
    ],
)
def test_what_is_misspelt_does_not_conform(part: str, data: object) -> None:
    assert errors(part, data) != []


@pytest.mark.parametrize(
    ("part", "data"),
    [
        ("front-matter", {"title": "t", "owner": "o", "last_proven": {"run": "r", "date": "2026-11-25", "digest": "sha256:0"}}),
        ("step", {"action": "gameday_workspace.actions.rollouts.pause", "with": {"anything": 1}}),
        ("step", {"probe": "gameday.probes.orders.lost"}),
        ("check", {"probe": "gameday_workspace.probes.containers.restarts", "within": [None, 0], "wait": 30}),
        ("forbids", [{"do": "evict", "kind": "Pod", "namespace": "shop", "name": "fulfilment-*"}]),
    ],
)
def test_what_can_be_meant_conforms(part: str, data: object) -> None:
    assert errors(part, data) == []


@pytest.mark.parametrize(("extra", "fits"), [({"severity": None}, False), ({"severity": 1}, True), ({"proven_with": None}, True)])
def test_a_key_without_a_value_conforms_where_the_reader_takes_it(extra: dict[str, object], *, fits: bool) -> None:
    found = [*jsonschema.Draft7Validator(schema([], [])).iter_errors({"title": "t", "owner": "o", **extra})]
    assert (not found) is fits
