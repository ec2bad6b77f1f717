"""Plain TCP: bytes of which nothing is known, so a fault is about a whole connection and both its directions.

Open connections count, too: each is asked about once for all settings that come into force, with the next byte on it.
"""

from __future__ import annotations

from math import inf

from gameday.interpose.faults import Bandwidth, Cut, Hang, Latency, Refuse, Reset
from gameday.interpose.pair import Pair
from gameday.interpose.rules import InForce, ReadyRule
from gameday.interpose.switch import Switch


class Stream:
    """One connection, and what is done to it."""

    __slots__ = ("_known", "_left_until_cut", "_pair", "_rule", "_switch", "_to_client", "_to_upstream")

    def __init__(self, pair: Pair, switch: Switch) -> None:
        self._pair, self._switch = pair, switch
        self._to_client, self._to_upstream = pair.client.out, pair.upstream.out
        self._known: InForce | None = None
        """The settings for which this connection was asked about."""
        self._rule: ReadyRule | None = None
        self._left_until_cut = 0

    def from_client(self, data: bytes) -> None:
        """Pass on bytes, or do to them what the rule says."""
        if self._switch.in_force is not self._known:
            self._ask()
        if self._pair.is_over:
            return
        if self._rule is not None and isinstance(self._rule.fault, Latency):
            self._to_upstream.delay(self._rule.fault.delay.draw())
        self._to_upstream.write(data)

    def from_upstream(self, data: bytes) -> None:
        """Pass on bytes, or do to them what the rule says."""
        if self._switch.in_force is not self._known:
            self._ask()
        if self._pair.is_over:
            return
        rule = self._rule
        if rule is not None and isinstance(rule.fault, Reset):
            rule.tally.hit += 1
            self._pair.reset()
        elif rule is not None and isinstance(rule.fault, Cut) and len(data) >= self._left_until_cut:
            rule.tally.hit += 1
            self._to_client.write(data[: self._left_until_cut])
            self._pair.hang_up()
        else:
            self._left_until_cut -= len(data)
            self._to_client.write(data)

    def _ask(self) -> None:
        self._known, self._rule = self._switch.in_force, None
        rule = self._known.choose(None, self._pair.token) if self._known is not None else None
        if rule is not None:
            self._rule = rule
            self._switch.held.add(self)
            self._begin(rule)

    def _begin(self, rule: ReadyRule) -> None:
        fault = rule.fault
        if isinstance(fault, Cut):
            self._left_until_cut = fault.after_bytes
            return
        if isinstance(fault, Reset) and fault.at == "response":
            return
        rule.tally.hit += 1
        if isinstance(fault, Bandwidth):
            self._to_upstream.limit(fault.bytes_per_second)
            self._to_client.limit(fault.bytes_per_second)
        elif isinstance(fault, Hang):
            self._to_upstream.delay(inf)
            self._to_client.delay(inf)
        elif isinstance(fault, Reset | Refuse):
            self._pair.reset()

    def client_ended(self) -> None:
        """Nothing is known of what the end means, so it waits behind what waits."""

    def upstream_ended(self) -> None:
        """Nothing is known of what the end means, so it waits behind what waits."""

    def release(self) -> None:
        """Let go what is held back."""
        self._rule = None
        self._to_upstream.release()
        self._to_client.release()

    def drain(self) -> None:
        """Nobody can tell a stream that it should end."""

    def closed(self) -> None:
        """Forget it; whoever was never cut has got away."""
        if self._rule is not None and isinstance(self._rule.fault, Cut) and not self._pair.is_over:
            self._rule.tally.spared += 1
        self._switch.held.discard(self)

    @property
    def is_idle(self) -> bool:
        """Nobody can tell whether a stream is."""
        return False

    @property
    def may_reconnect(self) -> bool:
        """Nobody can tell what another connection would be."""
        return False
