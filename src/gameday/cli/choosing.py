"""Which cluster a command is about, when it was not told: $KUBECONFIG, then the embedded one if it is up, then ~/.kube/config."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gameday.staging import status

EMBEDDED_CONTEXT = "gameday-embedded"


@dataclass(frozen=True, slots=True)
class Choice:
    """A kubeconfig and a context; both empty for what the client library takes by itself."""

    kubeconfig: str
    context: str


def choose(kubeconfig: str, context: str) -> Choice:
    """Fill in what was not said. Nothing is connected to."""
    if kubeconfig or os.environ.get("KUBECONFIG"):
        return Choice(kubeconfig or os.environ["KUBECONFIG"], context)
    if context in {"", EMBEDDED_CONTEXT}:
        running = status()
        if running is not None:
            return Choice(str(running.kubeconfig), context)
    return Choice("", context)
