"""What went wrong, in words for a log. Nothing is caught or logged here."""

from __future__ import annotations

from gameday.errors import GamedayError


def in_words(error: Exception) -> str:
    """Return an error of ours as it is, and anybody else's with its type, without which it often says nothing."""
    return str(error) if isinstance(error, GamedayError) else f"{type(error).__name__}: {error}"
