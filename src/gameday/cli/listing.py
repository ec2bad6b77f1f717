"""`gameday list`: what can be named in files and on the command line, the project's own before what is shipped."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import click

from gameday.change import ActionSpec, ProbeSpec
from gameday.change.documentation import documentation_of
from gameday.change.parameters import Parameter, parameters_of
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
        if output == "table":
            rows = [{**row, "parameters": [in_short(one) for one in row["parameters"]]} for row in rows]
        columns = ["name", "parameters", "about"]
    else:
        rows = [
            _file_row(entry.name, _KINDS[kind], str(entry.path), shipped=entry.shipped) for entry in catalogue.list(_KINDS[kind])
        ]
        columns = ["name", "title", "from"]
    print_rows(rows, columns, output=output)


def registered_in(kind: str) -> Iterator[dict[str, Any]]:
    """Yield every action or probe, its docstring taken apart: parameters, undo, what shows that it landed, rights, errors."""
    wanted = ActionSpec if kind == "actions" else ProbeSpec
    for package_name in (f"gameday.{kind}", f"{WORKSPACE_PACKAGE}.{kind}"):
        try:
            package = importlib.import_module(package_name)
        except ModuleNotFoundError:
            continue
        if _is_shipped(package_name, package):
            continue
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
            module = importlib.import_module(f"{package_name}.{info.name}")
            for name, function in sorted(vars(module).items()):
                spec = getattr(function, "spec", None)
                if isinstance(spec, wanted) and spec.name.endswith(f"{info.name}.{name}"):
                    yield _function_row(f"{package_name}.{info.name}.{name}", spec)


def _is_shipped(package_name: str, package: ModuleType) -> bool:
    """Say whether a project's folder is ours: in a checkout of gameday itself it is, and is listed once."""
    shipped = importlib.import_module(package_name.replace(WORKSPACE_PACKAGE, "gameday"))
    return package is not shipped and Path(next(iter(package.__path__))).resolve() == Path(shipped.__path__[0]).resolve()


def _function_row(name: str, spec: ActionSpec | ProbeSpec) -> dict[str, Any]:
    pure = spec.plan if isinstance(spec, ActionSpec) else spec.measure
    told = documentation_of(pure)
    row: dict[str, Any] = {
        "name": name,
        "about": told.summary,
        "more": told.more,
        "parameters": [_parameter(one, told.parameters.get(one.name, "")) for one in parameters_of(pure)],
    }
    if isinstance(spec, ActionSpec):
        seen = (inspect.getdoc(spec.landed) or "").partition("\n\n")[0]
        row |= {"undo": told.undo, "landed": told.landed, "evidence": " ".join(seen.split())}
        row["rights"] = [
            f"{right.verb} {right.resource}" + (f".{right.api_group}" if right.api_group else "") for right in spec.rights
        ]
    return {key: value for key, value in {**row, "errors": told.errors}.items() if value != ""}


def _parameter(one: Parameter, about: str) -> dict[str, Any]:
    default = {} if one.required else {"default": list(one.default) if isinstance(one.default, tuple) else one.default}
    unit = {"unit": one.unit} if one.unit else {}
    return {"name": one.name, "type": one.type, "required": one.required, **default, **unit, "about": about}


def in_short(parameter: Mapping[str, Any]) -> str:
    """Return a parameter as a signature has it: `count=1`."""
    return parameter["name"] if parameter["required"] else f"{parameter['name']}={parameter['default']!r}"


def _file_row(name: str, kind: Kind, path: str, *, shipped: bool) -> dict[str, Any]:
    """Return what a file says of itself; one that cannot be read says so, rather than hide the others."""
    origin = {"from": "shipped" if shipped else path, "path": path}
    try:
        said = _said_by_runbook(path) if kind == "runbook" else _SAID[kind](_data(path))
    except GamedayError as error:
        said = {"title": f"(cannot be read: {str(error).splitlines()[0]})"}
    return {"name": name, **said, **origin}


def _data(path: str) -> dict[str, Any]:
    from gameday.yamlfile import load  # noqa: PLC0415  # not for actions and probes

    data = load(path).data
    return data if isinstance(data, dict) else {}


def _said_by_runbook(path: str) -> dict[str, Any]:
    from gameday.runbook import load_runbook  # noqa: PLC0415  # Markdown, for runbooks only

    runbook = load_runbook(path)
    return {"title": runbook.title, "owner": runbook.owner, "experiments": list(runbook.experiments)}


def _said_by_experiment(data: dict[str, Any]) -> dict[str, Any]:
    blocks = [block for block in _mappings(data.get("extensions")) if block.get("name") == "gameday"]
    ours = blocks[0] if blocks else {}
    providers = [activity.get("provider") for activity in _mappings(data.get("method")) if activity.get("type") == "action"]
    actions = [f"{provider.get('module')}.{provider.get('func')}" for provider in _mappings(providers)]
    judged = {"expect": ours.get("expect", "held"), "runbook": ours.get("runbook")} if ours else {}
    return {"title": _title(data), **judged, "actions": actions}


def _said_by_gameday(data: dict[str, Any]) -> dict[str, Any]:
    return {"title": _title(data), "experiments": [str(item.get("experiment")) for item in _mappings(data.get("rounds"))]}


def _said_by_journey(data: dict[str, Any]) -> dict[str, Any]:
    title = str(data.get("description") or data.get("name") or "")
    return {"title": title, "steps": [str(step.get("name")) for step in _mappings(data.get("steps"))]}


def _title(data: dict[str, Any]) -> str:
    return str(data.get("title") or data.get("description") or "")


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


_SAID: Final[dict[Kind, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "experiment": _said_by_experiment,
    "gameday": _said_by_gameday,
    "journey": _said_by_journey,
}
