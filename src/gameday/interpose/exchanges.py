"""HTTP/1.x on one connection: which bytes are which request's, which rule takes it, and what a fault does to it.

Heads are looked at and passed on as they came; bodies pass as they come. Bytes that cannot be understood are passed on as bytes,
and so is everything after a change of protocol. What comes back is in `answers`.
"""

from __future__ import annotations

from math import inf

from gameday.interpose.answering import Exchange, answer_of, plain
from gameday.interpose.answers import Answers
from gameday.interpose.bodies import Body, body_of
from gameday.interpose.counting import Counts
from gameday.interpose.faults import Bandwidth, Cut, Hang, Latency, Refuse, Reset, Status
from gameday.interpose.heads import END, LONGEST_HEAD, NotUnderstoodError, Request, may_begin_request
from gameday.interpose.outflow import MOST_WAITING, PROTOCOL_IS_OPEN
from gameday.interpose.pair import Pair
from gameday.interpose.rules import ReadyRule
from gameday.interpose.switch import Switch


class Exchanges:
    """The requests of one connection, and how far the one that is being received has got."""

    __slots__ = (
        "_answers",
        "_are_bytes",
        "_awaits_protocol",
        "_behind",
        "_body",
        "_counts",
        "_discards",
        "_is_limited",
        "_pair",
        "_partial",
        "_switch",
        "_to_upstream",
        "from_upstream",
    )

    def __init__(self, pair: Pair, switch: Switch, counts: Counts) -> None:
        self._pair, self._switch, self._counts = pair, switch, counts
        self._to_upstream = pair.upstream.out
        self._answers = Answers(pair, counts)
        self._answers.protocol_known = self._protocol_known
        self.from_upstream = self._answers.take
        self._partial = b""
        """Of a head, which is passed on when it is whole."""
        self._body: Body | None = None
        self._discards: Exchange | None = None
        """Whose request is being received and not passed on."""
        self._is_limited = False
        self._behind = 0
        """How many of those under way have come since the first that is held back, with it."""
        self._are_bytes = False
        """Whether everything that comes is passed on as it is."""
        self._awaits_protocol = False
        """Until an answer has come, nobody knows what the client's next bytes are."""

    def from_client(self, data: bytes) -> None:
        """Pass on requests, or do to them what a rule says."""
        if self._pair.is_over:
            return
        if self._are_bytes:
            self._to_upstream.write(data)
            return
        if self._partial:
            data, self._partial = self._partial + data, b""
        position, size = 0, len(data)
        try:
            while position < size and not self._pair.is_over:
                if self._body is not None:
                    position = self._part_of_body(self._body, data, position)
                elif self._awaits_protocol:
                    self._keep(data[position:])
                    return
                else:
                    position = self._head(data, position)
        except NotUnderstoodError:
            self._not_understood(data[position:])

    def client_ended(self) -> None:
        """Pass on a head that stays half; a client that leaves a hanging request has given it up, so it is not passed on."""
        if self._to_upstream.hangs:
            self._pair.abort()
        elif self._partial:
            self._to_upstream.write(self._partial)
            self._partial = b""

    def upstream_ended(self) -> None:
        """Count an answer that ends with the connection as ended."""
        self._answers.upstream_ended()

    def release(self) -> None:
        """Let go what is held back; of a client that has left meanwhile, a hanging request is not passed on."""
        if self._to_upstream.hangs and self._pair.client.has_left:
            self._pair.abort()
            return
        self._answers.release()
        self._is_limited = False
        self._to_upstream.release()

    def drain(self) -> None:
        """Tell the client with the next answer that the connection ends."""
        self._answers.is_draining = True

    def closed(self) -> None:
        """Forget what was under way."""
        self._answers.forget()
        self._switch.held.discard(self)

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way, not even in part."""
        return not (self._answers.under_way or self._partial or self._body or self._are_bytes or self._answers.are_bytes)

    @property
    def may_reconnect(self) -> bool:
        """Whether the upstream has been sent nothing that is under way, since all of it is held back."""
        return self._to_upstream.is_held and len(self._answers.under_way) <= self._behind

    def _head(self, data: bytes, position: int) -> int:
        end = data.find(END, position) + len(END)
        if end < len(END):
            if len(data) - position > LONGEST_HEAD or not may_begin_request(data, position):
                raise NotUnderstoodError
            self._partial = data[position:]
            return len(data)
        raw = data[position:end] if end - position < len(data) else data
        request = Request(raw)
        self._body = body_of(request, without=None)
        self._counts.requests += 1
        self._counts.open_requests += 1
        in_force = self._switch.in_force
        rule = in_force.choose(request, self._pair.token) if in_force is not None else None
        if rule is None:
            self._pass_on(plain(request), raw)
        else:
            self._switch.held.add(self)
            self._harm(request, rule, raw)
            if self._body is None:
                self._request_ended()
        return end

    def _part_of_body(self, body: Body, data: bytes, position: int) -> int:
        end = body.feed(data, position)
        if self._discards is None:
            self._to_upstream.write(data[position:end] if end - position < len(data) else data)
        if body.is_done:
            self._body = None
            self._request_ended()
        return end

    def _pass_on(self, exchange: Exchange, raw: bytes) -> None:
        self._behind += 1
        self._answers.expect(exchange)
        self._awaits_protocol = exchange.may_change_protocol
        self._to_upstream.write(raw)

    def _harm(self, request: Request, rule: ReadyRule, raw: bytes) -> None:
        exchange, fault = plain(request), rule.fault
        if isinstance(fault, Latency | Hang):
            rule.tally.hit += 1
            if not self._to_upstream.is_held:
                self._behind = 0
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
            self._answer_ourselves(request, rule, fault)

    def _answer_ourselves(self, request: Request, rule: ReadyRule, fault: Status | Reset | Refuse) -> None:
        """Discard the request; it is answered when it is whole, unless the client waits with the rest for an answer."""
        answer, closes = answer_of(fault, request) if isinstance(fault, Status) else (b"", True)
        self._discards = plain(request).meeting(rule, answer=answer, closes=closes)
        self._discards.is_ready = not isinstance(fault, Status) or request.expects_word
        self._behind += 1
        self._answers.expect(self._discards)
        self._answers.give_ours()

    def _request_ended(self) -> None:
        if self._is_limited:
            self._is_limited = False
            self._to_upstream.limit(0)
        if self._discards is not None:
            self._discards.is_ready, self._discards = True, None
            self._answers.give_ours()

    def _keep(self, data: bytes) -> None:
        self._partial = data
        if len(data) > MOST_WAITING:
            self._pair.client.hold_reading(PROTOCOL_IS_OPEN)

    def _protocol_known(self) -> None:
        """Take up what the client has sent while nobody knew what it was."""
        self._awaits_protocol = False
        self._are_bytes = self._answers.are_bytes
        self._pair.client.let_read(PROTOCOL_IS_OPEN)
        kept, self._partial = self._partial, b""
        if kept:
            self.from_client(kept)

    def _not_understood(self, rest: bytes) -> None:
        """Go on with bytes, unless they belong to a request that is not passed on."""
        if self._discards is not None:
            self._discards.is_ready = self._discards.closes = True
            self._answers.give_ours()
            return
        self._counts.not_understood += 1
        self._are_bytes = True
        self._to_upstream.write(rest)
