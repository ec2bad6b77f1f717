"""What a run owes, and settling it: the record in the cluster, its Lease, undoing from any machine, and the reaper.

`record` is the format, `storing` where it is kept, `owing` writes down what a change will need undone before anybody makes it,
`settling` carries that out, `orphans` for a run of which nothing is left, `reaping` and `reaper` from within the cluster. Nothing
here injects, and nothing here knows of workers, rounds or Chaos Toolkit: those are `run`'s, which stands above.
"""
