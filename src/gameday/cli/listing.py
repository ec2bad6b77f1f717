"""`gameday list`: what can be named in files and on the command line, the project's own before what is shipped."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any, Final

import click

from gameday.change import ActionSpec, ProbeSpec
from gameday.cli.options import output_option
from gameday.cli.printing import print_rows
from gameday.errors import GamedayError
from gameday.workspace import WORKSPACE_PACKAGE, Catalogue, Kind, make_importable

_KINDS: Final[dict[str, Kind]] = {
    "experiments": "experiment",
    "gamedays": "gameday",
    "runbooks": "runbook",
    "journeys": "journey",
}


@click.command("list")
@click.argument("kind", type=click.Choice(["actions", "probes", *_KINDS]))
@output_option("table", "json", "yaml")
def command(kind: str, output: str) -> None:
    """List actions, probes, experiments, gamedays, runbooks or journeys."""
    catalogue = Catalogue.around()
    if kind in ("actions", "probes"):
        make_importable(catalogue.project)
        rows = list(registered_in(kind))
        columns = ["name", "parameters", "about"]
    else:
        rows = [
            _file_row(entry.name, _KINDS[kind], str(entry.path), shipped=entry.shipped) for entry in catalogue.list(_KINDS[kind])
        ]
        columns = ["name", "title", "from"]
    print_rows(rows, columns, output=output)


def registered_in(kind: str) -> Iterator[dict[str, Any]]:
    """Yield every action or probe: its name, parameters with defaults, first sentence, and whole docstring."""
    wanted = ActionSpec if kind == "actions" else ProbeSpec
    for package_name in (f"gameday.{kind}", f"{WORKSPACE_PACKAGE}.{kind}"):
        try:
            package = importlib.import_module(package_name)
        except ModuleNotFoundError:
            continue
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
            module = importlib.import_module(f"{package_name}.{info.name}")
            for name, function in sorted(vars(module).items()):
                spec = getattr(function, "spec", None)
                if isinstance(spec, wanted) and spec.name.endswith(f"{info.name}.{name}"):
                    yield _function_row(f"{package_name}.{info.name}.{name}", function, spec)


def _function_row(name: str, function: Any, spec: ActionSpec | ProbeSpec) -> dict[str, Any]:
    doc = inspect.getdoc(function) or ""
    row: dict[str, Any] = {
        "name": name,
        "parameters": [_parameter(parameter) for parameter in inspect.signature(function).parameters.values()],
        "about": doc.split("\n\n", maxsplit=1)[0].replace("\n", " "),
        "documentation": doc,
    }
    if isinstance(spec, ActionSpec):
        row["rights"] = [
            f"{right.verb} {right.resource}" + (f".{right.api_group}" if right.api_group else "") for right in spec.rights
        ]
    return row


def _parameter(parameter: inspect.Parameter) -> str:
    return parameter.name if parameter.default is inspect.Parameter.empty else f"{parameter.name}={parameter.default!r}"


def _file_row(name: str, kind: Kind, path: str, *, shipped: bool) -> dict[str, Any]:
    return {"name": name, "title": _title(kind, path), "from": "shipped" if shipped else path, "path": path}


def _title(kind: Kind, path: str) -> str:
    """Return the file's own title; a file that cannot be read says so, rather than hide the others."""
    try:
        if kind == "runbook":
            from gameday.runbook import load_runbook  # noqa: PLC0415  # Markdown, for runbooks only

            return load_runbook(path).title
        from gameday.yamlfile import load  # noqa: PLC0415

        data = load(path).data
        return str(data.get("title") or data.get("description") or data.get("name") or "")
    except GamedayError as error:
        return f"(cannot be read: {str(error).splitlines()[0]})"
