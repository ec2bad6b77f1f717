"""An experiment's `configuration`, and what `${x}` in its activities stands for, as Chaos Toolkit will see it.

Static values and environment variables are resolved here, so that a plan can be made without Chaos Toolkit. What a probe
computes at run time is not, and secrets never are: whatever is returned here may be printed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from string import Template
from typing import Any, Final

from gameday.yamlfile import YamlPath

_NAMED = re.compile(r"(?<!\$)\$\{([^}]*)\}")
_FALSE: Final = ("false", "0", "no")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What `${x}` may stand for: values that are known now, and names whose value only the run knows."""

    values: Mapping[str, Any]
    secrets: frozenset[str]
    dynamic: frozenset[str]
    """Keys whose value a probe computes when the experiment starts."""
    faults: tuple[tuple[YamlPath, str], ...] = ()

    def unresolved(self, text: str) -> list[str]:
        """Return the names in the text that nothing gives a value to."""
        return [name for name in _NAMED.findall(text) if name not in self.values and name not in self.secrets | self.dynamic]


def read_configuration(document: Mapping[str, Any]) -> Configuration:
    """Resolve a document's `configuration`, and collect the names of its secrets."""
    values: dict[str, Any] = {}
    dynamic: set[str] = set()
    faults: list[tuple[YamlPath, str]] = []
    for key, value in _mapping(document.get("configuration")).items():
        match value:
            case {"type": "env"}:
                try:
                    values[key] = _from_environment(value)
                except (ValueError, TypeError, AttributeError) as error:
                    faults.append((("configuration", key), str(error)))
                    values[key] = None
            case {"type": "probe"}:
                dynamic.add(key)
            case _:
                values[key] = value
    secrets = {key for group in _mapping(document.get("secrets")).values() for key in _mapping(group)}
    return Configuration(values, frozenset(secrets), frozenset(dynamic), tuple(faults))


def substitute(data: Any, configuration: Configuration) -> Any:
    """Replace `${x}` in every text in the data; a text that is one `${x}` alone takes the value's own type."""
    if isinstance(data, str):
        return _substitute_text(data, configuration.values)
    if isinstance(data, Mapping):
        return {key: substitute(value, configuration) for key, value in data.items()}
    if isinstance(data, list):
        return [substitute(item, configuration) for item in data]
    return data


def texts_in(data: Any, path: YamlPath = ()) -> Iterator[tuple[YamlPath, str]]:
    """Yield every text in the data, and its path."""
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from texts_in(value, (*path, key))
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from texts_in(item, (*path, index))


def _substitute_text(text: str, values: Mapping[str, Any]) -> Any:
    alone = _NAMED.fullmatch(text)
    if alone and alone[1] in values:
        return values[alone[1]]
    return Template(text).safe_substitute(values)


def _from_environment(spec: Mapping[str, Any]) -> Any:
    key = spec.get("key")
    if not isinstance(key, str) or not key:
        raise ValueError("expected `key`, the name of an environment variable")
    if key not in os.environ and "default" not in spec:
        raise ValueError(f"the environment variable {key} is not set, and there is no `default`")
    return _typed(os.environ.get(key, spec.get("default")), spec.get("env_var_type"))


def _typed(value: Any, name: Any) -> Any:
    """Convert as chaoslib.convert_to_type does."""
    if name is None or value is None:
        return value
    converters: dict[str, Callable[[Any], Any]] = {
        "str": lambda text: text,
        "string": lambda text: text,
        "int": int,
        "integer": int,
        "float": float,
        "number": float,
        "bytes": lambda text: text.encode(),
        "bool": lambda text: text if isinstance(text, bool) else text.lower() not in _FALSE,
        "json": lambda text: json.loads(text) if isinstance(text, str) and text else text,
    }
    if name not in converters:
        raise ValueError(f"expected env_var_type to be one of {', '.join(converters)}, but got {name!r}")
    return converters[name](value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
