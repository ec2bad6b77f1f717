"""Experiment files: Chaos Toolkit's format with our block, into frozen dataclasses and every problem at once.

Nothing here runs an experiment, knows a cluster or imports Chaos Toolkit. See docs/files.md for the format.
"""

from gameday.experiment.model import Activity, Experiment, Objectives, TrafficSpec
from gameday.experiment.reading import configuration, load_experiment, read_experiment

__all__ = ["Activity", "Experiment", "Objectives", "TrafficSpec", "configuration", "load_experiment", "read_experiment"]
