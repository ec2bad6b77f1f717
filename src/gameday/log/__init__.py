"""The log is the run: one append-only file of typed events, from which everything that is said later is folded.

This room defines the events, writes them under a lock and reads them back, also while they are being written. It judges
nothing and draws nothing; those are folds in `verdict` and `report`.
"""

from gameday.log.events import Event
from gameday.log.every import AnyEvent
from gameday.log.reading import EVENTS_FILE, follow, read
from gameday.log.writing import LogWriter

__all__ = ["EVENTS_FILE", "AnyEvent", "Event", "LogWriter", "follow", "read"]
