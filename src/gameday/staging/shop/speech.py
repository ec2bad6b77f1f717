"""What the shop tells the people who operate it: log lines, one JSON object each, on standard output.

Neither card data nor keys ever come here: callers pass only the details that they name.
"""

from __future__ import annotations

import json
import sys
import time

_speaker = ["shop"]


def introduce(service: str) -> None:
    """Name the service that every further line comes from."""
    _speaker[0] = service


def say(level: str, event: str, **details: object) -> None:
    """Write one log line; a reader that is gone is no reason to stop selling."""
    line = {"time": round(time.time(), 3), "level": level, "service": _speaker[0], "event": event, **details}
    try:
        sys.stdout.write(json.dumps(line, separators=(",", ":"), default=str) + "\n")
        sys.stdout.flush()
    except OSError:
        return
