"""What `${x}` stands for here is held against what Chaos Toolkit itself makes of it."""

from __future__ import annotations

import os
from typing import Any

import pytest
from chaoslib import substitute as substitute_there
from chaoslib.configuration import load_configuration

from gameday.experiment.configuration import read_configuration, substitute

CONFIGURATION: dict[str, Any] = {
    "plain": "text",
    "number": 3,
    "list": [1, 2],
    "mapping": {"a": 1},
    "home": {"type": "env", "key": "SOME_HOME"},
    "absent": {"type": "env", "key": "SURELY_NOT_SET", "default": "d"},
    "int": {"type": "env", "key": "SURELY_NOT_SET", "default": "4", "env_var_type": "int"},
    "float": {"type": "env", "key": "SURELY_NOT_SET", "default": "4.5", "env_var_type": "float"},
    "bool": {"type": "env", "key": "SURELY_NOT_SET", "default": "No", "env_var_type": "bool"},
    "json": {"type": "env", "key": "SURELY_NOT_SET", "default": "[1]", "env_var_type": "json"},
}
TEXTS = [
    "${plain}",
    "a ${plain} b",
    "${number}",
    "n=${number}",
    "$plain",
    "$$plain",
    "$${plain}",
    "${gone}",
    "${list}",
    "x ${mapping}",
    "",
    "$",
    "${",
]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_HOME", "/somewhere")
    assert "SURELY_NOT_SET" not in os.environ


def test_values_are_those_of_chaos_toolkit() -> None:
    assert dict(read_configuration({"configuration": CONFIGURATION}).values) == load_configuration(CONFIGURATION)


@pytest.mark.parametrize("text", TEXTS)
def test_texts_become_what_chaos_toolkit_makes_of_them(text: str) -> None:
    data = {"a": text, "b": [text, {"c": text}], "d": 1}
    values = load_configuration(CONFIGURATION)
    assert substitute(data, read_configuration({"configuration": CONFIGURATION})) == substitute_there(data, values, {})


def test_only_braces_that_nothing_resolves_count_as_unresolved() -> None:
    configuration = read_configuration({"configuration": {"a": 1, "p": {"type": "probe"}}, "secrets": {"s": {"t": "x"}}})
    assert configuration.unresolved("${a} ${p} ${t} ${gone} $HOME $${kept} ${a.b}") == ["gone", "a.b"]
