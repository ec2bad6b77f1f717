"""The rules, a file a topic. Importing this room registers them all."""

from gameday.runbook.linting.rules import (
    alerts,
    checks,
    cluster,
    experiments,
    links,
    phases,
    proof,
    reading,
    rights,
    shell,
    steps,
    words,
)

__all__ = [
    "alerts",
    "checks",
    "cluster",
    "experiments",
    "links",
    "phases",
    "proof",
    "reading",
    "rights",
    "shell",
    "steps",
    "words",
]
