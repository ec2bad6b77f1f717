from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from gameday.log import AnyEvent
from gameday.report import render
from gameday.report.story import tell

Play = Callable[[str], list[AnyEvent]]
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Outline(HTMLParser):
    """Checks that elements close in order, and collects what the tests ask for."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        expected = self.open.pop()
        assert tag == expected, f"expected </{expected}>, but got </{tag}>"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    found.close()
    return found


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", " ".join(outline(page).text))


def test_every_log_makes_a_well_formed_page(any_log: list[AnyEvent]) -> None:
    page = outline(render(any_log, "html"))
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids)), "an id stands twice"


def test_one_log_makes_the_same_page_byte_for_byte(any_log: list[AnyEvent]) -> None:
    assert render(any_log, "html") == render(list(any_log), "html")


def test_the_page_needs_nothing_else_and_runs_no_script(any_log: list[AnyEvent]) -> None:
    page = outline(render(any_log, "html"))
    assert not [tag for tag, _ in page.tags if tag in {"script", "img", "iframe", "object", "embed", "form"}]
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), f"{tag} has a handler"
            if name in {"href", "src", "action"}:
                assert value is not None
                assert value.startswith("#") or value == "data:,"
    assert "url(http" not in render(any_log, "html")
    assert "@import" not in render(any_log, "html")


def test_text_of_a_log_stays_text(play: Play) -> None:
    page = render(play("hostile"), "html")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_verdicts_stand_before_everything_else(play: Play) -> None:
    text = text_of(render(play("first"), "html"))
    story = tell(play("first"))
    places = [text.index(round_.verdict.sentence) for round_ in story.rounds]
    assert places == sorted(places)
    assert places[-1] < text.index("What customers saw") < text.index("What was changed") < text.index("Details for the engineer")


def test_the_page_says_what_the_story_says(any_log: list[AnyEvent]) -> None:
    story, text = tell(any_log), text_of(render(any_log, "html"))

    def says(sentence: str) -> bool:
        return re.sub(r"\s+", " ", sentence.replace("`", "")).strip() in text.replace("`", "").replace("\u00a0", " ")

    for round_ in story.rounds:
        assert says(round_.verdict.sentence)
        assert all(says(reason) for reason in round_.verdict.reasons)
        assert all(says(step.title) for step in round_.steps)
        assert all(says(change.summary) for change in round_.changes)
    assert all(says(action.what) and says(action.owner) for action in story.actions)
    assert all(says(left) for left in story.residue)


def test_a_diff_has_signs_and_not_only_colours(play: Play) -> None:
    page = render(play("first"), "html")
    minus = re.search(r'<p class="minus">(.*?)</p>', page)
    plus = re.search(r'<p class="plus">(.*?)</p>', page)
    assert minus is not None
    assert "−" in minus[1]  # noqa: RUF001  # the sign itself
    assert "before:" in minus[1]
    assert plus is not None
    assert "+</span> 0" in plus[1]


def test_each_picture_has_a_name_a_description_and_its_marks(play: Play) -> None:
    page = render(play("first"), "html")
    pictures = [ET.fromstring(svg) for svg in re.findall(r'<svg class="chart.*?</svg>', page, re.DOTALL)]  # noqa: S314  # our own
    assert len(pictures) == 2 * 3, "the run and two rounds, each wide and narrow"
    for picture in pictures:
        named = picture.attrib["aria-labelledby"].split()
        found = {element.attrib.get("id"): element.text for element in picture.iter()}
        assert all(found[id_] for id_ in named)
    marks = {element.text for element in pictures[4].iter() if element.attrib.get("class") == "on-pin"}
    assert marks == {"1", "2", "3", "4", "5"}


def test_everything_drawn_lies_within_its_picture(any_log: list[AnyEvent]) -> None:
    for svg in re.findall(r'<svg class="chart.*?</svg>', render(any_log, "html"), re.DOTALL):
        picture = ET.fromstring(svg)  # noqa: S314  # our own
        width, height = (float(value) for value in picture.attrib["viewBox"].split()[2:])
        for element in picture.iter("rect"):
            x, y, w, h = (float(element.attrib.get(name, 0)) for name in ("x", "y", "width", "height"))
            assert x >= 0
            assert x + w <= width + 1
            assert y + h <= height
        for element in picture.iter("text"):
            assert 0 <= float(element.attrib.get("x", 0)) <= width
            assert 0 <= float(element.attrib.get("y", 0)) <= height


def test_a_run_of_90_seconds_stays_below_300_kilobytes(play: Play) -> None:
    assert len(render(play("long_first"), "html").encode()) < 300_000


def test_a_log_that_ends_early_says_what_to_run(play: Play) -> None:
    text = text_of(render(play("torn"), "html"))
    assert "The log ends here" in text
    assert "gameday recover" in text


def test_an_empty_log_is_a_page_too(play: Play) -> None:
    assert "The log is empty" in text_of(render(play("empty"), "html"))


@pytest.mark.parametrize("format_", ["html", "md", "junit", "json"])
def test_all_formats_take_any_iterable_of_events(play: Play, format_: str) -> None:
    assert render(iter(play("first")), format_)  # type: ignore[arg-type]
