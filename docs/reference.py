"""Write the pages of docs/ that come from the program itself, see PAGES: `make docs`. A test holds them to it.

Nothing is described here: the words are the commands' own help and the functions' own docstrings.
"""  # noqa: INP001 - a script beside what it writes, not a package

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import click
import yaml

from gameday.cli.listing import registered_in
from gameday.cli.main import root
from gameday.cli.schemas import whole_schema
from gameday.runbook.linting.page import page as runbook_lint
from gameday.staging.api.subresources import ABSENT
from gameday.staging.caveats import unhonoured_fields
from gameday.staging.resources import UNSERVED

DOCS: Final = Path(__file__).parent
WIDTH: Final = 100


def commands() -> str:
    """Return the help of every command, as `gameday COMMAND --help` prints it."""
    parts = ["# Commands\n\nWhat `gameday COMMAND --help` says, one after another. Written by `make docs`.\n"]
    parts += [f"## {name}\n\n```text\n{text}\n```\n" for name, text in _helps(root, "gameday", None)]
    return "\n".join(parts)


def actions_and_probes() -> str:
    """Return every action and probe that is shipped: parameters, undo, what shows that it landed, rights, errors."""
    about = (
        "# Actions and probes\n\nWhat an experiment or a runbook's step can name, as `gameday list actions -o yaml` and "
        "`gameday list probes -o yaml` know it.\nWritten by `make docs` from the functions themselves. How to write one: "
        "[writing an action](writing-an-action.md).\n\nA value of another type, or one outside what the unit in its "
        "parameter's name allows (seconds from 0, percent from 0 to 100),\nis refused before anything is changed, as is a "
        "target that is not there.\n"
    )
    parts = [about]
    for kind in ("actions", "probes"):
        rows = [row for row in registered_in(kind) if row["name"].startswith("gameday.")]
        parts.append(f"## {kind.capitalize()}\n")
        parts.append("\n".join(["| name | |", "|---|---|", *(_index(row) for row in rows)]) + "\n")
        for module, functions in groupby(rows, key=lambda row: row["name"].rpartition(".")[0]):
            parts.append(f"### {module}\n\n{inspect.getdoc(importlib.import_module(module))}\n")
            parts += [_function(row) for row in functions]
    return "\n".join(parts)


def _helps(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    settings = command.context_settings
    context = click.Context(command, parent=parent, info_name=name, **{**settings, "terminal_width": WIDTH})
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None:
                yield from _helps(found, below, context)


def _index(row: dict[str, Any]) -> str:
    short = row["name"].removeprefix("gameday.")
    return f"| [`{short}`](#{row['name'].replace('.', '').lower()}) | {_cell(row['about'])} |"


def _function(row: dict[str, Any]) -> str:
    said = " ".join(row[key] for key in ("about", "more") if key in row)
    table = ["| parameter | type | default | |", "|---|---|---|---|", *(_parameter(one) for one in row["parameters"])]
    facts = [row.get("undo"), row.get("landed"), row.get("errors")]
    evidence = [f"The evidence: {row['evidence'][0].lower()}{row['evidence'][1:]}"] if row.get("evidence") else []
    rights = [f"Rights: {', '.join(f'`{right}`' for right in row['rights'])}."] if row.get("rights") else []
    parts = [f"#### {row['name']}", said, *(["\n".join(table)] if row["parameters"] else [])]
    lines = [f"- {text}" for text in [*facts[:2], *evidence, *facts[2:], *rights] if text]
    return "\n\n".join([*parts, *(["\n".join(lines)] if lines else [])]) + "\n"


def _parameter(one: dict[str, Any]) -> str:
    unit = f", {one['unit']}" if "unit" in one else ""
    default = "required" if one["required"] else f"`{one['default']!r}`"
    return f"| `{one['name']}` | {_cell(one['type'])}{unit} | {default} | {_cell(one['about'])} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def staging() -> str:
    """Return how the embedded cluster differs from Kubernetes: what the suite knows, what is refused, what is not honoured."""
    about = (
        "# The embedded cluster, and Kubernetes\n\nWhere `gameday staging up` differs from a real cluster, as far as the "
        "conformance suite (`tests/conformance`) knows it. Each row is\nheld by the check that it names: that passes on a real "
        "cluster, and fails on the embedded one. Written by `make docs`. What is served\nbeyond that: "
        "[its API](staging-api.md), [its nodes](staging-nodes.md).\n"
    )
    rows = yaml.safe_load((DOCS.parent / "tests" / "conformance" / "differences.yaml").read_text(encoding="utf-8"))
    parts = [about, "## Known differences\n", "| check | Kubernetes | here | why |", "|---|---|---|---|"]
    parts += [f"| `{row['check']}` | {row['kubernetes']} | {row['here']} | {row['why']} |" for row in rows]
    parts += ["\n## Refused with 501\n", "| what | why |", "|---|---|"]
    parts += [f"| {f'{plural}.{group}' if group else plural} | {why} |" for (group, plural), why in sorted(UNSERVED.items())]
    parts += [f"| the subresource {name} | {why} |" for name, why in sorted(ABSENT.items())]
    parts += ["\n## Accepted with a warning\n", "| field | what the warning says |", "|---|---|"]
    parts += [f"| {field} | {why} |" for field, why in unhonoured_fields()]
    return "\n".join(parts) + "\n"


def runbook_schema() -> str:
    """Return the JSON Schema of runbooks, with what is shipped."""
    rows = {kind: [row for row in registered_in(kind) if row["name"].startswith("gameday.")] for kind in ("actions", "probes")}
    return json.dumps(whole_schema(rows["actions"], rows["probes"]), indent=2, ensure_ascii=False) + "\n"


PAGES: Final = {
    "commands.md": commands,
    "actions.md": actions_and_probes,
    "staging.md": staging,
    "runbook-lint.md": runbook_lint,
    "runbook.schema.json": runbook_schema,
}

if __name__ == "__main__":
    for page, written_by in PAGES.items():
        (DOCS / page).write_text(written_by(), encoding="utf-8")
        sys.stderr.write(f"docs/{page}\n")
