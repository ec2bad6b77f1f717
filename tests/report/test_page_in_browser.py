"""The page in a real browser. Needs Debian's Chromium; without it these tests say that they were skipped, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from gameday.log import AnyEvent
from gameday.report import render
from gameday.report.story import tell

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
Play = Callable[[str], list[AnyEvent]]
FileOf = Callable[[str], Path]

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}; apt-get install chromium")

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
CONTRASTS = """() => {
  const parse = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const details of document.querySelectorAll('details')) details.open = true;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.getClientRects().length) continue;
    if (['STYLE', 'TITLE', 'title', 'desc'].includes(element.tagName) || element.closest('.on-pin')) continue;
    const style = getComputedStyle(element), inPicture = element.closest('svg');
    const ink = light(parse(inPicture ? style.fill : style.color)), paper = light(ground(element));
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    seen += 1;
    if (ratio < 4.5) poor.push(`${element.className} ${walker.currentNode.textContent.trim()}: ${ratio.toFixed(2)}`);
  }
  return [seen, poor];
}"""


async def _open(page: Page, file: Path) -> list[str]:
    problems: list[str] = []
    page.on("console", lambda message: problems.append(f"console: {message.text}") if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(f"error: {error}"))
    page.on("request", lambda request: problems.append(request.url) if request.url not in {file.as_uri(), "data:,"} else None)
    await page.goto(file.as_uri())
    return problems


def in_browser(test: Callable[[Page, str], Coroutine[Any, Any, None]], *schemes: str) -> None:
    async def run() -> None:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
            for scheme in schemes:
                await test(await browser.new_page(color_scheme=scheme), scheme)
            await browser.close()

    asyncio.run(run())


@pytest.fixture
def file_of(play: Play, tmp_path: Path) -> FileOf:
    """Return a function that writes the page of a log into a file."""

    def write(name: str) -> Path:
        file = tmp_path / f"{name}.html"
        file.write_text(render(play(name), "html"), encoding="utf-8")
        return file

    return write


@pytest.mark.parametrize(
    "name", ["first", "with_residue", "torn", "hostile", "empty", "rehearsal", "tabletop", "hostile_rehearsal"]
)
def test_the_page_fits_fetches_nothing_and_can_be_read(file_of: FileOf, name: str) -> None:
    file = file_of(name)

    async def look(page: Page, scheme: str) -> None:
        problems = await _open(page, file)
        for width in (360, 800, 1600):
            await page.set_viewport_size({"width": width, "height": 900})
            assert await page.evaluate(OVERFLOW) <= 0, f"scrolls sideways at {width} px"
        seen, poor = await page.evaluate(CONTRASTS)
        assert seen > 5
        assert poor == [], scheme
        await page.set_viewport_size({"width": 360, "height": 900})
        assert await page.evaluate(OVERFLOW) <= 0, "scrolls sideways at 360 px with its details open"
        assert problems == []

    in_browser(look, "light", "dark")


def test_the_verdicts_can_be_seen_and_the_colour_scheme_is_the_readers(file_of: FileOf, play: Play) -> None:
    file = file_of("first")
    sentences = [round_.verdict.sentence for round_ in tell(play("first")).rounds]
    grounds: list[str] = []

    async def look(page: Page, _scheme: str) -> None:
        await page.set_viewport_size({"width": 1600, "height": 900})
        await _open(page, file)
        for sentence in sentences:
            assert await page.get_by_text(sentence).is_visible()
        assert await page.locator("svg.chart.wide").first.is_visible()
        assert not await page.locator("svg.chart.narrow").first.is_visible()
        grounds.append(await page.evaluate("getComputedStyle(document.body).backgroundColor"))

    in_browser(look, "light", "dark")
    assert grounds[0] != grounds[1]


def test_a_narrow_page_shows_the_narrow_picture_in_letters_that_can_be_read(file_of: FileOf) -> None:
    file = file_of("first")

    async def look(page: Page, _scheme: str) -> None:
        await page.set_viewport_size({"width": 360, "height": 900})
        await _open(page, file)
        assert await page.locator("svg.chart.narrow").first.is_visible()
        assert not await page.locator("svg.chart.wide").first.is_visible()
        heights = await page.evaluate(
            "[...document.querySelectorAll('svg.chart.narrow text.heading')].map(e => e.getBoundingClientRect().height)"
        )
        assert min(heights) >= 10

    in_browser(look, "light")
