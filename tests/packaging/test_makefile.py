"""What a newcomer's first command says when the machine is not ready; `make` itself is asked, in a copy of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(root / name, tmp_path)
    return tmp_path


def make(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *words], cwd=checkout, capture_output=True, text=True, check=False, timeout=300)


def script(checkout: Path, body: str) -> Path:
    path = checkout / "python-of-its-own"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_make_alone_says_what_there_is(checkout: Path) -> None:
    done = make(checkout)
    assert done.returncode == 0
    for target in ("demo", "test", "lint", "test-soak", "bench", "clean"):
        assert f"make {target} " in done.stdout


def test_a_python_that_is_not_there_is_named_with_what_to_do(checkout: Path) -> None:
    done = make(checkout, "demo", "PYTHON=python9.9")
    assert done.returncode != 0
    assert "expected python9.9 to be Python 3.11 or later, but found: none." in done.stderr
    assert "apt install python3 python3-venv" in done.stderr


def test_an_old_python_is_named_with_its_version(checkout: Path) -> None:
    old = script(checkout, '[ "$1" = -V ] && echo Python 3.9.2 || exit 1')
    done = make(checkout, "demo", f"PYTHON={old}")
    assert "but found: Python 3.9.2." in done.stderr


def test_a_python_without_venv_says_which_package_brings_it(checkout: Path) -> None:
    without = script(checkout, f'case "$*" in *ensurepip*) exit 1;; *) exec {sys.executable} "$@";; esac')
    done = make(checkout, "test", f"PYTHON={without}")
    assert done.returncode != 0
    assert "its venv module is not installed" in done.stderr
    assert "apt install python3-venv" in done.stderr
    assert not list(checkout.glob(".venv*"))


def test_clean_leaves_sources_and_the_virtual_environment(checkout: Path) -> None:
    for folder in ("dist", ".mypy_cache", "actions/__pycache__", ".venv/lib/__pycache__"):
        (checkout / folder).mkdir(parents=True)
    (checkout / "actions" / "pods.py").write_text("")
    assert make(checkout, "clean").returncode == 0
    left = {str(path.relative_to(checkout)) for path in checkout.rglob("*")}
    assert left == {"Makefile", "pyproject.toml", "actions", "actions/pods.py", ".venv", ".venv/lib", ".venv/lib/__pycache__"}
