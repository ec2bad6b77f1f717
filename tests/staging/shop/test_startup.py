"""A service imports no more than it needs, because a pod has little time until it must listen."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gameday.staging.shop.settings import PORTS

LIST_MODULES = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps([name for name, module in sys.modules.items() if getattr(module, "__file__", None)]))
"""
"""Prints the modules that come from files, after importing the one that is named."""


@pytest.mark.parametrize("service", PORTS)
def test_a_service_imports_only_the_standard_library_httptools_and_the_shop(service: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIST_MODULES, f"gameday.staging.shop.{service}"],
        capture_output=True,
        text=True,
        check=True,
    )
    bare = subprocess.run([sys.executable, "-c", LIST_MODULES, "json"], capture_output=True, text=True, check=True)
    # What a bare interpreter of this virtualenv loads besides (an editable install's hook) is not ours to judge.
    modules = set(json.loads(done.stdout)) - set(json.loads(bare.stdout))
    foreign = {name for name in modules if name.partition(".")[0] not in {*sys.stdlib_module_names, "httptools", "gameday"}}
    ours = {name for name in modules if name.startswith("gameday.") and not name.startswith("gameday.staging.shop")}
    assert foreign == set()
    assert ours == {"gameday.staging"}
    assert ("sqlite3" in modules) == (service == "orders")


@pytest.mark.parametrize("arguments", [[], ["kitchen"], ["cart", "orders"]])
def test_a_service_that_is_not_there_is_a_usage_error(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "gameday.staging.shop", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert "expected one service of storefront, cart," in done.stderr
