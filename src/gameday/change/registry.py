"""Finding a registered action or probe by its dotted name, as runbooks and the command line write it."""

from __future__ import annotations

import importlib

from gameday.change.port import ActionSpec, ProbeSpec
from gameday.errors import BadParameterError


def registered(target: str) -> ActionSpec | ProbeSpec:
    """Return what is registered under a name such as gameday.actions.pods.kill; BadParameterError if nothing is."""
    module, _, function = target.rpartition(".")
    try:
        spec = getattr(importlib.import_module(module), function).spec
    except (ImportError, AttributeError, ValueError) as error:
        raise BadParameterError(
            f"no action or probe is called {target!r}. See: gameday list actions, gameday list probes"
        ) from error
    if not isinstance(spec, ActionSpec | ProbeSpec):
        raise BadParameterError(f"{target!r} is neither an action nor a probe")
    return spec


def action_named(target: str) -> ActionSpec:
    """Return the action of that name; BadParameterError if there is none, or if it is a probe."""
    spec = registered(target)
    if isinstance(spec, ProbeSpec):
        raise BadParameterError(f"{target!r} is a probe, not an action")
    return spec
