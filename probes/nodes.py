"""Probes of nodes and zones: how many of them can take pods, and in how many something runs."""

from __future__ import annotations

from gameday.change import Measurement, Observations, probe
from gameday.cluster.nodes import ZONE_LABEL, nodes_of, takes_pods, zone_of
from gameday.cluster.reading import is_ready, pods_of
from gameday.errors import NoMeasurementError


@probe
def ready(observations: Observations, *, selector: str = "", zone: str = "") -> Measurement:
    """Measure how many nodes are Ready and take pods, in percent.

    selector: of the nodes, as kubectl's -l takes it (empty: all). zone: only those of one zone, by its name. A node that is
    cordoned, or that a taint keeps pods away from, does not count. NoMeasurementError if no node matches.
    """
    nodes = [node for node in nodes_of(observations.view, selector) if not zone or zone_of(node) == zone]
    if not nodes:
        raise NoMeasurementError(f"cannot say how many nodes are ready: none matches selector {selector!r}, zone {zone!r}")
    able = sum(1 for node in nodes if takes_pods(node))
    seen = f"{able} of {len(nodes)} nodes are Ready and take pods"
    return Measurement(100.0 * able / len(nodes), "%", seen, samples=len(nodes))


@probe
def zones(observations: Observations, *, namespace: str, selector: str) -> Measurement:
    """Measure in how many zones there are Ready pods of a selector.

    namespace, selector: which pods, as kubectl's -n and -l take them. Zero if none is Ready. NoMeasurementError if no node says
    which zone it is in.
    """
    where = {node["metadata"]["name"]: zone_of(node) for node in nodes_of(observations.view)}
    if not any(where.values()):
        raise NoMeasurementError(f"cannot say in how many zones: no node has the label {ZONE_LABEL}")
    pods = [pod for pod in pods_of(observations.view, namespace, selector) if is_ready(pod)]
    found = {where.get(pod["spec"].get("nodeName", ""), "") for pod in pods} - {""}
    seen = f"{len(pods)} Ready pods of {selector!r} in {', '.join(sorted(found)) or 'no zone'}"
    return Measurement(float(len(found)), "zones", seen, samples=len(pods))
