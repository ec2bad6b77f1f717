"""Traffic: what customers do, done on schedule, measured, and checked against what the shop says it sold.

A journey (`journey`, read by `journey_file`) is a YAML file. The generator (`python -m gameday.traffic.generator`) is a
process of its own: it starts journeys when they are due, whatever the answers, and writes one line for every 100 ms. What
such lines mean is folded in `windows`; whether every acknowledged order is there, in `ledger`. This room knows HTTP and no
cluster, and judges nothing: tolerances come from whoever asks.
"""
