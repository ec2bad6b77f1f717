"""What an action may ask for, and how it asks: the kinds of change, paths to fields, and the port to the engine.

Values and protocols only. Whoever writes an action needs this room and nothing else of the engine; see
`docs/writing-an-action.md`. Applying and undoing happen in `run`.
"""

from gameday.change.fields import MISSING, anchored, get_field, patch_operations, shown
from gameday.change.kinds import (
    LOAD,
    RATE,
    Change,
    ChangeLoad,
    CreateObject,
    DeletePod,
    EvictPod,
    PatchObject,
    PodSighting,
    describe,
)
from gameday.change.parameters import above, between, bounded
from gameday.change.port import (
    ActionSpec,
    Engine,
    Evidence,
    Measurement,
    Observations,
    ProbeSpec,
    Right,
    action,
    bind,
    install,
    probe,
)

__all__ = [
    "LOAD",
    "MISSING",
    "RATE",
    "ActionSpec",
    "Change",
    "ChangeLoad",
    "CreateObject",
    "DeletePod",
    "Engine",
    "EvictPod",
    "Evidence",
    "Measurement",
    "Observations",
    "PatchObject",
    "PodSighting",
    "ProbeSpec",
    "Right",
    "above",
    "action",
    "anchored",
    "between",
    "bind",
    "bounded",
    "describe",
    "get_field",
    "install",
    "patch_operations",
    "probe",
    "shown",
]
