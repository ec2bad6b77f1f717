"""Which nodes may take new content by now: ring by ring, and no further than the last ring that bears it.

Pure functions over what the agents have said of themselves. Nothing is remembered from one decision to the next, so a controller
that was started anew goes on where the last one was, and a rollout that is halted stays so until there is other content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RING_LABEL = "shop.example/ring"
"""Of a node: its place in the row of rings. Nodes without it come last; if no node has it, the rings are chosen."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an agent has said of itself: which content it has, or tries to have, and whether its sensor runs."""

    digest: str
    healthy: bool
    since: float
    """When it began to say so, by the controller's clock."""
    heard: float
    """When it was heard of last."""
    refused: str = ""
    """Content that it was given and does not take."""
    was_healthy: bool = False
    """Whether its sensor ran on what it had before this content; not known of the first content that it was heard with."""


@dataclass(frozen=True, slots=True)
class Stake:
    """What would be lost with a node: volumes first, since they cannot move, then the number of pods."""

    volumes: int = 0
    pods: int = 0


def rings_of(nodes: Mapping[str, Mapping[str, str]], stakes: Mapping[str, Stake], ahead: frozenset[str]) -> list[list[str]]:
    """Return the nodes, given with their labels, in rings: by their label, or else one node first, then all others.

    The one that is chosen is where least is at stake. Nodes in `ahead` have the new content already, so they stay first.
    """
    by_label: dict[str, list[str]] = {}
    for name in sorted(nodes):
        by_label.setdefault(nodes[name].get(RING_LABEL, ""), []).append(name)
    if by_label.keys() - {""}:
        return [by_label[label] for label in sorted(by_label, key=lambda label: (not label, label))]

    def least(name: str) -> tuple[bool, int, int, str]:
        stake = stakes.get(name, Stake())
        return name not in ahead, stake.volumes, stake.pods, name

    ordered = sorted(nodes, key=least)
    return [ring for ring in (ordered[:1], sorted(ordered[1:])) if ring]


def released(
    rings: Sequence[Sequence[str]], reports: Mapping[str, Report], digest: str, *, before: float
) -> tuple[frozenset[str], bool]:
    """Return which nodes may have this content, and whether all of them have it and bear it.

    A ring follows when every node of the ring before it has the content and has been healthy with it since `before` or longer.
    """
    free: set[str] = set()
    for ring in rings:
        free.update(ring)
        if not all(_bears(reports.get(node), digest, before) for node in ring):
            return frozenset(free), False
    return frozenset(free), bool(free)


def _bears(report: Report | None, digest: str, before: float) -> bool:
    return report is not None and report.digest == digest and report.healthy and report.since <= before
