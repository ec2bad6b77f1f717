"""Documentation that cannot lie: generated pages are what the program says now, and links and paths lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)(#[^)]*)?\)")
CODE_PATH = re.compile(r"`((?:src|actions|probes|experiments|gamedays|journeys|runbooks|tests|docs|benchmarks)/[\w./-]*[\w/])`")


def _reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gameday_docs_reference", ROOT / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = _reference()


@pytest.mark.parametrize(("page", "written_by"), reference.PAGES.items(), ids=list(reference.PAGES))
def test_a_generated_page_is_what_the_program_says_now(page: str, written_by: Callable[[], str]) -> None:
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == written_by(), "out of date; run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    broken = [link for link, _ in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", ["architecture.md", "writing-an-action.md", "benchmarks.md"])
def test_every_path_that_is_named_is_there(page: str) -> None:
    named = CODE_PATH.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert named, "the page names no path, so this proves nothing"
    assert [path for path in named if not (ROOT / path).exists()] == []
