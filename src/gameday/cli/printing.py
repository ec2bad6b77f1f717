"""Data on standard output as a table, JSON or YAML; the same rows in each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, output: str) -> None:
    """Print rows; a table shows only `columns`, as kubectl draws it: no lines, headings in capitals."""
    if output == "table":
        cells = [[_cell(row.get(column)) for column in columns] for row in rows]
        widths = [max([len(column), *(len(line[index]) for line in cells)]) for index, column in enumerate(columns)]
        for line in [[column.upper() for column in columns], *cells]:
            click.echo("   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    else:
        print_data(list(rows), output=output)


def print_data(data: Any, *, output: str) -> None:
    """Print plain data as JSON or YAML."""
    if output == "yaml":
        import yaml  # noqa: PLC0415  # only for that format

        click.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), nl=False)
    else:
        click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def printable(text: str) -> str:
    """Leave out of a file's text what a terminal would obey rather than show."""
    return "".join(character for character in text if character in "\n\t" or character.isprintable())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
