"""`gameday runbook schema`: the JSON Schema of runbooks, with the actions and probes that there are here."""

from __future__ import annotations

from typing import Any

import click

from gameday.cli.listing import registered_in
from gameday.cli.printing import print_data
from gameday.runbook.schema import PARTS, Registered, part_of, schema
from gameday.workspace import Catalogue, make_importable


@click.command("schema")
@click.option("--part", type=click.Choice(PARTS), help="Only the schema of one part, complete in itself.")
def command(part: str | None) -> None:
    """Print the JSON Schema of runbooks, for editors: the front matter, and under definitions each block of YAML in a step.

    With the project's own actions and probes. How an editor uses it: docs/files.md.
    """
    make_importable(Catalogue.around().project)
    whole = whole_schema(*(list(registered_in(kind)) for kind in ("actions", "probes")))
    print_data(part_of(whole, part) if part else whole, output="json")


def whole_schema(actions: list[dict[str, Any]], probes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema for what `gameday list` knows of actions and probes."""
    return schema([_registered(row) for row in actions], [_registered(row) for row in probes])


def _registered(row: dict[str, Any]) -> Registered:
    parameters = {one["name"]: f"{one['type']}: {one['about']}".rstrip(": ") for one in row["parameters"]}
    return Registered(row["name"], row["about"], parameters, [one["name"] for one in row["parameters"] if one["required"]])
