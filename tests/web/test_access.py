"""Who comes in, and what they may ask for once they are in."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.errors import RefusedError, UsageError
from gameday.web import Served, serve
from gameday.web.runbooks import Library
from tests.web.calls import Caller
from tests.web.tabletop import Clock, Tabletop

PAGES = ["/", "/commander", "/facilitator"]
APIS = ["/api/state", "/api/events", "/api/runbooks", "/api/runbooks/submit-fails", "/api/templates"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_without_the_token_is_refused_and_says_where_the_link_is(stranger: Caller, path: str) -> None:
    reply = stranger.get(path)
    assert reply.status == 401
    assert "text/html" in reply.headers["Content-Type"]
    assert "terminal" in reply.text


@pytest.mark.parametrize("path", APIS)
def test_the_api_without_the_token_tells_nothing(stranger: Caller, path: str) -> None:
    reply = stranger.get(path)
    assert reply.status == 401
    assert set(reply.json) == {"refused"}


@pytest.mark.parametrize("path", ["/api/requests", "/api/stop", "/api/check"])
def test_nothing_is_asked_without_the_token(served: Served, stranger: Caller, tabletop: Tabletop, path: str) -> None:
    before = tabletop.state.seq
    assert stranger.post(path, {"person": "Mallory", "do": "join"}, Origin=served.origin).status == 401
    assert tabletop.state.seq == before
    assert tabletop.stopped == []


@pytest.mark.parametrize("token", ["", "x", "é", "Bearer", "a" * 5000])
def test_a_wrong_token_opens_nothing(served: Served, stranger: Caller, token: str) -> None:
    reply = stranger.post("/api/enter", {"token": token}, Origin=served.origin)
    assert reply.status == 401
    assert "Set-Cookie" not in reply.headers


def test_the_link_carries_its_token_where_browsers_send_it_to_nobody(served: Served) -> None:
    address, _, fragment = served.url_for("commander").partition("#")
    assert address == f"{served.origin}/commander"
    assert fragment == f"token={served.token_for('commander')}"
    assert served.token_for("facilitator") not in served.url_for("commander")


def test_the_token_is_exchanged_for_a_cookie_that_is_not_the_token(served: Served, stranger: Caller) -> None:
    token = served.token_for("commander")
    reply = stranger.post("/api/enter", {"token": token}, Origin=served.origin)
    assert reply.json == {"page": "commander"}
    assert "HttpOnly" in reply.headers["Set-Cookie"]
    assert "SameSite=Strict" in reply.headers["Set-Cookie"]
    assert token not in reply.headers["Set-Cookie"]
    assert stranger.get("/commander", Cookie=reply.cookie).status == 200
    assert stranger.get("/api/state", Cookie=reply.cookie).json["page"] == "commander"


def test_each_page_gets_what_is_its_own_where_one_browser_has_both_cookies(served: Served, stranger: Caller) -> None:
    cookies = "; ".join(
        stranger.post("/api/enter", {"token": served.token_for(page)}, Origin=served.origin).cookie
        for page in ("commander", "facilitator")
    )
    assert stranger.get("/api/state", Cookie=cookies).json["page"] == "commander"
    assert stranger.get("/api/state?page=facilitator", Cookie=cookies).json["page"] == "facilitator"


def test_the_participants_token_opens_no_page_of_the_facilitators(commander: Caller, facilitator: Caller) -> None:
    refused = commander.get("/facilitator")
    assert refused.status == 403
    assert "/static/enter.js" in refused.text
    assert commander.get("/api/state?page=facilitator").status == 403
    assert facilitator.get("/api/state?page=commander").json["page"] == "commander"
    assert 'data-page="facilitator"' in facilitator.get("/").text
    assert 'data-page="commander"' in commander.get("/").text


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:80", ""])
def test_another_name_for_this_address_is_refused(commander: Caller, host: str) -> None:
    for reply in (
        commander.get("/", Host=host),
        commander.get("/api/state", Host=host),
        commander.post("/api/stop", {}, Host=host),
    ):
        assert reply.status == 421
        assert "open it by that address" in reply.text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:1", "http://localhost:1"])
def test_a_page_of_another_origin_is_refused_even_with_the_token(commander: Caller, tabletop: Tabletop, origin: str) -> None:
    assert commander.post("/api/stop", {"person": "Ada"}, Origin=origin).status == 403
    assert commander.get("/api/state", Origin=origin).status == 403
    assert commander.get("/api/events", Origin=origin).status == 403
    assert tabletop.stopped == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_sites_page_fetches_is_refused(commander: Caller, site: str) -> None:
    assert commander.get("/api/events", Sec_Fetch_Site=site).status == 403
    assert commander.get("/static/app.js", Sec_Fetch_Site=site).status == 403
    assert commander.get("/", Sec_Fetch_Site=site, Sec_Fetch_Dest="iframe").status == 403
    assert commander.post("/api/stop", {"person": "Ada"}, Sec_Fetch_Site=site).status == 403


def test_a_link_in_another_sites_page_may_be_followed(commander: Caller) -> None:
    assert commander.get("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="document").status == 200


def test_a_cookie_alone_changes_nothing_unless_the_browser_says_whose_page_it_was(served: Served, stranger: Caller) -> None:
    cookie = stranger.post("/api/enter", {"token": served.token_for("commander")}, Origin=served.origin).cookie
    body = {"person": "Ada", "do": "join", "roles": []}
    assert stranger.post("/api/requests", body, Cookie=cookie).status == 403
    assert stranger.post("/api/requests", body, Cookie=cookie, Sec_Fetch_Site="same-origin").status == 201


@pytest.mark.parametrize("path", ["/", "/api/state", "/nowhere", "/static/page.css", "/static/../serving.py"])
def test_every_answer_keeps_a_browser_from_doing_anything_else_with_it(commander: Caller, path: str) -> None:
    headers = commander.get(path).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("name", ["../serving.py", "%2e%2e%2fserving.py", "nothing.js", "__init__.py", ""])
def test_only_the_pages_own_files_are_served(commander: Caller, name: str) -> None:
    assert commander.get(f"/static/{name}").status == 404


def test_no_page_needs_anything_from_elsewhere_and_none_has_a_script_in_it(commander: Caller, facilitator: Caller) -> None:
    for page in (commander.get("/").text, facilitator.get("/").text, commander.get("/nowhere").text):
        assert "http://" not in page.replace("http://127.0.0.1", "")
        assert "https://" not in page
        assert "<style" not in page
        assert " style=" not in page
        assert page.count("<script") == page.count('<script type="module" src="/static/')


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "shop.example", ""])  # noqa: S104  # refused
def test_pages_are_served_on_a_loopback_address_only(tabletop: Tabletop, library: Library, host: str) -> None:
    with pytest.raises(UsageError, match="loopback"), serve(tabletop, library=library, host=host):
        pass


def test_a_port_that_is_taken_is_said(served: Served, tabletop: Tabletop, library: Library) -> None:
    port = int(served.origin.rpartition(":")[2])
    with pytest.raises(RefusedError, match="another --port"), serve(tabletop, library=library, port=port):
        pass


def test_a_token_that_was_given_is_the_facilitators(tmp_path: Path, library: Library) -> None:
    tabletop = Tabletop(tmp_path, Clock())
    with serve(tabletop, library=library, token="given") as one, serve(tabletop, library=library, token="given") as other:
        assert one.token_for("facilitator") == "given"
        assert one.token_for("commander") == other.token_for("commander") != "given"
    tabletop.close()
