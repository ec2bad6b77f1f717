"""The pages for people who see, hear or move differently: axe's rules, every width, both colour schemes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from gameday.web import Served
from tests.web.browsing import CHROMIUM, Tab, chromium
from tests.web.tabletop import Clock, Tabletop

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}; apt-get install chromium")
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], "resultTypes": ["violations"]}
# What is injected to look at a page is a script of its own, which the page's policy would keep out. Colours that are still on
# their way from one to another are none that anybody is to read by.
WITH_AXE: dict[str, Any] = {"bypass_csp": True, "reduced_motion": "reduce"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def busy(tabletop: Tabletop, clock: Clock) -> Tabletop:
    """Return a rehearsal in which everything that a page can show has happened once."""

    def ask(person: str, do: str, **fields: Any) -> None:
        answer = tabletop.submit(person, {"do": do, **fields})
        assert not answer.refused

    ask("Fay", "join", roles=["facilitator"])
    ask("Ada", "join", roles=["incident commander"])
    ask("Lin", "join", roles=["customer liaison"])
    tabletop.fault()
    clock.go_on(60)
    tabletop.inject(0)
    ask("Ada", "open", runbook="orders-disk-full")
    ask("Ada", "mark", moment="declared")
    ask("Ada", "tick", step="look-at-orders")
    ask("Ada", "skip", step="declare", reason="declared already")
    ask("Ada", "begin", step="free-space")
    ask("Ada", "classify", severity="major", affected="some", affected_percent=12.5)
    ask("Ada", "note", text="a note", missing_step=True)
    ask("Ada", "decide", text="we go on", reason="because")
    ask("Fay", "absent", role="subject-matter expert", text="on a train")
    clock.go_on(1000)
    ask("Lin", "message", audience="customers", channel="mail", text="x")
    return tabletop


def findings(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{rule['id']}: {rule['help']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("kind", "person"), [("commander", "Ada"), ("facilitator", "Fay")])
@pytest.mark.usefixtures("busy")
def test_axe_finds_nothing_and_the_page_fits(browser: Browser, served: Served, kind: str, person: str, scheme: str) -> None:
    tab = Tab(browser, served, kind, color_scheme=scheme, **WITH_AXE)
    assert findings(tab.page) == [], "before anybody has joined"
    # Whoever gives a name again is that person again.
    tab.join(person)
    expect(tab.step("free-space")).to_contain_text("began")
    for details in tab.page.locator("main details").all():
        if details.get_attribute("open") is None:
            details.locator("summary").click()
    assert findings(tab.page) == []
    for width in (320, 360, 640, 800, 1280, 1600):
        tab.page.set_viewport_size({"width": width, "height": 900})
        assert tab.page.evaluate(OVERFLOW) <= 0, f"scrolls sideways at {width} px"
    tab.page.set_viewport_size({"width": 360, "height": 780})
    assert findings(tab.page) == [], "on a phone"
    tab.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.usefixtures("busy")
def test_axe_finds_nothing_in_questions_and_refusals(browser: Browser, served: Served, scheme: str) -> None:
    tab = Tab(browser, served, "commander", color_scheme=scheme, **WITH_AXE).join("Ada")
    for opener in (
        "Stop",
        "Keys ?",
        "Skip… : Free space on the volume",
        "Hand over… : incident commander",
        "Earlier… : Mitigated",
    ):
        name = opener.split(" :")[0]
        tab.page.get_by_role("button", name=name).first.click()
        expect(tab.page.locator("dialog[open]")).to_be_visible()
        assert findings(tab.page) == [], opener
        tab.page.keyboard.press("Escape")
    refused = browser.new_context(color_scheme=scheme, **WITH_AXE).new_page()
    refused.goto(f"{served.origin}/commander")
    assert findings(refused) == []
    refused.context.close()
    tab.context.close()


@pytest.mark.usefixtures("busy")
def test_whatever_can_be_used_is_reached_by_tab_and_is_seen_to_be(browser: Browser, served: Served) -> None:
    tab = Tab(browser, served, "commander", **WITH_AXE).join("Ada")
    expect(tab.step("free-space")).to_contain_text("began")
    count = tab.page.evaluate(
        "[...document.querySelectorAll('button, a[href], input, select, textarea, summary')]"
        ".filter(one => one.checkVisibility() && !one.disabled && one.type !== 'radio').length"
    )
    seen: set[str] = set()
    tab.page.locator("body").press("Tab")
    for _ in range(count + 60):
        place, outline = tab.page.evaluate(
            "(() => { const at = document.activeElement; window.numbers ??= new Map();"
            "if (!window.numbers.has(at)) window.numbers.set(at, window.numbers.size);"
            "const place = at === document.body ? '' : `${at.tagName} ${window.numbers.get(at)}`;"
            "return [place, getComputedStyle(at).outlineStyle]; })()"
        )
        if place:
            seen.add(place)
            assert outline != "none", place
        tab.page.keyboard.press("Tab")
    reached = [place for place in seen if place.split()[0] in {"BUTTON", "A", "INPUT", "SELECT", "TEXTAREA", "SUMMARY"}]
    assert len(reached) >= count
    tab.context.close()
