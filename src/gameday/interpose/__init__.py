"""Interposition: a proxy that stands between a Service and its pods, passes everything through, and harms what it is told to.

A program of its own (`python -m gameday.interpose`), which runs as a pod. What shall happen is one small document (`settings`,
`faults`), which comes from a source (`sources`) and is in force until its deadline at most (`switch`). Which requests it is
about is in `matching`; how HTTP/1.1 and plain connections are treated, in `exchanges` and `streams`; what was hit, in `counting`.
This room knows no cluster and judges nothing. It imports little, since a pod of it stands in customers' way while it starts.
"""
