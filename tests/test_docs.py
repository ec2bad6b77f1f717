"""Documentation that cannot lie: generated pages are what the program says now, and links and paths lead somewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)(#[^)]*)?\)")
CODE_PATH = re.compile(r"`((?:src|actions|probes|experiments|gamedays|journeys|runbooks|tests|docs|benchmarks)/[\w./-]*[\w/])`")
ANEW = "import runpy, sys; sys.stdout.write(runpy.run_path(sys.argv[1], run_name='reference')['PAGES'][sys.argv[2]]())"


def _reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gameday_docs_reference", ROOT / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = _reference()


@pytest.mark.parametrize("page", reference.PAGES)
def test_a_generated_page_is_what_the_program_says_now(page: str) -> None:
    # In a process of its own, as `make docs` is: a command that a test has called alone remembers what it showed then.
    asked = [sys.executable, "-c", ANEW, str(ROOT / "docs" / "reference.py"), page]
    written = subprocess.run(asked, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == written, "out of date; run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    broken = [link for link, _ in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", ["architecture.md", "writing-an-action.md", "benchmarks.md"])
def test_every_path_that_is_named_is_there(page: str) -> None:
    named = CODE_PATH.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert named, "the page names no path, so this proves nothing"
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_a_shipped_story_can_be_taken_along_a_second_time(tmp_path: Path) -> None:
    """What was copied the first time hides no shipped file, and is not what is read and emptied the second time."""
    page = (ROOT / "docs" / "your-own-shop.md").read_text(encoding="utf-8")
    (init,) = re.findall(r"^gameday init .*", page, re.MULTILINE)
    (copying,) = re.findall(r"^```sh\n(shipped=.*?)```", page, re.MULTILINE | re.DOTALL)
    script = f"set -euo pipefail\n{init}\ncd gamedays-of-kiosk\n{copying}{copying}"
    around = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=around, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
