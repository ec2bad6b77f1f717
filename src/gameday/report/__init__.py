"""The report: a run's log told to people and to machines, as HTML, Markdown, JUnit or JSON.

Everything comes from the events; this room never sees a cluster and reads no runbook. `story` folds the events once, and the
four formats say the same in their own ways. It judges nothing: verdicts are in the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Final, Literal

from gameday.log.every import AnyEvent

Format = Literal["html", "md", "junit", "json"]

_MODULES: Final[dict[Format, str]] = {"html": "html", "md": "markdown", "junit": "junit", "json": "as_json"}


def render(events: Iterable[AnyEvent], format: Format) -> str:  # noqa: A002  # the word of the command's option
    """Return the report of a run's events in one of the formats; the same text for the same events, whenever it is made."""
    from gameday.report.story import tell  # noqa: PLC0415  # late, so that the command starts quickly

    # By name and late: only HTML needs jinja2, only JUnit junitparser.
    rendered: str = import_module(f"gameday.report.{_MODULES[format]}").render(tell(events))
    return rendered


__all__ = ["Format", "render"]
