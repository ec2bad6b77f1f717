"""HTTP/1.x on one connection: which bytes are which request's and which answer's, and what a fault does to them.

Heads are looked at and passed on as they came; bodies pass as they come. Answers are matched to requests by their order, so
pipelined ones stay in it, also around an answer of our own. Bytes that cannot be understood are passed on as bytes, and so is
everything after a change of protocol.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Final

from gameday.interpose.answering import Exchange, answer_of, plain
from gameday.interpose.bodies import NOTHING, Body, Endless, body_of
from gameday.interpose.counting import Counts
from gameday.interpose.faults import Bandwidth, Cut, Hang, Latency, Refuse, Reset, Status
from gameday.interpose.heads import END, Head, NotUnderstoodError, Request, may_begin_request, status_of, with_close
from gameday.interpose.outflow import MOST_WAITING, PROTOCOL_IS_OPEN
from gameday.interpose.pair import Pair
from gameday.interpose.rules import ReadyRule
from gameday.interpose.switch import Switch

LONGEST_HEAD: Final = 65536
_BEGINNING_OF_ANSWER: Final = b"HTTP/1."
_FINAL, _SWITCHED, _REFUSAL = 200, 101, 300


class Exchanges:
    """The requests of one connection that are under way, and how far each direction has got."""

    __slots__ = (
        "_answer",
        "_answers_are_bytes",
        "_awaits_protocol",
        "_body",
        "_closes",
        "_counts",
        "_discards",
        "_is_draining",
        "_is_limited",
        "_pair",
        "_partial",
        "_requests_are_bytes",
        "_seen",
        "_switch",
        "_to_client",
        "_to_upstream",
        "_under_way",
    )

    def __init__(self, pair: Pair, switch: Switch, counts: Counts) -> None:
        self._pair, self._switch, self._counts = pair, switch, counts
        self._to_client, self._to_upstream = pair.client.out, pair.upstream.out
        self._under_way: deque[Exchange] = deque()
        self._partial = b""
        """Of a request's head, which is passed on when it is whole."""
        self._body: Body | None = None
        """Of the request that is being received."""
        self._discards: Exchange | None = None
        """Whose request is being received and not passed on."""
        self._is_limited = False
        self._requests_are_bytes = False
        self._awaits_protocol = False
        """Until an answer has come, nobody knows what the client's next bytes are."""
        self._seen = b""
        """Of an answer's head, which has been passed on already."""
        self._answer: Body | None = None
        self._answers_are_bytes = False
        self._is_draining = False
        self._closes = False
        """The client was told that the connection ends."""

    # -- requests
    def from_client(self, data: bytes) -> None:
        """Pass on requests, or do to them what a rule says."""
        if self._pair.is_over:
            return
        if self._requests_are_bytes:
            self._to_upstream.write(data)
            return
        if self._partial:
            data, self._partial = self._partial + data, b""
        position, size = 0, len(data)
        try:
            while position < size:
                if self._body is not None:
                    position = self._request_body(self._body, data, position)
                elif self._awaits_protocol:
                    self._keep(data[position:])
                    return
                else:
                    position = self._request_head(data, position)
        except NotUnderstoodError:
            self._not_understood(data[position:])

    def _request_head(self, data: bytes, position: int) -> int:
        end = data.find(END, position) + len(END)
        if end < len(END):
            if len(data) - position > LONGEST_HEAD or not may_begin_request(data, position):
                raise NotUnderstoodError
            self._partial = data[position:]
            return len(data)
        raw = data[position:end] if end - position < len(data) else data
        request = Request(raw)
        body = body_of(request, without=None)
        self._counts.requests += 1
        self._counts.open_requests += 1
        in_force = self._switch.in_force
        rule = in_force.choose(request, self._pair.token) if in_force is not None else None
        self._body = body
        if rule is None:
            self._pass_on(plain(request), raw)
        else:
            self._switch.held.add(self)
            self._harm(request, rule, raw)
            if body is None:
                self._request_ended()
        return end

    def _request_body(self, body: Body, data: bytes, position: int) -> int:
        end = body.feed(data, position)
        if self._discards is None:
            self._to_upstream.write(data[position:end] if end - position < len(data) else data)
        if body.is_done:
            self._body = None
            self._request_ended()
        return end

    def _pass_on(self, exchange: Exchange, raw: bytes) -> None:
        self._under_way.append(exchange)
        self._awaits_protocol = exchange.may_change_protocol
        self._to_upstream.write(raw)

    def _harm(self, request: Request, rule: ReadyRule, raw: bytes) -> None:
        exchange, fault = plain(request), rule.fault
        if isinstance(fault, Latency | Hang):
            rule.tally.hit += 1
            self._to_upstream.delay(inf if isinstance(fault, Hang) else fault.delay.draw())
            self._pass_on(exchange, raw)
        elif isinstance(fault, Bandwidth):
            rule.tally.hit += 1
            self._is_limited = True
            self._to_upstream.limit(fault.bytes_per_second)
            self._pass_on(exchange.meeting(rule), raw)
        elif isinstance(fault, Cut) or (isinstance(fault, Reset) and fault.at == "response"):
            self._pass_on(exchange.meeting(rule), raw)
        else:
            answer, closes = answer_of(fault, request) if isinstance(fault, Status) else (b"", True)
            self._discards = exchange.meeting(rule, answer=answer, closes=closes)
            self._discards.is_ready = isinstance(fault, Reset | Refuse) or request.expects_word
            self._under_way.append(self._discards)
            self._answer_ourselves()

    def _request_ended(self) -> None:
        if self._is_limited:
            self._is_limited = False
            self._to_upstream.limit(0)
        if self._discards is not None:
            self._discards.is_ready, self._discards = True, None
            self._answer_ourselves()

    def _keep(self, data: bytes) -> None:
        self._partial = data
        if len(data) > MOST_WAITING:
            self._pair.client.hold_reading(PROTOCOL_IS_OPEN)

    def _not_understood(self, rest: bytes) -> None:
        """Go on with bytes, unless they belong to a request that is not passed on."""
        if self._discards is not None:
            self._discards.is_ready = self._discards.closes = True
            self._answer_ourselves()
            return
        self._counts.not_understood += 1
        self._requests_are_bytes = True
        self._to_upstream.write(rest)

    # -- answers
    def from_upstream(self, data: bytes) -> None:
        """Pass on answers, or do to them what a rule says."""
        position, size = 0, len(data)
        while position < size and not self._pair.is_over:
            if self._answers_are_bytes or not self._under_way:
                self._to_client.write(data[position:] if position else data)
                return
            position = self._part_of_answer(self._under_way[0], data, position)

    def _part_of_answer(self, exchange: Exchange, data: bytes, position: int) -> int:
        """Pass on what of the data is the answer of this exchange; return where that ends."""
        if exchange.rule is not None and not exchange.has_begun:
            self._begin_answer(exchange, exchange.rule)
            if self._pair.is_over:
                return len(data)
        begin = position
        try:
            if self._answer is None:
                position, unchanged = self._answer_head(exchange, data, position)
                begin = begin if unchanged else position
            if self._answer is not None:
                position = self._answer.feed(data, position)
        except NotUnderstoodError:
            self._answers_are_bytes = True
            position = len(data)
        if position > begin:
            self._to_client.write(data[begin:position] if position - begin < len(data) else data)
        if self._answer is not None:
            if self._answer.is_cut:
                self._cut(exchange)
            elif self._answer.is_done:
                self._answer_ended()
        return position

    def _begin_answer(self, exchange: Exchange, rule: ReadyRule) -> None:
        exchange.has_begun = True
        if isinstance(rule.fault, Bandwidth):
            self._to_client.limit(rule.fault.bytes_per_second)
        elif isinstance(rule.fault, Reset):
            rule.tally.hit += 1
            self._pair.reset()

    def _answer_head(self, exchange: Exchange, data: bytes, position: int) -> tuple[int, bool]:
        """Read a head, of which a part may have passed; return where it ends, and whether it is still to be passed on."""
        text = self._seen + data[position:] if self._seen or position else data
        end = text.find(END) + len(END)
        if end < len(END):
            if len(text) > LONGEST_HEAD or not text.startswith(_BEGINNING_OF_ANSWER[: len(text)]):
                raise NotUnderstoodError
            self._seen = text
            return len(data), True
        position += end - len(self._seen)
        is_whole, self._seen = not self._seen, b""
        head = Head(text[:end])
        status = status_of(head)
        if status == _SWITCHED or (exchange.is_connect and _FINAL <= status < _REFUSAL):
            self._begin_tunnel()
            return len(data), True
        if status < _FINAL:
            return position, True
        self._answer = _body_of_answer(head, status, exchange)
        if exchange.rule is not None and isinstance(exchange.rule.fault, Cut):
            self._answer.cut_after(exchange.rule.fault.after_bytes)
        if self._is_draining and is_whole:
            self._closes = True
            self._to_client.write(with_close(head))
            return position, False
        return position, True

    def _answer_ended(self) -> None:
        exchange = self._under_way.popleft()
        self._answer = None
        self._counts.open_requests -= 1
        if exchange.rule is not None:
            if isinstance(exchange.rule.fault, Bandwidth):
                self._to_client.limit(0)
            elif isinstance(exchange.rule.fault, Cut):
                exchange.rule.tally.spared += 1
        if self._closes and not self._under_way:
            self._pair.hang_up()
            return
        if self._awaits_protocol and exchange.may_change_protocol:
            self._go_on_with_http()
        if self._under_way:
            self._answer_ourselves()

    def _answer_ourselves(self) -> None:
        """Give the answers that are not the upstream's, as far as it is their turn."""
        while self._under_way and self._under_way[0].is_ours and self._under_way[0].is_ready and not self._pair.is_over:
            exchange = self._under_way.popleft()
            self._counts.open_requests -= 1
            if exchange.rule is not None:
                exchange.rule.tally.hit += 1
            if not exchange.answer:
                self._pair.reset()
                return
            self._to_client.write(exchange.answer)
            if exchange.closes:
                self._pair.hang_up()

    def _cut(self, exchange: Exchange) -> None:
        if exchange.rule is not None:
            exchange.rule.tally.hit += 1
        if isinstance(self._answer, Endless):
            self._pair.reset()
        else:
            self._pair.hang_up()

    def _begin_tunnel(self) -> None:
        self._under_way.popleft()
        self._counts.open_requests -= 1
        self._counts.tunnels += 1
        self._requests_are_bytes = self._answers_are_bytes = True
        self._go_on_with_http()

    def _go_on_with_http(self) -> None:
        """Take up what the client has sent while nobody knew what it was."""
        self._awaits_protocol = False
        self._pair.client.let_read(PROTOCOL_IS_OPEN)
        kept, self._partial = self._partial, b""
        if kept:
            self.from_client(kept)

    # -- ends
    def client_ended(self) -> None:
        """Pass on a head that stays half; a client that leaves a hanging request has given it up, so it is not passed on."""
        if self._to_upstream.hangs:
            self._pair.abort()
        elif self._partial:
            self._to_upstream.write(self._partial)
            self._partial = b""

    def upstream_ended(self) -> None:
        """Count an answer that ends with the connection as ended."""
        if isinstance(self._answer, Endless):
            self._answer_ended()

    def release(self) -> None:
        """Let go what is held back; of a client that has left meanwhile, a hanging request is not passed on."""
        if self._to_upstream.hangs and self._pair.client.has_left:
            self._pair.abort()
            return
        for exchange in self._under_way:
            if not exchange.is_ours:
                exchange.rule = None
        if self._answer is not None:
            self._answer.cut_after(None)
        self._is_limited = False
        self._to_upstream.release()
        self._to_client.release()

    def drain(self) -> None:
        """Tell the client with the next answer that the connection ends."""
        self._is_draining = True

    def closed(self) -> None:
        """Forget what was under way."""
        self._counts.open_requests -= len(self._under_way)
        self._under_way.clear()
        self._switch.held.discard(self)

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way, not even in part."""
        return not (self._under_way or self._partial or self._body or self._requests_are_bytes or self._answers_are_bytes)


def _body_of_answer(head: Head, status: int, exchange: Exchange) -> Body:
    if exchange.is_head or status in {204, 304}:
        return NOTHING
    try:
        return body_of(head, without=None if b"\r\ncontent-length:" in head.low else Endless()) or NOTHING
    except NotUnderstoodError:
        return Endless()
