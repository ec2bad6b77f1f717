"""The control that our experiments name, so that a plain `chaos run` has a guardian, traffic and a verdict as well.

Chaos Toolkit's controls fail open, so nothing that must hold hangs on this: without it the first change still starts a
guardian. Under `gameday run` it does nothing. The names of its functions are Chaos Toolkit's.
"""

from __future__ import annotations

from typing import Any

from gameday.change import port
from gameday.run import standalone


def configure_control(experiment: dict[str, Any], event_registry: Any = None, **_: Any) -> None:
    """Tell the engine, before the first probe, which experiment is on, and have it told what Chaos Toolkit does."""
    if not port.is_installed():
        standalone.prepare(experiment)
        if event_registry is not None:
            from gameday.run.toolkit import Teller  # noqa: PLC0415  # Chaos Toolkit is loaded, since it is what calls

            event_registry.register(Teller(standalone.log, standalone.begun))


def after_experiment_control(context: dict[str, Any], state: dict[str, Any], **_: Any) -> None:
    """Have everything undone and judged before Chaos Toolkit ends."""
    del context, state
    standalone.finish()
