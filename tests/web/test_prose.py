"""A runbook's Markdown as values, from which a page makes its elements."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.runbook import load_runbook
from gameday.web.prose import prose
from gameday.web.runbooks import Library
from gameday.workspace import SHIPPED


def _tags(tree: list[Any]) -> set[str]:
    return {tag for part in tree if isinstance(part, dict) for tag in {part["tag"], *_tags(part["children"])}}


def test_markdown_becomes_elements_and_texts() -> None:
    assert prose("Say **what** is `broken`.") == [
        {
            "tag": "p",
            "children": [
                "Say ",
                {"tag": "strong", "children": ["what"]},
                " is ",
                {"tag": "code", "children": ["broken"]},
                ".",
            ],
        }
    ]


def test_html_stays_text_and_comments_are_left_out() -> None:
    tree = prose("<img src=x onerror=alert(1)> <!-- id: a -->\n\n<script>alert(1)</script>")
    assert _tags(tree) == {"p"}
    assert "<script>alert(1)</script>" in str(tree)
    assert "id: a" not in str(tree)


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "data:text/html,x", "../other.md", "//evil.example", "file:///etc/passwd"]
)
def test_a_link_that_leads_not_to_the_web_is_its_text(target: str) -> None:
    tree = prose(f"[look]({target})")
    assert "a" not in _tags(tree)
    assert "look" in str(tree)


def test_a_picture_is_its_description_since_nothing_is_fetched() -> None:
    assert prose("![a graph](https://example.org/graph.png)") == [{"tag": "p", "children": ["a graph"]}]


def test_a_warning_is_marked_as_one() -> None:
    assert prose("> **Warning:** do not stop hosts.")[0]["class"] == "warning"
    assert "class" not in prose("> A quotation.")[0]


def test_every_shipped_runbook_can_be_shown() -> None:
    library = Library.around()
    known = {
        "p",
        "ul",
        "ol",
        "li",
        "strong",
        "em",
        "code",
        "pre",
        "a",
        "br",
        "blockquote",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert len(library.titles()) >= 12
    for one in library.titles():
        document = library.document(one["id"])
        assert document["title"] == one["title"]
        assert document["steps"]
        for step in document["steps"]:
            assert _tags(step["prose"]) <= known


def test_a_runbook_of_the_catalogue_has_all_its_warnings() -> None:
    document = Library.around().document("submit-fails")
    assert any("do not restart or change the storefront" in str(warning) for warning in document["warnings"])
    assert len(document["warnings"]) == len(load_runbook(SHIPPED / "runbooks" / "submit-fails.md").cautions)
