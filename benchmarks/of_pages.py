"""How soon a page shows what was written into the log, and how soon the stop reaches the rehearsal: in Debian's Chromium."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from measuring import Figure

from gameday.log import AnyEvent, Event, LogWriter
from gameday.log.events import RoundStarted, RunStarted
from gameday.log.people import NoteTaken, RehearsalStarted, RunbookOpened
from gameday.rehearsal.requests import event_for
from gameday.rehearsal.session import Answer
from gameday.rehearsal.state import State
from gameday.web import serve

CHROMIUM: Final = "/usr/bin/chromium"
ARGUMENTS: Final = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
RUNS: Final = 100
_STEPS: Final = [
    {
        "id": f"step-{number}",
        "title": f"Step {number}",
        "phase": "Resolve",
        "role": "scribe",
        "prose": "Do what is to be done. " * 20,
    }
    for number in range(20)
]
# The moment at which the browser is about to paint the note, in its wall clock's milliseconds.
_WATCH: Final = """() => {
  window.seen = {};
  new MutationObserver(() => requestAnimationFrame(() => {
    for (const said of document.querySelectorAll('#log-list .said')) window.seen[said.textContent] ??= Date.now();
  })).observe(document.getElementById('log-list'), {childList: true, subtree: true});
}"""


class _Session:
    """A rehearsal that writes its log and counts when it is stopped, and is not over then, so that it can be stopped again."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.state = directory, State()
        self.stopped: list[float] = []
        self._log, self._changed = LogWriter(directory), threading.Condition()
        self._events: list[AnyEvent] = []

    def write(self, event: Event) -> AnyEvent:
        with self._changed:
            written = self._log.write(event)
            self._events.append(written)
            self.state.apply(written)
            self._changed.notify_all()
        return written

    def submit(self, person: str, request: Mapping[str, Any]) -> Answer:
        return Answer(event=self.write(event_for(self.state, person, request, now=datetime.now(UTC))))

    def events_after(self, seq: int) -> Sequence[AnyEvent]:
        return [event for event in self._events if event.seq > seq]

    def wait_beyond(self, seq: int, *, timeout_seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.state.seq > seq, timeout_seconds)

    def stop(self, person: str, reason: str) -> None:
        del person, reason
        self.stopped.append(time.time())

    def close(self) -> None:
        self._log.close()


def pages() -> Iterator[Figure]:
    """Write notes one after another and watch them appear; press the stop and see when the session hears of it."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # of the test group

    with tempfile.TemporaryDirectory(prefix="gameday-bench-") as folder, sync_playwright() as playwright:
        session = _begun(Path(folder))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with serve(session) as served:
            page = browser.new_context(bypass_csp=True).new_page()
            page.goto(served.url_for("commander"))
            page.fill("#join input[name=person]", "Ada")
            page.click("#join button")
            page.wait_for_selector("#join", state="hidden")
            page.wait_for_selector(".step")
            shown, stopped = _shown(session, page), _stopped(session, page)
        browser.close()
        session.close()
    note = f"{RUNS} notes on a page with 20 steps and as many entries as there are notes so far; to the frame that shows it"
    yield Figure("event to screen", shown, target=0.1, percentile=100, note=note)
    yield Figure("stop pressed to the session's stop", stopped, target=0.5, percentile=100)


def _begun(directory: Path) -> _Session:
    session = _Session(directory)
    session.write(RunStarted(run_id="b", kind="gameday", title="Bench", source="b", source_digest="0", version="0", host="h"))
    session.write(RehearsalStarted(level="tabletop"))
    session.write(RoundStarted(round="one", title="Bench", experiment="b.yaml", experiment_digest="0"))
    session.write(RunbookOpened(runbook="bench", title="Bench", digest="0", steps=_STEPS, round="one"))
    return session


def _shown(session: _Session, page: Any) -> list[float]:
    page.evaluate(_WATCH)
    written = {}
    for number in range(RUNS):
        text = f"note {number}"
        written[text] = time.time()
        session.write(NoteTaken(person="Ada", text=text, round="one"))
        page.wait_for_function("text => text in window.seen", arg=text)
    seen = page.evaluate("window.seen")
    return [max(0.0, seen[text] / 1000 - at) for text, at in written.items()]


def _stopped(session: _Session, page: Any) -> list[float]:
    pressed = []
    for number in range(RUNS):
        page.click("header [data-open=stop]")
        pressed.append(
            page.evaluate(
                "() => { const at = Date.now(); document.querySelector('#dialog-stop button.stop').click(); return at; }"
            )
        )
        page.wait_for_selector("#dialog-stop", state="hidden")
        assert len(session.stopped) == number + 1
    return [max(0.0, at - before / 1000) for at, before in zip(session.stopped, pressed, strict=True)]
