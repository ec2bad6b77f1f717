"""Game-day plans: rounds of experiments on one cluster, with roles and a deadline, into frozen dataclasses.

Nothing here runs a round. See docs/files.md for the format.
"""

from gameday.gameday.model import GameDay, Round
from gameday.gameday.reading import load_any, load_gameday

__all__ = ["GameDay", "Round", "load_any", "load_gameday"]
