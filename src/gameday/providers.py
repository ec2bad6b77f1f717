"""Whether the Python function that a file names is there, and takes the arguments that the file gives it.

Our own functions are imported, which costs nothing and changes nothing: an action knows no cluster. Anybody else's are
looked at as source, never imported, since importing is running. No function is called here.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, Final, Literal

from gameday.change import ActionSpec, ProbeSpec
from gameday.change.parameters import misfits
from gameday.fields import did_you_mean
from gameday.workspace import WORKSPACE_PACKAGE

Role = Literal["action", "probe"]

_OURS: Final = tuple(f"{package}.{room}" for package in ("gameday", WORKSPACE_PACKAGE) for room in ("actions", "probes"))
_INJECTED: Final = ("secrets", "configuration")
"""Parameters that Chaos Toolkit fills by itself."""


def is_ours(module: str) -> bool:
    """Say whether a module is one of gameday's actions and probes, or of the project's own."""
    return any(module == room or module.startswith(f"{room}.") for room in _OURS)


def faults(module: str, func: str, arguments: Mapping[str, Any], *, role: Role | None = None) -> list[str]:
    """Say what is wrong with naming this function and giving it these arguments; an empty list if nothing is."""
    if is_ours(module):
        return _faults_of_ours(module, func, arguments, role)
    return _faults_of_foreign(module, func, arguments)


def faults_of_target(target: str, arguments: Mapping[str, Any], *, role: Role | None = None) -> list[str]:
    """Do the same for a dotted name such as gameday.actions.pods.kill, which must be one of ours."""
    module, _, func = target.rpartition(".")
    if not is_ours(module):
        return [f"expected a name such as gameday.actions.pods.kill (module and function), but got {target!r}"]
    return faults(module, func, arguments, role=role)


def is_there(target: str, role: Role) -> bool:
    """Say whether an action or probe of that name, which has been looked at before, is there, whatever it is given."""
    module, _, func = target.rpartition(".")
    spec = getattr(getattr(sys.modules.get(module), func, None), "spec", None)
    return isinstance(spec, ActionSpec if role == "action" else ProbeSpec)


def _faults_of_ours(module: str, func: str, arguments: Mapping[str, Any], role: Role | None) -> list[str]:
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not is_ours(error.name):
            return [f"the module {module} cannot be imported: {error}"]
        return [f"there is no module {module}{did_you_mean(module, _siblings(module))}"]
    except Exception as error:  # noqa: BLE001  # a user's own module may raise anything
        return [f"the module {module} cannot be imported: {type(error).__name__}: {error}"]
    found: Any = getattr(loaded, func, None)
    spec = getattr(found, "spec", None)
    if not isinstance(spec, ActionSpec | ProbeSpec):
        known = _registered(loaded)
        why = (
            f"{module} has no action or probe {func!r}"
            if found is None
            else f"{module}.{func} is not registered as action or probe"
        )
        return [f"{why}{did_you_mean(func, known)} (known: {', '.join(known) or 'none'})"]
    actual: Role = "action" if isinstance(spec, ActionSpec) else "probe"
    wrong_role = [f"expected an {role}, but {module}.{func} is an {actual}".replace("an probe", "a probe")]
    pure = spec.plan if isinstance(spec, ActionSpec) else spec.measure
    # What only a run gives a value to is looked at by the run.
    known_values = {name: value for name, value in arguments.items() if not (isinstance(value, str) and "${" in value)}
    of_values = [f"{func}: {message}" for message in misfits(pure, known_values)]
    return (wrong_role if role not in (None, actual) else []) + _misfits(inspect.signature(found), func, arguments) + of_values


def _registered(module: Any) -> list[str]:
    return sorted(
        name for name, value in vars(module).items() if isinstance(getattr(value, "spec", None), ActionSpec | ProbeSpec)
    )


def _siblings(module: str) -> list[str]:
    parent = module.rpartition(".")[0]
    spec = _find(parent)
    places = spec.submodule_search_locations if spec else None
    return [f"{parent}.{path.stem}" for place in places or () for path in Path(place).glob("[!_]*.py")]


def _faults_of_foreign(module: str, func: str, arguments: Mapping[str, Any]) -> list[str]:
    spec = _find(module)
    if spec is None:
        return [f"there is no module {module} here; is its package installed?"]
    if not spec.origin or not spec.origin.endswith(".py"):
        return []
    try:
        tree = ast.parse(Path(spec.origin).read_bytes())
    except (OSError, SyntaxError) as error:
        return [f"the module {module} cannot be read: {error}"]
    names = _names_of(tree)
    if "*" in names:
        return []
    if func not in names:
        return [f"{module} has no function {func!r}{did_you_mean(func, [name for name in names if not name.startswith('_')])}"]
    function = names[func]
    return _misfits(_signature(function), func, arguments) if function and not function.decorator_list else []


def _find(module: str) -> ModuleSpec | None:
    """Find a module without importing any of its parents."""
    places: Sequence[str] | None = None
    spec = None
    name = ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        spec = _find_one(name, places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or [])
    return spec


def _find_one(name: str, places: Sequence[str] | None) -> ModuleSpec | None:
    loaded = sys.modules.get(name)
    if loaded is not None and isinstance(getattr(loaded, "__spec__", None), ModuleSpec):
        return loaded.__spec__
    if loaded is not None:
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = list(getattr(loaded, "__path__", []))
        return spec
    # Chaos Toolkit's command has the working directory on its path.
    searched = [*sys.path, str(Path.cwd())] if places is None else places
    for finder in sys.meta_path:
        spec_found = finder.find_spec(name, searched, None)
        if spec_found is not None:
            return spec_found
    return None


def _names_of(tree: ast.Module) -> dict[str, ast.FunctionDef | None]:
    """Return what a module defines at its top level: its functions, and None for names whose meaning is not seen."""
    names: dict[str, ast.FunctionDef | None] = {}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom() | ast.Import():
                names.update({alias.asname or alias.name: None for alias in node.names})
            case ast.Assign(targets=targets):
                names.update({target.id: None for target in targets if isinstance(target, ast.Name)})
    names.update({node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)})
    return names


def _signature(function: ast.FunctionDef) -> inspect.Signature:
    kinds = inspect.Parameter
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    required = len(positional) - len(given.defaults)
    parameters = [
        inspect.Parameter(
            argument.arg,
            kinds.POSITIONAL_ONLY if index < len(given.posonlyargs) else kinds.POSITIONAL_OR_KEYWORD,
            default=kinds.empty if index < required else None,
        )
        for index, argument in enumerate(positional)
    ]
    parameters += [inspect.Parameter(given.vararg.arg, kinds.VAR_POSITIONAL)] if given.vararg else []
    parameters += [
        inspect.Parameter(argument.arg, kinds.KEYWORD_ONLY, default=kinds.empty if default is None else None)
        for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    ]
    parameters += [inspect.Parameter(given.kwarg.arg, kinds.VAR_KEYWORD)] if given.kwarg else []
    return inspect.Signature(parameters)


def _misfits(signature: inspect.Signature, func: str, arguments: Mapping[str, Any]) -> list[str]:
    parameters = {name: one for name, one in signature.parameters.items() if name not in _INJECTED}
    named = [
        name for name, one in parameters.items() if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY)
    ]
    open_ended = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    unknown = [name for name in arguments if name not in named and name not in _INJECTED and not open_ended]
    missing = [name for name in named if parameters[name].default is inspect.Parameter.empty and name not in arguments]
    takes = f" ({func} takes: {', '.join(named) or 'nothing'})"
    return [f"{func} has no parameter {str(name)!r}{did_you_mean(str(name), named)}{takes}" for name in unknown] + [
        f"{func} needs the argument {name!r}{takes}" for name in missing
    ]
