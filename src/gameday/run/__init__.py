"""Carrying a run out so that nothing is left behind: guardian, worker, load, and who takes over when one dies.

The guardian owns log, record and Lease, and undoes; the worker injects; both are processes of their own. `launching` is how a
face starts a run, `recovering` how what a dead run owes is undone from any machine. What to change is `plan`'s business,
whether it may be is `guard`'s, and what it showed is `verdict`'s.
"""
