"""A rehearsal in real browsers. Needs Debian's Chromium; without it these tests say that they were skipped, and why."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, expect

from gameday.log import read
from gameday.log.events import RoundEnded, RoundStarted
from gameday.log.people import MessageSent, MomentMarked
from gameday.rehearsal.clocks import clocks_of
from gameday.rehearsal.session import Answer
from gameday.rehearsal.state import fold
from gameday.web import Served
from tests.web.browsing import CHROMIUM, Tab, chromium, is_drawn
from tests.web.tabletop import INJECTS, TITLE, Clock, Tabletop

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}; apt-get install chromium")
Open = Callable[..., Tab]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page_of(browser: Browser, served: Served) -> Iterator[Open]:
    """Return a function that opens somebody's page; at the end none of them may have complained."""
    tabs: list[Tab] = []

    def open_page(kind: str, **how: Any) -> Tab:
        tabs.append(Tab(browser, served, kind, **how))
        return tabs[-1]

    yield open_page
    problems = [problem for tab in tabs for problem in tab.problems]
    for tab in tabs:
        tab.context.close()
    assert problems == []


def test_a_whole_rehearsal_of_three_people_with_times_that_are_exact(  # noqa: PLR0915  # one story, from its begin to its end
    page_of: Open, tabletop: Tabletop, clock: Clock
) -> None:
    fay = page_of("facilitator").join("Fay")
    ada = page_of("commander").join("Ada", "incident commander")
    lin = page_of("commander").join("Lin", "customer liaison")
    tabs = (fay, ada, lin)
    expect(ada.page.locator("#people")).to_have_text("Here: Fay, Ada, Lin")
    expect(ada.page.locator("h1")).to_have_text("Incident 1")
    expect(fay.page.locator("h1")).to_have_text(TITLE)

    tabletop.fault()
    expect(fay.page.locator("#fault")).to_contain_text("fill the volume")
    clock.go_on(61)
    tabletop.inject(0)
    for tab in tabs:
        expect(tab.page.locator("#inject-list")).to_contain_text(INJECTS[0]["text"])
    expect(ada.page.locator("#news")).to_contain_text("SubmitErrorsReported")
    clock.go_on(40)
    ada.mark("Acknowledged")
    expect(lin.moment("Acknowledged")).to_contain_text("by Ada")
    clock.go_on(29)
    ada.mark("Declared")
    expect(lin.page.locator("#gauges")).to_contain_text("the first one, by 10:07:10")

    ada.choose_runbook("orders-disk-full")
    expect(lin.page.locator("#runbook-title")).to_have_text("The orders disk is full")
    clock.go_on(60)
    ada.tick("look-at-orders")
    expect(lin.step("look-at-orders")).to_contain_text("done by Ada at 10:03:10")
    ada.page.keyboard.press("c")
    ada.form("classify").get_by_label("major").check()
    _classify(ada)
    expect(fay.moment("Classified")).to_contain_text("by Ada: major")
    clock.go_on(30)
    lin.write("message", "Send", text="Orders by card fail since 10:01 UTC. Your cart is kept.")
    expect(ada.page.locator("#log-list")).to_contain_text("Your cart is kept.")
    expect(ada.clock("First message to customers")).to_have_text("1:30")

    clock.go_on(20)
    fay.write("inject", "Inject", text="The board asks how long.")
    expect(lin.page.locator("#inject-list")).to_contain_text("The board asks how long.")
    fay.page.locator("details").filter(has=fay.form("absent")).locator("summary").click()
    fay.form("absent").locator("select").select_option("subject-matter expert")
    fay.form("absent").get_by_role("button").click()
    expect(ada.page.locator("#role-list")).to_contain_text("away in this round")

    ada.page.keyboard.press("Escape")
    ada.step("declare").get_by_role("button", name="Skip").click()
    ada.page.locator("#dialog-skip textarea").fill("declared already")
    ada.page.locator("#dialog-skip").get_by_role("button", name="Skip it").click()
    expect(lin.step("declare")).to_contain_text("skipped by Ada at 10:04:00: declared already")
    clock.go_on(200)
    ada.mark("Mitigated")
    clock.go_on(100)
    ada.mark("Resolved")
    expect(lin.clock("Time to mitigate (MTTM)")).to_have_text("7:20")
    expect(lin.clock("Time to resolve (MTTR)")).to_have_text("9:00")
    expect(lin.clock("Time to acknowledge (MTTA)")).to_have_text("0:40")
    expect(lin.clock("Detection gap")).to_have_text("1:01")
    fay.page.get_by_role("button", name="Reveal the fault").click()
    expect(ada.page.locator("h1")).to_have_text(TITLE)

    fay.page.get_by_role("button", name="Stop", exact=True).click()
    fay.page.locator("#dialog-stop").get_by_label("Why").fill("enough")
    fay.page.get_by_role("button", name="Stop now").click()
    for tab in tabs:
        expect(tab.page.locator("#line")).to_have_text("over")
    assert tabletop.stopped == [("Fay", "enough")]

    incident = fold(read(tabletop.directory)).incident
    assert incident is not None
    seconds = {one.interval.name: one.seconds for one in clocks_of(incident, {}, now=clock.now())}
    assert seconds == {
        "detection": 61.0,
        "acknowledge": 40.0,
        "declare": 29.0,
        "classify": 60.0,
        "first_message": 90.0,
        "mitigate": 440.0,
        "resolve": 540.0,
        "close": None,
        "review": None,
        "follow_up": None,
    }


