"""Help with messages: what a template says for an audience, and what a check finds in a text that is about to be sent.

Both are of `gameday.rehearsal.messages`; where this version has none, a page shows neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gameday.rehearsal.state import State


def templates(state: State) -> list[dict[str, str]]:
    """Return the templates of messages: id, audience, title and text."""
    del state
    return []


def findings(state: State, message: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what is wrong with a message as it stands: code and message of each finding."""
    del state, message
    return []
