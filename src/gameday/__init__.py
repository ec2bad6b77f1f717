"""gameday: harm a staging cluster on purpose, watch checkout, leave nothing behind, learn which runbook is true.

This module stays empty but for the version: every command, pod and worker imports it first.
"""

__version__ = "0.1.0"