def _classify(tab: Tab) -> None:
    form = tab.form("classify")
    form.get_by_label("Who is hit").fill("customers who pay by card")
    form.get_by_label("Share of customers").fill("12.5")
    form.get_by_role("button", name="Classify").click()


def test_the_token_leaves_the_address_and_a_reload_needs_none(page_of: Open, served: Served) -> None:
    tab = page_of("commander").join("Ada", "scribe")
    expect(tab.page).to_have_url(f"{served.origin}/commander")
    tab.page.reload()
    expect(tab.page.locator("#gauges")).to_contain_text("scribe")
    tab.page.go_back()
    expect(tab.page).not_to_have_url(re.compile("token"))


def test_the_token_leaves_the_address_also_where_it_is_not_needed_any_more(page_of: Open, served: Served) -> None:
    tab = page_of("commander").join("Ada", "scribe")
    again = tab.context.new_page()
    again.goto(served.url_for("commander"))
    is_drawn(again)
    expect(again).to_have_url(f"{served.origin}/commander")
    again.evaluate("link => location.assign(link)", served.url_for("commander"))
    again.wait_for_url(f"{served.origin}/commander")
    again.evaluate("() => location.hash = 'roles'")
    again.wait_for_url(f"{served.origin}/commander#roles")


def test_one_browser_opens_the_participants_link_and_then_the_facilitators(page_of: Open, served: Served) -> None:
    tab = page_of("commander")
    other = tab.context.new_page()
    other.goto(served.url_for("facilitator"))
    is_drawn(other)
    expect(other.locator("#backstage")).to_be_visible()
    expect(other).to_have_url(f"{served.origin}/facilitator")


def test_whoever_reloads_is_where_they_were_with_what_they_were_writing(page_of: Open) -> None:
    tab = page_of("commander").join("Ada", "incident commander")
    tab.choose_runbook("orders-disk-full")
    tab.tick("look-at-orders")
    tab.page.keyboard.press("m")
    tab.form("message").locator("textarea").fill("half a mess")
    tab.page.reload()
    expect(tab.step("look-at-orders")).to_contain_text("done by Ada")
    expect(tab.page.locator("#join")).to_be_hidden()
    expect(tab.form("message").locator("textarea")).to_have_value("half a mess")
    expect(tab.form("message").locator("textarea")).to_be_visible()


def test_whoever_joins_late_sees_what_all_the_others_see(page_of: Open, tabletop: Tabletop, clock: Clock) -> None:
    ada = page_of("commander").join("Ada", "incident commander")
    clock.go_on(5)
    tabletop.fault()
    tabletop.inject(0)
    ada.mark("Acknowledged")
    ada.write("decide", "Decide", text="We go on")
    ada.choose_runbook("orders-disk-full")
    ada.tick("look-at-orders")
    expect(ada.step("look-at-orders")).to_contain_text("done by Ada")
    late = page_of("commander").join("Lin", "scribe")
    expect(late.step("look-at-orders")).to_contain_text("done by Ada")
    for place in ("#moment-list", "#log-list", "#inject-list", "#steps", "#runbook-title"):
        assert late.page.locator(place).inner_text() == ada.page.locator(place).inner_text()


def test_whoever_loses_the_connection_keeps_the_text_and_catches_up(page_of: Open) -> None:
    ada = page_of("commander").join("Ada", "incident commander")
    lin = page_of("commander").join("Lin", "scribe")
    lin.context.set_offline(offline=True)
    expect(lin.page.locator("#line")).to_contain_text("no connection")
    ada.mark("Declared")
    form = lin.form("note")
    form.locator("textarea").fill("written without a connection")
    form.get_by_role("button").click()
    expect(form.locator(".problem")).to_contain_text("was not sent")
    expect(lin.moment("Declared")).not_to_contain_text("by Ada")
    lin.context.set_offline(offline=False)
    expect(lin.page.locator("#line")).to_have_text("connected")
    expect(lin.moment("Declared")).to_contain_text("by Ada")
    form.get_by_role("button").click()
    expect(ada.page.locator("#log-list")).to_contain_text("written without a connection")


