"""The heads of HTTP/1.x messages, looked at where they stand: what frames a body, and what a match asks for.

Nothing is taken apart and put together again, so that a head is passed on byte for byte. An HTTP parser that says where a
message ends in the bytes would do as well; httptools does not, and knows of no answer to HEAD. What is not understood here is
not an error: those bytes are passed on like everything else, and only nothing can be matched in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

END: Final = b"\r\n\r\n"
LONGEST_HEAD: Final = 65536
_LENGTH: Final = b"\r\ncontent-length:"
_WITHOUT_BODY: Final = (b"204", b"304")
_REQUEST_LINE: Final = re.compile(rb"(?:\r\n)*([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([^ \r\n]+) HTTP/1\.([01])\r\n")
_BEGINNING: Final = re.compile(rb"(?:\r\n)*\r?(?:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}(?: [^\r\n]*\r?)?)?")
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-9][0-9][0-9])[ \r]")
_CONNECTION_LINE: Final = re.compile(rb"\r\nconnection:[^\r\n]*", re.IGNORECASE)
_ORIGIN: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?]*")


class NotUnderstoodError(Exception):
    """These bytes are no HTTP/1.x that this proxy could frame."""


class Head:
    """A head, or the part of one that ends with an empty line, and its headers by name."""

    __slots__ = ("low", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.low = raw.lower()

    def value(self, name: bytes) -> bytes | None:
        """Return the first value of a header, whose name is in small letters."""
        return next(self.values(name), None)

    def values(self, name: bytes) -> Iterator[bytes]:
        """Return the values of all headers of that name."""
        needle = b"\r\n" + name + b":"
        at = self.low.find(needle)
        while at >= 0:
            begin = at + len(needle)
            end = self.raw.find(b"\r\n", begin)
            yield self.raw[begin:end].strip()
            at = self.low.find(needle, end)


class Request(Head):
    """The head of a request."""

    __slots__ = ("method", "minor", "target")

    def __init__(self, raw: bytes) -> None:
        """Read the request line; NotUnderstoodError if there is none."""
        found = _REQUEST_LINE.match(raw)
        if found is None:
            raise NotUnderstoodError
        self.raw = raw
        self.low = raw.lower()
        self.method, self.target, self.minor = found.groups()

    @property
    def path(self) -> bytes:
        """Return the path as it was sent, without what follows a question mark."""
        return _without_origin(self.target).partition(b"?")[0] or b"/"

    def parameter(self, name: bytes) -> bytes | None:
        """Return the first value of a parameter of the query, as it was sent."""
        for pair in self.target.partition(b"?")[2].split(b"&"):
            key, _, value = pair.partition(b"=")
            if key == name:
                return value
        return None

    def cookie(self, name: bytes) -> bytes | None:
        """Return the value of a cookie."""
        for line in self.values(b"cookie"):
            for pair in line.split(b";"):
                key, _, value = pair.partition(b"=")
                if key.strip() == name:
                    return value.strip()
        return None

    @property
    def expects_word(self) -> bool:
        """Whether the client waits for a word before it sends the body."""
        return b"\r\nexpect:" in self.low

    @property
    def keeps_alive(self) -> bool:
        """Whether another request may follow on the connection."""
        said = self.value(b"connection")
        words = said.lower() if said is not None else b""
        return b"close" not in words if self.minor == b"1" else b"keep-alive" in words


def _without_origin(target: bytes) -> bytes:
    if target.startswith(b"/"):
        return target
    found = _ORIGIN.match(target)
    return target[found.end() :] if found is not None else target


def may_begin_request(data: bytes, position: int) -> bool:
    """Say whether these bytes, which hold no whole head, may be the beginning of one."""
    if data.find(b"\n", position) < 0:
        return _BEGINNING.fullmatch(data, position) is not None
    line = _REQUEST_LINE.match(data, position)
    return line is not None or not data[position:].strip(b"\r\n")


def status_of(head: Head) -> int:
    """Return the status of an answer; NotUnderstoodError if it is none."""
    found = _STATUS_LINE.match(head.raw)
    if found is None:
        raise NotUnderstoodError
    return int(found[1])


def is_whole_answer(data: bytes) -> bool:
    """Say whether this is one answer with its body and no more, to anything but HEAD: most are, and need no framing."""
    end = data.find(END)
    status = data[9:12]
    if end < 0 or not b"200" <= status <= b"599" or status in _WITHOUT_BODY:
        return False
    low = data[: end + 2].lower()
    at = low.find(_LENGTH)
    if at < 0 or b"\r\ntransfer-encoding:" in low:
        return False
    said = low[at + len(_LENGTH) : low.find(b"\r\n", at + 2)].strip()
    return said.isdigit() and end + len(END) + int(said) == len(data)


def with_close(head: Head) -> bytes:
    """Return the head of an answer with the word that the connection ends after it."""
    return _CONNECTION_LINE.sub(b"", head.raw)[: -len(END)] + b"\r\nConnection: close" + END
