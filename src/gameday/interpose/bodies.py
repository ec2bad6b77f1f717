"""Where the body of an HTTP message ends in a stream of bytes, which are looked at and never changed.

`feed` is told where in the data it stands and returns where it stops: at the body's end, at a cut, or at the data's end.
A cut is after so many bytes of content; the framing of chunks does not count.
"""

from __future__ import annotations

from typing import Final, Protocol

from gameday.interpose.heads import Head, NotUnderstoodError

_LENGTH: Final = b"\r\ncontent-length:"
_LONGEST_LINE: Final = 16384
_LONGEST_SIZE: Final = 16
_LARGEST_LENGTH_DIGITS: Final = 18


class Body(Protocol):
    """A body of which some has passed."""

    is_done: bool
    is_cut: bool

    def feed(self, data: bytes, position: int) -> int:
        """Return the position up to which the data is this body; NotUnderstoodError if it cannot be."""

    def cut_after(self, size: int | None) -> None:
        """Stop after so many bytes of content from here, or not at all."""


class Measured:
    """A body whose length was announced."""

    __slots__ = ("_left", "_left_until_cut", "is_cut", "is_done")

    def __init__(self, length: int) -> None:
        self._left = length
        self._left_until_cut: int | None = None
        self.is_done = length == 0
        self.is_cut = False

    def feed(self, data: bytes, position: int) -> int:
        """Take what is left of it."""
        size = min(self._left, len(data) - position)
        if self._left_until_cut is not None:
            size = min(size, self._left_until_cut)
            self._left_until_cut -= size
            self.is_cut = self._left_until_cut == 0
        self._left -= size
        self.is_done = self._left == 0
        return position + size

    def cut_after(self, size: int | None) -> None:
        """Stop after so many bytes, if it is longer than that."""
        self._left_until_cut = size if size is not None and size < self._left else None
        self.is_cut = self._left_until_cut == 0


NOTHING: Final[Body] = Measured(0)
"""What has no body."""


class Endless:
    """A body that ends with the connection."""

    __slots__ = ("_left_until_cut", "is_cut", "is_done")

    def __init__(self) -> None:
        self._left_until_cut: int | None = None
        self.is_done = False
        self.is_cut = False

    def feed(self, data: bytes, position: int) -> int:
        """Take everything."""
        size = len(data) - position
        if self._left_until_cut is not None:
            size = min(size, self._left_until_cut)
            self._left_until_cut -= size
            self.is_cut = self._left_until_cut == 0
        return position + size

    def cut_after(self, size: int | None) -> None:
        """Stop after so many bytes."""
        self._left_until_cut = size
        self.is_cut = size == 0


class Chunked:
    """A body in chunks, each with its size before it, up to the empty chunk and the trailers after it."""

    __slots__ = ("_in_trailer", "_left", "_left_until_cut", "_line", "is_cut", "is_done")

    def __init__(self) -> None:
        self._left = 0
        """Content and the line end after it that are missing of the present chunk."""
        self._line = b""
        self._in_trailer = False
        self._left_until_cut: int | None = None
        self.is_done = False
        self.is_cut = False

    def cut_after(self, size: int | None) -> None:
        """Stop after so many bytes of content."""
        self._left_until_cut = size
        self.is_cut = size == 0

    def feed(self, data: bytes, position: int) -> int:
        """Go from chunk to chunk."""
        size = len(data)
        while position < size and not self.is_done and not self.is_cut:
            position = self._content(data, position) if self._left else self._line_end(data, position)
        return position

    def _content(self, data: bytes, position: int) -> int:
        size = min(self._left, len(data) - position)
        if self._left_until_cut is not None and self._left > len(b"\r\n"):
            size = min(size, self._left - len(b"\r\n"), self._left_until_cut)
            self._left_until_cut -= size
            self.is_cut = self._left_until_cut == 0
        self._left -= size
        return position + size

    def _line_end(self, data: bytes, position: int) -> int:
        end = data.find(b"\n", position)
        self._line += data[position:end] if end >= 0 else data[position:]
        if len(self._line) > _LONGEST_LINE:
            raise NotUnderstoodError
        if end < 0:
            return len(data)
        line, self._line = self._line.strip(b"\r"), b""
        if self._in_trailer:
            self.is_done = not line
        else:
            self._begin_chunk(line.partition(b";")[0].strip(b" \t"))
        return end + 1

    def _begin_chunk(self, size: bytes) -> None:
        if not size or len(size) > _LONGEST_SIZE or size.strip(b"0123456789abcdefABCDEF"):
            raise NotUnderstoodError
        length = int(size, 16)
        self._in_trailer = length == 0
        self._left = length + len(b"\r\n") if length else 0


def body_of(head: Head, *, without: Body | None) -> Body | None:
    """Return the body that a head announces, `without` if it announces none; NotUnderstoodError if it cannot be told."""
    if b"\r\ntransfer-encoding:" in head.low:
        codings = b",".join(head.values(b"transfer-encoding")).lower()
        if codings.rpartition(b",")[2].strip() == b"chunked":
            return Chunked()
        raise NotUnderstoodError
    return _measured(head) or without


def _measured(head: Head) -> Body | None:
    """Return a body of the length that the head says, if it says one above zero."""
    at = head.low.find(_LENGTH)
    if at < 0:
        return None
    begin = at + len(_LENGTH)
    end = head.low.find(b"\r\n", begin)
    said = head.low[begin:end].strip(b" \t")
    if head.low.find(_LENGTH, end) >= 0 or not said.isdigit():
        said = _agreed({word.strip() for value in head.values(b"content-length") for word in value.split(b",")})
    if len(said) > _LARGEST_LENGTH_DIGITS:
        raise NotUnderstoodError
    length = int(said)
    return Measured(length) if length else None


def _agreed(lengths: set[bytes]) -> bytes:
    """Return the one length that is said several times."""
    length = lengths.pop()
    if lengths or not length.isdigit():
        raise NotUnderstoodError
    return length