def test_of_two_people_who_tick_one_step_the_second_reads_who_was_first(
    page_of: Open, tabletop: Tabletop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = page_of("commander").join("Ada", "incident commander")
    lin = page_of("commander").join("Lin", "scribe")
    ada.choose_runbook("orders-disk-full")
    both, submit = threading.Barrier(2), tabletop.submit

    def together(person: str, request: Mapping[str, Any]) -> Answer:
        if request["do"] == "tick":
            both.wait(60)
        return submit(person, request)

    monkeypatch.setattr(tabletop, "submit", together)
    expect(lin.step("declare")).to_be_visible()
    ada.tick_button("declare").click()
    lin.tick_button("declare").click()
    expect(ada.step("declare")).to_contain_text("done by")
    assert tabletop.state.incident is not None
    first = tabletop.state.incident.steps["declare"].by
    second = lin if first == "Ada" else ada
    expect(second.page.locator("#notice")).to_have_text(f"'declare' is done already: {first} was first, at 10:00:00 UTC")
    for tab in (ada, lin):
        expect(tab.step("declare")).to_contain_text(f"done by {first} at 10:00:00")


def test_the_runbook_that_is_open_stays_chosen_when_the_answer_to_whoever_opened_it_comes_after_the_page_has_shown_it(
    page_of: Open, tabletop: Tabletop, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_shown, submit = threading.Event(), tabletop.submit

    def answered_later(person: str, request: Mapping[str, Any]) -> Answer:
        answer = submit(person, request)
        if request["do"] == "open":
            is_shown.wait(60)
        return answer

    tab = page_of("commander").join("Ada", "incident commander")
    monkeypatch.setattr(tabletop, "submit", answered_later)
    tab.choose_runbook("orders-disk-full")
    expect(tab.form("open")).to_have_attribute("data-sending", "yes")
    is_shown.set()
    expect(tab.form("open")).not_to_have_attribute("data-sending", "yes")
    expect(tab.page.locator("#choose-list")).to_have_value("orders-disk-full")


def test_text_from_people_and_runbooks_is_never_html(page_of: Open) -> None:
    nasty = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    tab = page_of("commander").join("<b>Ada</b>", "incident commander")
    other = page_of("facilitator").join("<i>Fay</i>")
    tab.choose_runbook("orders-disk-full")
    tab.write("note", "Write down", text=nasty)
    tab.write("decide", "Decide", text=nasty, reason=nasty)
    other.write("inject", "Inject", text=nasty)
    for page in (tab.page, other.page):
        expect(page.locator("#log-list")).to_contain_text(nasty)
        expect(page.locator("#inject-list")).to_contain_text(nasty)
        expect(page.locator("#steps")).to_contain_text("<b>not bold</b>")
        assert page.locator("main img, main script, main b, main i").count() == 0


def test_a_time_that_no_browser_reads_stops_no_page(page_of: Open, tabletop: Tabletop) -> None:
    tab = page_of("commander").join("Ada", "incident commander")
    sent = MessageSent(person="Lin", audience="customers", channel="mail", text="We know.", next_at="20261125T143000Z")
    tabletop.write(sent, round="round-1")
    expect(tab.page.locator("#log-list")).to_contain_text("next by 14:30:00")
    tab.choose_runbook("orders-disk-full")
    tab.tick("declare")
    expect(tab.step("declare")).to_contain_text("done by Ada")


@pytest.fixture
def rounds_asked_for(tabletop: Tabletop, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Have a second round begin as soon as the first is over; in here stands which one was to be ended, at every request."""
    asked: list[Any] = []
    submit = tabletop.submit

    def and_begin_the_next_one(person: str, request: Mapping[str, Any]) -> Answer:
        answer = submit(person, request)
        if request["do"] == "next-round":
            asked.append(request.get("incident"))
            tabletop.write(RoundEnded(round="round-1"))
            tabletop.write(RoundStarted(round="round-2", title="Another", experiment="e", experiment_digest="0"))
        return answer

    monkeypatch.setattr(tabletop, "submit", and_begin_the_next_one)
    return asked


def _next_round(tabletop: Tabletop) -> None:
    for request in ({"do": "join", "roles": ["facilitator"]}, {"do": "next-round"}):
        assert not tabletop.submit("Fay", request).refused


def test_a_double_click_ends_one_round_and_not_the_one_after_it(page_of: Open, rounds_asked_for: list[Any]) -> None:
    fay = page_of("facilitator").join("Fay")
    fay.page.get_by_role("button", name="Next round").dblclick(delay=150)
    expect(fay.page.locator("h1")).to_have_text("Another")
    # Whatever the second press has asked for comes before this.
    fay.mark("Declared")
    expect(fay.moment("Declared")).to_contain_text("by Fay")
    assert rounds_asked_for == [1]


def test_an_enter_that_is_held_ends_one_round_and_not_the_one_after_it(page_of: Open, rounds_asked_for: list[Any]) -> None:
    fay = page_of("facilitator").join("Fay")
    keyboard = fay.page.keyboard
    fay.page.get_by_role("button", name="Next round").focus()
    keyboard.down("Enter")
    expect(fay.page.locator("h1")).to_have_text("Another")
    for _ in range(3):
        keyboard.down("Enter")
    keyboard.up("Enter")
    fay.mark("Declared")
    expect(fay.moment("Declared")).to_contain_text("by Fay")
    assert rounds_asked_for == [1]


@pytest.mark.usefixtures("rounds_asked_for")
def test_a_question_that_was_left_open_is_not_answered_in_the_next_round(page_of: Open, tabletop: Tabletop) -> None:
    ada = page_of("commander").join("Ada", "incident commander")
    ada.moment("Declared").get_by_role("button", name="Earlier").click()
    expect(ada.page.locator("#dialog-mark")).to_be_visible()
    _next_round(tabletop)
    expect(ada.page.locator("h1")).to_have_text("Incident 2")
    ada.page.locator("#dialog-mark").get_by_role("button", name="Mark").click()
    expect(ada.page.locator("#dialog-mark .problem")).to_contain_text("it was meant for 1, and 2 is on now")


@pytest.mark.usefixtures("rounds_asked_for")
def test_a_text_that_was_begun_in_one_round_is_kept_and_not_sent_in_the_next_unless_it_is_asked_again(
    page_of: Open, tabletop: Tabletop
) -> None:
    ada = page_of("commander").join("Ada", "incident commander")
    ada.page.keyboard.press("m")
    form = ada.form("message")
    form.locator("textarea").fill("Orders fail.")
    _next_round(tabletop)
    expect(ada.page.locator("h1")).to_have_text("Incident 2")
    ada.page.reload()
    send = form.get_by_role("button", name="Send")
    send.dblclick(delay=150)
    expect(form.locator(".problem")).to_contain_text("it was meant for 1, and 2 is on now")
    expect(form.locator("textarea")).to_have_value("Orders fail.")
    ada.mark("Declared")
    expect(ada.moment("Declared")).to_contain_text("by Ada")
    assert tabletop.state.incident is not None
    assert tabletop.state.incident.messages == []
    send.click()
    expect(ada.page.locator("#log-list")).to_contain_text("Orders fail.")


def test_an_enter_that_is_held_marks_a_moment_and_does_not_take_it_back(page_of: Open, tabletop: Tabletop) -> None:
    ada = page_of("commander").join("Ada", "incident commander")
    keyboard = ada.page.keyboard
    ada.moment("Declared").get_by_role("button", name="Mark").focus()
    keyboard.down("Enter")
    expect(ada.moment("Declared").get_by_role("button", name="Undo")).to_be_visible()
    keyboard.down("Enter")
    keyboard.up("Enter")
    ada.mark("Resolved")
    expect(ada.moment("Resolved")).to_contain_text("by Ada")
    marked = [event for event in read(tabletop.directory) if isinstance(event, MomentMarked)]
    assert [(event.moment, event.withdrawn) for event in marked] == [("declared", False), ("resolved", False)]


def test_the_next_message_is_promised_no_later_than_it_is_owed(page_of: Open, tabletop: Tabletop) -> None:
    assert tabletop.state.incident is not None
    assert tabletop.state.incident.runbook is not None
    tabletop.write(replace(tabletop.state.incident.runbook, updates_every_seconds=90.0))
    tab = page_of("commander").join("Lin", "customer liaison")
    tab.page.keyboard.press("m")
    tab.page.locator("#audiences").select_option("support")
    expect(tab.form("message").get_by_label("Next one in minutes")).to_have_value("1")


def test_everything_can_be_done_with_keys(page_of: Open, tabletop: Tabletop) -> None:
    tab = page_of("commander").join("Ada", "incident commander")
    tab.choose_runbook("orders-disk-full")
    expect(tab.step("look-at-orders")).to_be_visible()
    keyboard = tab.page.keyboard
    tab.page.locator("#runbook").focus()
    keyboard.press("j")
    expect(tab.step("look-at-orders")).to_be_focused()
    keyboard.press("b")
    expect(tab.step("look-at-orders")).to_contain_text("Ada began")
    keyboard.press("t")
    expect(tab.step("look-at-orders")).to_contain_text("done by Ada")
    expect(tab.step("look-at-orders")).to_be_focused()
    keyboard.press("j")
    keyboard.press("s")
    keyboard.type("not needed")
    keyboard.press("Control+Enter")
    expect(tab.step("declare")).to_contain_text("skipped by Ada at 10:00:00: not needed")
    # The stream may be quicker than the answer to the request, which closes the question.
    expect(tab.page.locator("#dialog-skip")).to_be_hidden()
    for key, do, text in (("n", "note", "a note"), ("d", "decide", "a decision"), ("m", "message", "a message")):
        keyboard.press(key)
        keyboard.type(text)
        keyboard.press("Control+Enter")
        expect(tab.page.locator("#log-list")).to_contain_text(text)
        expect(tab.form(do).locator("textarea").first).to_have_value("")
        keyboard.press("Escape")
    keyboard.press("?")
    expect(tab.page.locator("#dialog-keys")).to_be_visible()
    keyboard.press("Escape")
    expect(tab.page.locator("#dialog-keys")).to_be_hidden()
    assert tabletop.state.incident is not None
    assert [note.text for note in tabletop.state.incident.notes] == ["a note"]


def test_a_key_that_is_held_does_one_thing_once(page_of: Open, tabletop: Tabletop) -> None:
    tab = page_of("commander").join("Ada", "incident commander")
    tab.choose_runbook("orders-disk-full")
    expect(tab.step("look-at-orders")).to_be_visible()
    keyboard = tab.page.keyboard
    tab.page.locator("#runbook").focus()
    keyboard.down("t")
    for step in ("look-at-orders", "declare", "free-space"):
        keyboard.down("t")
        expect(tab.step("look-at-orders")).to_contain_text("done by Ada")
        # From here on another step is the next one.
        tab.step(step).focus()
    keyboard.up("t")
    for _ in range(3):
        keyboard.down("n")
    keyboard.up("n")
    keyboard.type("no, nnn")
    keyboard.press("Control+Enter")
    expect(tab.page.locator("#log-list")).to_contain_text("no, nnn")
    assert tabletop.state.incident is not None
    assert [step.id for step in tabletop.state.incident.steps.values() if step.outcome] == ["look-at-orders"]
    assert [note.text for note in tabletop.state.incident.notes] == ["no, nnn"]


def test_single_keys_can_be_switched_off(page_of: Open, tabletop: Tabletop) -> None:
    tab = page_of("commander").join("Ada", "incident commander")
    tab.choose_runbook("orders-disk-full")
    expect(tab.step("declare")).to_be_visible()
    tab.page.get_by_role("button", name="Keys").click()
    tab.page.get_by_label("Single keys do this").uncheck()
    tab.page.locator("#dialog-keys").get_by_role("button", name="Close").click()
    tab.step("declare").focus()
    tab.page.keyboard.press("t")
    tab.page.keyboard.press("?")
    expect(tab.page.locator("#dialog-keys")).to_be_hidden()
    assert tabletop.state.incident is not None
    assert tabletop.state.incident.steps["declare"].outcome == ""


def test_a_role_is_handed_over_with_what_they_need_to_know(page_of: Open) -> None:
    ada = page_of("commander").join("Ada", "incident commander")
    lin = page_of("commander").join("Lin")
    expect(ada.page.locator("#people")).to_contain_text("Lin")
    ada.page.get_by_role("button", name="Hand over").click()
    ada.page.locator("#hand-over-to").select_option("Lin")
    ada.page.locator("#dialog-hand-over textarea").fill("the flag is off")
    ada.page.locator("#dialog-hand-over").get_by_role("button", name="Hand over").click()
    expect(lin.page.locator("#gauges")).to_contain_text("incident commander")
    expect(ada.page.locator("#role-list")).to_contain_text("Lin")


def test_a_page_without_its_token_says_what_to_do(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{served.origin}/commander")
    expect(page.locator("h1")).to_have_text("Not let in")
    page.goto(f"{served.origin}/commander#token=wrong")
    expect(page.locator("#why")).to_contain_text("not of this rehearsal")
    expect(page).not_to_have_url(re.compile("wrong"))
    context.close()
