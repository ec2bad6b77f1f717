"""A service imports no more than it needs, because a pod has little time until it must listen."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gameday.staging.shop.settings import PORTS, PORTS_ON_NODES

# Prints the modules that come from files, after importing the one that is named.
LIST_MODULES = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps([name for name, module in sys.modules.items() if getattr(module, "__file__", None)]))
"""


def modules_after(importing: str) -> set[str]:
    command = [sys.executable, "-c", LIST_MODULES, importing]
    return set(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


@pytest.mark.parametrize("service", [*PORTS, *PORTS_ON_NODES])
def test_a_service_imports_only_the_standard_library_httptools_and_the_shop(service: str) -> None:
    # What a bare interpreter of this virtualenv loads (an editable install's hook) is not the shop's doing.
    modules = modules_after(f"gameday.staging.shop.{service.replace('-', '_')}") - modules_after("json")
    allowed = {*sys.stdlib_module_names, "httptools", "gameday"}
    assert {name for name in modules if name.partition(".")[0] not in allowed} == set()
    # Nor is what the package around the shop imports for its own sake.
    around = modules_after("gameday.staging")
    ours = {name for name in modules - around if name.startswith("gameday.")}
    assert {name for name in ours if not name.startswith("gameday.staging.shop")} == set()
    assert ("sqlite3" in modules) == (service == "orders")


@pytest.mark.parametrize("arguments", [[], ["kitchen"], ["cart", "orders"]])
def test_a_service_that_is_not_there_is_a_usage_error(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "gameday.staging.shop", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert "expected one service of storefront, cart," in done.stderr
