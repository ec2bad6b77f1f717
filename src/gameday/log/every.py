"""All events that a log may hold: those of the run and those of people."""

from __future__ import annotations

from gameday.log.events import RunEvent
from gameday.log.people import PeoplesEvent

AnyEvent = RunEvent | PeoplesEvent
