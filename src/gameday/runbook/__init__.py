"""Runbooks: Markdown that people read as it is, into frozen dataclasses of phases, steps and checks.

Nothing here executes a step. See docs/files.md for the format.
"""

from gameday.runbook.model import Caution, Check, Forbidden, Proof, Runbook, Step, StepAction, StepShell
from gameday.runbook.reading import load_runbook

__all__ = ["Caution", "Check", "Forbidden", "Proof", "Runbook", "Step", "StepAction", "StepShell", "load_runbook"]
