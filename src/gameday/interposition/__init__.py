"""Interposing a Service: what puts the fault proxy between it and its pods, what switches a fault on, and what shows it.

Pure functions from a read-only cluster to changes and evidence, for the actions that make faults of traffic
(`actions/services.py`, `actions/storage.py`). The proxy itself, which bytes pass through, is the room `interpose`; what
carries changes out, and undoes them, is the engine. `standing` has the objects, `targets` says which Services can be
interposed, `switching` has the fault and its evidence, `prepared` shows planned proxies as if they stood.
"""

from gameday.interposition.delays import Delay, drawn
from gameday.interposition.prepared import as_prepared
from gameday.interposition.standing import Outside, Proxies, is_in_place, stands, stands_for
from gameday.interposition.switching import Fault, are_hit, switched_on
from gameday.interposition.targets import PROTOCOLS, harmed_service_of, service_of

__all__ = [
    "PROTOCOLS",
    "Delay",
    "Fault",
    "Outside",
    "Proxies",
    "are_hit",
    "as_prepared",
    "drawn",
    "harmed_service_of",
    "is_in_place",
    "service_of",
    "stands",
    "stands_for",
    "switched_on",
]
