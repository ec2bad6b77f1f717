"""One request and its answer while they are under way, and the answers that the proxy gives by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from msgspec import UNSET

from gameday.interpose.faults import Status
from gameday.interpose.heads import Request
from gameday.interpose.rules import ReadyRule

_WITHOUT_LENGTH: Final = {204, 304}


@dataclass(slots=True)
class Exchange:
    """A request that is under way. Those that meet no fault are alike and share one."""

    is_head: bool = False
    is_connect: bool = False
    may_change_protocol: bool = False
    rule: ReadyRule | None = None
    has_begun: bool = False
    """Whether some of its answer has come."""
    is_ours: bool = False
    """Whether the upstream never hears of it."""
    is_ready: bool = False
    """Whether it can be answered when its turn comes; for those that are ours."""
    answer: bytes = b""
    """Ours; none: the connection is reset."""
    closes: bool = False

    def meeting(self, rule: ReadyRule, *, answer: bytes | None = None, closes: bool = False) -> Exchange:
        """Return one of its own that meets a fault, and is ours if there is an answer."""
        return replace(self, rule=rule, is_ours=answer is not None, answer=answer or b"", closes=closes)


PLAIN: Final = Exchange()
"""Whose answer is framed by its own head alone."""
_HEAD: Final = Exchange(is_head=True)
_UPGRADE: Final = Exchange(may_change_protocol=True)
_CONNECT: Final = Exchange(may_change_protocol=True, is_connect=True)


def plain(request: Request) -> Exchange:
    """Return what a request without a fault is while it is under way."""
    if request.method == b"CONNECT":
        return _CONNECT
    if b"\r\nupgrade:" in request.low:
        return _UPGRADE
    return _HEAD if request.method == b"HEAD" else PLAIN


def answer_of(fault: Status, request: Request) -> tuple[bytes, bool]:
    """Return the whole answer, and whether the connection ends after it."""
    closes = not request.keeps_alive or request.expects_word
    body = fault.body.encode()
    lines = [f"HTTP/1.1 {fault.status} {_reason(fault)}", *(f"{name}: {value}" for name, value in fault.headers.items())]
    if fault.status not in _WITHOUT_LENGTH:
        lines.append(f"Content-Length: {len(body)}")
    if closes:
        lines.append("Connection: close")
    head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
    return head + (b"" if request.method == b"HEAD" else body), closes


def _reason(fault: Status) -> str:
    if fault.reason is not UNSET:
        return fault.reason
    try:
        return HTTPStatus(fault.status).phrase
    except ValueError:
        return ""
