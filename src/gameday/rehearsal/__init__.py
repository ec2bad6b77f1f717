"""People under test: a plan's rounds as incidents, with roles, clocks, messages and a runbook that is followed or not.

Everything that is said about a rehearsal is a fold over its log, as with runs: `state` (where everybody is), `clocks` (how long
what took). What people do becomes an event by `requests`, which refuses what contradicts the log. Nothing here is a page.
"""
