from __future__ import annotations

from collections.abc import Callable

import pytest
from markdown_it import MarkdownIt

from gameday.log import AnyEvent
from gameday.report import render
from gameday.report.story import tell

Play = Callable[[str], list[AnyEvent]]


def html_of(events: list[AnyEvent]) -> str:
    return str(MarkdownIt("gfm-like", {"linkify": False}).disable("linkify").render(render(events, "md")))


def test_the_verdicts_stand_in_one_table(play: Play) -> None:
    page = html_of(play("first"))
    assert page.index("<table>") < page.index("Round 1:")
    assert "<td>0.40 s (0.36 to 0.46 s)</td>" in page
    assert "<td>1066 of 1066 found</td>" in page
    assert "<td>proven</td>" in page


def test_a_change_is_shown_as_a_diff_and_with_its_undo(play: Play) -> None:
    page = html_of(play("first"))
    assert '<code class="language-diff">@ /spec/replicas\n- 2\n+ 0\n' in page
    assert "already as before: replicas are 2, as before the run" in page


@pytest.mark.parametrize("name", ["first", "torn", "recovered", "aborted", "with_residue", "inconclusive", "refused", "empty"])
def test_it_says_what_the_story_says(play: Play, name: str) -> None:
    story = tell(play(name))
    page = render(play(name), "md").replace("\\", "")
    assert story.headline in page
    for round_ in story.rounds:
        assert round_.verdict.sentence in page
        assert round_.verdict.recovery_sentence in page
        assert all(reason in page for reason in round_.verdict.reasons)
    assert all(f"**{action.what}**" in page and f"Owner: {action.owner}" in page for action in story.actions)
    assert all(f"**Left behind:** {left}" in page for left in story.residue)


def test_text_of_a_log_becomes_no_markup(play: Play) -> None:
    page = html_of(play("hostile"))
    assert "<script" not in page
    assert "<em>" not in page
    assert page.count("<h1>") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_table_keeps_its_columns_whatever_the_texts(play: Play) -> None:
    rows = [line for line in render(play("hostile"), "md").splitlines() if line.startswith("| ")]
    assert {row.replace("\\|", "").count("|") for row in rows} == {8, 6}


def test_the_command_that_recovers_can_be_copied(play: Play) -> None:
    assert "<code>gameday recover</code>" in html_of(play("torn"))
