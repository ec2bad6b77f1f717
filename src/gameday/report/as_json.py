"""The report as JSON for other programs: the story's facts under their own names (`facts`), with the schema's number.

`schema` is 1. Fields are added within a schema, never renamed or taken away. At the top stand `schema`, `run`, `state`,
`ended`, `headline`, `rounds`, `outside`, `residue`, `aborts`, `recoveries`, `notes`, `processes`, `load`, `actions`, `series`
and `rehearsal`; a round that people lived has `people`, one that proved its runbook `proof` (`people_facts`).
Times are seconds since the run's start, rates 0 to 1, latencies milliseconds; null is what the log does not say.
The single events are not repeated here: they are in the log, which is JSON itself.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from gameday.report.facts import Story

SCHEMA = 1


def render(story: Story) -> str:
    """Return the report as JSON, indented, keys in the order of the facts."""
    facts = asdict(story)
    for name in ("rows", "samples", "load_error", "load_behind_seconds"):
        del facts[name]
    facts["load"] = {"windows": story.samples, "error": story.load_error, "behind_seconds": story.load_behind_seconds}
    return json.dumps({"schema": SCHEMA, **facts}, indent=2, ensure_ascii=False) + "\n"
