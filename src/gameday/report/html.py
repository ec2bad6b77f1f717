"""The report as one HTML file that needs nothing else: styles and pictures stand in it, nothing is fetched, no script runs.

The words come from the story and the layout from `page.html.j2` and `page.css`; here the two are put together. Every text
of a log is escaped by the template engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from gameday.report import words
from gameday.report.chart import NARROW, WIDE, draw, pin
from gameday.report.facts import Change, Round, Story, Verdict
from gameday.report.people_facts import IncidentFacts
from gameday.report.people_sentences import EFFECTS, JUDGEMENTS, LEVELS
from gameday.report.sentences import LANDED, RESULTS, UNDONE, how_ended
from gameday.report.timeline import Timeline, of_round, of_run

_FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "duration": lambda seconds: _unbroken(words.duration(seconds)),
    "offset": lambda seconds: _unbroken(words.offset(seconds)),
    "percent": lambda ratio: _unbroken(words.percent(ratio)),
    "milliseconds": lambda value: _unbroken(words.milliseconds(value)),
    "coded": lambda text: _coded(text),  # noqa: PLW0108  # defined further down
    "clock": words.clock,
    "count": words.count,
    "listed": words.listed,
    "number": words.number,
}


def render(story: Story) -> str:
    """Return the page."""
    return _template().render(
        story=story,
        style=Markup((files("gameday.report") / "page.css").read_text(encoding="utf-8")),  # noqa: S704  # our own file
        overview=of_run(story) if len(story.rounds) != 1 else None,
        timelines=[of_round(round_, story, id=f"r{number}") for number, round_ in enumerate(story.rounds, start=1)],
        pictures=_pictures,
        interval=words.interval,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FunctionLoader(_source), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(_FILTERS)
    environment.globals.update(
        pin=pin,
        badge=badge,
        settled=settled,
        how_ended=how_ended,
        LANDED=LANDED,
        RESULTS=RESULTS,
        LEVELS=LEVELS,
        EFFECTS=EFFECTS,
        JUDGEMENTS=JUDGEMENTS,
        seconds_table=_seconds_table,
    )
    return environment.get_template("page.html.j2")


def _source(name: str) -> str:
    return (files("gameday.report") / name).read_text(encoding="utf-8")


def badge(verdict: Verdict, people: IncidentFacts | None = None) -> tuple[str, str]:
    """Return a verdict's tone (good, bad, unclear or plain) and its words; people who rehearse need no verdict."""
    if verdict.verdict == "none":
        return ("plain", "Rehearsed") if people else ("unclear", "No verdict")
    if verdict.verdict == "inconclusive":
        return ("good" if verdict.as_expected else "unclear"), "Inconclusive"
    tail = ", as expected" if verdict.as_expected else ", not expected"
    return ("good" if verdict.as_expected else "bad"), verdict.verdict.capitalize() + tail


def settled(change: Change) -> tuple[str, str]:
    """Return a change's tone and how it ended, in words."""
    if change.state in UNDONE:
        detail = f": {change.undo.detail}" if change.undo and change.undo.detail else ""
        return ("good" if change.state in {"undone", "already"} else "bad"), UNDONE[change.state].capitalize() + detail
    if change.state == "not_done":
        return "unclear", f"Never applied: {change.failed}"
    return "unclear", "The log says nothing of an undo" + (f"; {change.failed}" if change.failed else "")


def _pictures(timeline: Timeline) -> Markup:
    return draw(timeline, WIDE) + draw(timeline, NARROW)


def _unbroken(text: str) -> str:
    """Keep a number and its unit on one line."""
    return text.replace(" ", "\u00a0")


def _coded(text: str) -> Markup:
    """Set what stands between backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped first


def _seconds_table(round_: Round) -> list[tuple[float, int, int, float | None, float | None]]:
    """Return the numbers behind a picture, a row a second where the picture is finer: time, ok, failed, worst p50 and p95."""
    width = max(1.0, round_.series[0].seconds) if round_.series else 1.0
    rows: dict[int, list[Any]] = {}
    for bucket in round_.series:
        row = rows.setdefault(int((bucket.start_seconds + bucket.seconds / 2) / width), [0, 0, None, None])
        row[0] += bucket.ok
        row[1] += bucket.failed
        row[2] = max((value for value in (row[2], bucket.p50_ms) if value is not None), default=None)
        row[3] = max((value for value in (row[3], bucket.p95_ms) if value is not None), default=None)
    return [(index * width, *row) for index, row in sorted(rows.items())]
