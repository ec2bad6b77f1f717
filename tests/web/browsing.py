"""Real pages in a real browser: Debian's Chromium, by its path, each person in a browser of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from gameday.web import Served

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
PATIENCE_MS = 60_000
"""How long a page may take to show something, or a browser to begin, on a laden machine; longer than anybody else would wait."""
expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS, timeout=PATIENCE_MS)
        yield browser
        browser.close()


def is_drawn(page: Page) -> None:
    """Wait until a page hears of the rehearsal and has shown where it stands; that it is connected, it says before."""
    expect(page.locator("#line")).to_have_text("connected")
    expect(page.locator("#gauges")).to_contain_text("You")


class Tab:
    """One person's page, and everything that went wrong in it.

    What is done here is done when it returns: the server has taken it, and the page shows it. So a test may go on with whatever
    depends on that, its clock above all.
    """

    def __init__(self, browser: Browser, served: Served, kind: str, **how: Any) -> None:
        self.kind, self.served = kind, served
        self.context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **how})
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.goto(served.url_for(kind))  # type: ignore[arg-type]  # one of the two
        is_drawn(self.page)

    def _note(self, kind: str, text: str) -> None:
        # A request that was refused, or went nowhere since there was no connection, is in the console too; it is meant.
        if kind == "error" and "Failed to load resource" not in text:
            self.problems.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith(self.served.origin):
            self.problems.append(f"asked for {url}")

    def join(self, name: str, *roles: str) -> Tab:
        join = self.page.locator("#join")
        join.get_by_label("Your name").fill(name)
        for role in roles:
            join.get_by_label(role).check()
        join.get_by_role("button", name="Join").click()
        expect(join).to_be_hidden()
        return self

    def choose_runbook(self, runbook: str) -> None:
        title = self.page.locator(f"#choose-list option[value={runbook}]").text_content() or ""
        self.page.locator("#choose-list").select_option(runbook)
        self.page.locator("#choose button").click()
        expect(self.page.locator("#runbook-title")).to_have_text(title)

    def step(self, identifier: str) -> Locator:
        return self.page.locator(f"#step-{identifier}")

    def tick_button(self, identifier: str) -> Locator:
        return self.step(identifier).get_by_role("button", name="Tick")

    def tick(self, identifier: str) -> None:
        self.tick_button(identifier).click()
        expect(self.step(identifier)).to_contain_text("done by")

    def mark(self, moment: str) -> None:
        self.moment(moment).get_by_role("button", name="Mark").click()
        expect(self.moment(moment).get_by_role("button", name="Undo")).to_be_visible()

    def moment(self, title: str) -> Locator:
        return self.page.locator("#moment-list > li").filter(has=self.page.get_by_text(title, exact=True))

    def clock(self, title: str) -> Locator:
        return self.page.locator("#clock-list tr").filter(has=self.page.get_by_text(title, exact=True)).locator("td").first

    def form(self, do: str) -> Locator:
        return self.page.locator(f"form[data-do={do}]")

    def write(self, do: str, button: str, **fields: str) -> None:
        form = self.form(do)
        details = self.page.locator("details").filter(has=form)
        if details.get_attribute("open") is None:
            details.locator("summary").click()
        for name, value in fields.items():
            form.locator(f"[name={name}]").fill(value)
        form.get_by_role("button", name=button).click()
        expect(form.locator("textarea").first).to_have_value("")
