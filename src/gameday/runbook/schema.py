"""The JSON Schema of runbooks, for editors: the front matter, and each block of YAML that a step can have.

It says what a schema can say: which keys there are, which of them are required, and which actions and probes there are with which
parameters. What it cannot say (whether an experiment is there, whether a check could fail) `gameday runbook lint` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gameday.runbook.kinds import OTHER_NAMES

DIALECT: Final = "http://json-schema.org/draft-07/schema#"
"""The one that editors, and linters of Markdown, all know."""
PARTS: Final = ("front-matter", "step", "check", "forbids")
_DURATION: Final = {
    "description": "a duration: 500ms, 30s, 15m, 1h30m, 2d, or a number of seconds",
    "anyOf": [
        {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d))+$"},
        {"type": "number", "minimum": 0},
    ],
}
_TEXTS: Final = {"anyOf": [{"type": "array", "items": {"type": "string", "minLength": 1}}, {"type": "string"}, {"type": "null"}]}
_TEXT: Final = {"type": ["string", "number"]}
_OWN: Final = r"^gameday_workspace\.{room}\.[A-Za-z_][\w.]*$"


@dataclass(frozen=True, slots=True)
class Registered:
    """An action or probe as the schema tells of it: its name, what it does, its parameters' names, and those required."""

    name: str
    about: str
    parameters: Mapping[str, str]
    """What each one means."""
    required: Sequence[str]


def schema(actions: Sequence[Registered], probes: Sequence[Registered]) -> dict[str, Any]:
    """Return the schema: at its top that of the front matter, and in `definitions` those of the blocks."""
    return {
        "$schema": DIALECT,
        "title": "The front matter of a gameday runbook",
        **_front_matter(),
        "definitions": {
            "duration": _DURATION,
            "step": _step(actions, probes),
            "check": _check(probes),
            "forbids": _forbids(),
            "arguments": {one.name: _arguments_of(one) for one in (*actions, *probes)},
        },
    }


def part_of(whole: Mapping[str, Any], part: str) -> dict[str, Any]:
    """Return the schema of one part alone, complete in itself."""
    if part == "front-matter":
        return {**whole, "definitions": {"duration": whole["definitions"]["duration"]}}
    if part == "forbids":
        return {"$schema": whole["$schema"], "title": "A block yaml forbids of a gameday runbook", **whole["definitions"][part]}
    title = "A block yaml of a gameday runbook" if part == "step" else "A block yaml check of a gameday runbook"
    needed = {name: whole["definitions"][name] for name in ("duration", "arguments")}
    return {"$schema": whole["$schema"], "title": title, **whole["definitions"][part], "definitions": needed}


def _front_matter() -> dict[str, Any]:
    objectives = {"rto": _described(_ref(), "time to recover"), "rpo": _described(_ref(), "how much may be lost, as a time")}
    return {
        "type": "object",
        "required": ["title", "owner"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "string", "description": "the file's name without .md, which is the default"},
            "title": {**_TEXT, "description": "what has happened, in customers' words"},
            "owner": {**_TEXT, "description": "the team whose page this is"},
            "services": _described(_TEXTS, "what is hit"),
            "severity": {**_TEXT, "description": "how bad it mostly is, such as SEV-2"},
            "alerts": _described(_TEXTS, "the alerts that lead here"),
            "experiments": _described(_TEXTS, "the experiments that prove this runbook, by name or path"),
            "proven_with": {"type": ["string", "null"], "description": "the experiment whose fault `verify` injects"},
            "objectives": {"type": "object", "additionalProperties": False, "properties": objectives},
            "audiences": _described(_TEXTS, "who is told"),
            "updates_every": _described(_ref(), "how often they are told something, even if nothing is new"),
            "last_proven": {
                "description": "written by `gameday runbook verify` only; empty if never",
                "anyOf": [{"type": "null"}, {"type": "string"}, _last_proven()],
            },
        },
    }


def _last_proven() -> dict[str, Any]:
    properties = {"run": {"type": "string"}, "date": {"type": "string"}, "digest": {"type": "string", "pattern": "^sha256:"}}
    return {"type": "object", "required": list(properties), "additionalProperties": False, "properties": properties}


def _step(actions: Sequence[Registered], probes: Sequence[Registered]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "what carries the step out: an action, or a probe that measures something",
        "additionalProperties": False,
        "properties": {
            "action": _name(actions, "actions"),
            "probe": _name(probes, "probes"),
            "with": {"type": "object", "description": "the arguments"},
        },
        "oneOf": [{"required": ["action"]}, {"required": ["probe"]}],
        "allOf": [*(_arguments("action", one) for one in actions), *(_arguments("probe", one) for one in probes)],
    }


def _check(probes: Sequence[Registered]) -> dict[str, Any]:
    bound = {"type": ["number", "null"]}
    return {
        "type": "object",
        "description": "how one sees that the step worked",
        "required": ["probe", "within"],
        "additionalProperties": False,
        "properties": {
            "probe": _name(probes, "probes"),
            "with": {"type": "object", "description": "the arguments"},
            "within": {
                "description": "[low, high], both included; null leaves an end open",
                "type": "array",
                "items": [bound, bound],
                "minItems": 2,
                "maxItems": 2,
                "not": {"const": [None, None]},
            },
            "wait": _described(_ref(), "how long the bounds may take to be met; default: not at all"),
        },
        "allOf": [_arguments("probe", one) for one in probes],
    }


def _forbids() -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    return {
        "type": "array",
        "description": "what a warning forbids: changes that no step may make, from the fault to the recovery",
        "minItems": 1,
        "items": {
            "type": "object",
            "required": ["do", "kind"],
            "additionalProperties": False,
            "properties": {
                "do": {"enum": ["create", "patch", "delete", "evict"]},
                "kind": {**text, "not": {"enum": list(OTHER_NAMES)}, "description": "such as Node, as Kubernetes writes it"},
                "namespace": text,
                "name": {**text, "description": "a name, or a pattern: fulfilment-*"},
                "field": {"type": "string", "pattern": "^/", "description": "a JSON pointer: itself, or what lies below it"},
            },
        },
    }


def _name(registered: Sequence[Registered], room: str) -> dict[str, Any]:
    """Name what is shipped, so that an editor offers it, and let a project's own pass."""
    shipped = [{"const": one.name, "description": one.about} for one in registered]
    return {"anyOf": [*shipped, {"type": "string", "pattern": _OWN.format(room=room)}]}


def _arguments(role: str, one: Registered) -> dict[str, Any]:
    given = {"$ref": f"#/definitions/arguments/{one.name}"}
    then: dict[str, Any] = {"properties": {"with": given}, **({"required": ["with"]} if one.required else {})}
    return {"if": {"required": [role], "properties": {role: {"const": one.name}}}, "then": then}


def _arguments_of(one: Registered) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: {"description": about} if about else {} for name, about in one.parameters.items()},
        "required": list(one.required),
    }


def _ref() -> dict[str, Any]:
    return {"$ref": "#/definitions/duration"}


def _described(part: Mapping[str, Any], about: str) -> dict[str, Any]:
    return {**part, "description": about}
