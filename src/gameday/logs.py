"""The tool's own logs: structlog to standard error, short lines for people, never a secret.

Not the log of a run, which is `log`: these lines say what the tool itself does, for whoever looks into guardian.log or runs
with --verbose. No report and no verdict rests on them.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET = re.compile(r"passw|secret|token|credential|private.?key|authorization", re.IGNORECASE)


def configure_logs(*, verbose: bool) -> None:
    """Send structlog's lines to standard error, warnings and worse unless more is asked for."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            without_secrets,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR")),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def configure_service_logs() -> None:
    """Send structlog's lines to standard error as one JSON object each, as what collects a pod's log wants them."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            without_secrets,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def without_secrets(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of whatever is sensitive by name."""
    del logger, method
    return {key: "(not shown)" if _SECRET.search(key) else value for key, value in event.items()}
