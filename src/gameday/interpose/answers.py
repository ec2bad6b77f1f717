"""What comes back from the upstream: which bytes are which request's answer, and the answers that are ours in their turn.

Bytes are passed on as they come, before or after their framing is known. Answers are matched to requests by their order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from gameday.interpose.answering import PLAIN, Exchange
from gameday.interpose.bodies import NOTHING, Body, Endless, body_of
from gameday.interpose.counting import Counts
from gameday.interpose.faults import Bandwidth, Cut, Reset
from gameday.interpose.heads import END, LONGEST_HEAD, Head, NotUnderstoodError, is_whole_answer, status_of, with_close
from gameday.interpose.pair import Pair
from gameday.interpose.rules import ReadyRule

_BEGINNING: Final = b"HTTP/1."
_FINAL, _SWITCHED, _REFUSAL = 200, 101, 300
_WITHOUT_BODY: Final = {204, 304}


class Answers:
    """The requests that are under way, and how far the answer to the first of them has got."""

    __slots__ = (
        "_body",
        "_closes",
        "_counts",
        "_seen",
        "_to_client",
        "are_bytes",
        "is_draining",
        "pair",
        "protocol_known",
        "under_way",
    )

    def __init__(self, pair: Pair, counts: Counts) -> None:
        self.pair, self._counts = pair, counts
        self._to_client = pair.client.out
        self.under_way: deque[Exchange] = deque()
        self.are_bytes = False
        """Whether everything that comes is passed on as it is."""
        self.is_draining = False
        self.protocol_known: Callable[[], None] = lambda: None
        """Called when an answer has said whether the connection goes on with HTTP."""
        self._seen = b""
        """Of a head, which has been passed on already."""
        self._body: Body | None = None
        self._closes = False
        """The client was told that the connection ends."""

    def take(self, data: bytes) -> None:
        """Pass on answers, or do to them what a rule says."""
        if self._is_between and self.under_way and self.under_way[0] is PLAIN and is_whole_answer(data):
            self._to_client.write(data)
            self._next()
            if self.under_way:
                self.give_ours()
            return
        position, size = 0, len(data)
        while position < size and not self.pair.is_over:
            if self.are_bytes or not self.under_way:
                self._to_client.write(data[position:] if position else data)
                return
            position = self._part(self.under_way[0], data, position)

    @property
    def _is_between(self) -> bool:
        """Whether what comes next begins an answer, and is passed on as it comes."""
        return not (self._body is not None or self._seen or self.are_bytes or self.is_draining or self.pair.is_over)

    def expect(self, exchange: Exchange) -> None:
        """Await the answer to a request."""
        self.under_way.append(exchange)

    def give_ours(self) -> None:
        """Give the answers that are not the upstream's, as far as it is their turn."""
        while self.under_way and self.under_way[0].is_ours and self.under_way[0].is_ready and not self.pair.is_over:
            exchange = self._next()
            if exchange.rule is not None:
                exchange.rule.tally.hit += 1
            if not exchange.answer:
                self.pair.reset()
                return
            self._to_client.write(exchange.answer)
            if exchange.closes:
                self.pair.hang_up()

    def upstream_ended(self) -> None:
        """Count an answer that ends with the connection as ended."""
        if isinstance(self._body, Endless):
            self._ended()

    def release(self) -> None:
        """Let every answer that is still the upstream's pass."""
        for exchange in self.under_way:
            if exchange.rule is not None and not exchange.is_ours:
                exchange.rule = None
        if self._body is not None:
            self._body.cut_after(None)
        self._to_client.release()

    def forget(self) -> None:
        """Count what is under way as no longer open."""
        self._counts.open_requests -= len(self.under_way)
        self.under_way.clear()

    def _part(self, exchange: Exchange, data: bytes, position: int) -> int:
        """Pass on what of the data is the answer of this exchange; return where that ends."""
        if exchange.rule is not None and not exchange.has_begun:
            self._begin(exchange, exchange.rule)
            if self.pair.is_over:
                return len(data)
        begin = position
        try:
            if self._body is None:
                begin, position = self._head(exchange, data, position)
            if self._body is not None:
                position = self._body.feed(data, position)
        except NotUnderstoodError:
            self.are_bytes = True
            position = len(data)
        if position > begin:
            self._to_client.write(data[begin:position] if position - begin < len(data) else data)
        if self._body is not None:
            if self._body.is_cut:
                self._cut(exchange)
            elif self._body.is_done:
                self._ended()
        return position

    def _begin(self, exchange: Exchange, rule: ReadyRule) -> None:
        exchange.has_begun = True
        if isinstance(rule.fault, Bandwidth):
            self._to_client.limit(rule.fault.bytes_per_second)
        elif isinstance(rule.fault, Reset):
            rule.tally.hit += 1
            self.pair.reset()

    def _head(self, exchange: Exchange, data: bytes, position: int) -> tuple[int, int]:
        """Read a head, of which a part may have passed; return where begins what is still to be passed on, and where it ends."""
        text = self._seen + data[position:] if self._seen or position else data
        end = text.find(END) + len(END)
        if end < len(END):
            if len(text) > LONGEST_HEAD or not text.startswith(_BEGINNING[: len(text)]):
                raise NotUnderstoodError
            self._seen = text
            return position, len(data)
        behind = position + end - len(self._seen)
        is_whole, self._seen = not self._seen, b""
        head = Head(text[:end])
        status = status_of(head)
        if status == _SWITCHED or (exchange.is_connect and _FINAL <= status < _REFUSAL):
            self._begin_tunnel()
            return position, len(data)
        if status >= _FINAL:
            self._body = _body_of_answer(head, status, exchange)
            if exchange.rule is not None and isinstance(exchange.rule.fault, Cut):
                self._body.cut_after(exchange.rule.fault.after_bytes)
            if self.is_draining and is_whole:
                self._closes = True
                self._to_client.write(with_close(head))
                return behind, behind
        return position, behind

    def _ended(self) -> None:
        exchange = self._next()
        self._body = None
        if exchange.rule is not None:
            if isinstance(exchange.rule.fault, Bandwidth):
                self._to_client.limit(0)
            elif isinstance(exchange.rule.fault, Cut):
                exchange.rule.tally.spared += 1
        if self._closes and not self.under_way:
            self.pair.hang_up()
            return
        if exchange.may_change_protocol:
            self.protocol_known()
        if self.under_way:
            self.give_ours()

    def _cut(self, exchange: Exchange) -> None:
        if exchange.rule is not None:
            exchange.rule.tally.hit += 1
        if isinstance(self._body, Endless):
            self.pair.reset()
        else:
            self.pair.hang_up()

    def _begin_tunnel(self) -> None:
        self._next()
        self._counts.tunnels += 1
        self.are_bytes = True
        self.protocol_known()

    def _next(self) -> Exchange:
        self._counts.open_requests -= 1
        return self.under_way.popleft()


def _body_of_answer(head: Head, status: int, exchange: Exchange) -> Body:
    if exchange.is_head or status in _WITHOUT_BODY:
        return NOTHING
    try:
        return body_of(head, without=None if b"\r\ncontent-length:" in head.low else Endless()) or NOTHING
    except NotUnderstoodError:
        return Endless()
