"""Where a body ends, however the bytes are split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.interpose.bodies import Body, Chunked, Endless, Measured, body_of
from gameday.interpose.heads import Head, NotUnderstoodError


def fed(body: Body, data: bytes, cuts: list[int]) -> bytes:
    """Feed data in pieces; return what was taken as the body."""
    taken, begin = b"", 0
    for end in [*sorted(cuts), len(data)]:
        piece = data[begin:end]
        if not piece or body.is_done or body.is_cut:
            continue
        size = body.feed(piece, 0)
        taken, begin = taken + piece[:size], end
        if size < len(piece):
            break
    return taken


def chunked(parts: list[bytes], trailer: bytes = b"") -> bytes:
    return b"".join(b"%X;a=b\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailer + b"\r\n"


@st.composite
def chunked_and_cuts(draw: st.DrawFn) -> tuple[list[bytes], bytes, list[int]]:
    parts = draw(st.lists(st.binary(min_size=1, max_size=30), max_size=5))
    data = chunked(parts, draw(st.sampled_from([b"", b"X: 1\r\n", b"X: 1\r\nY: 2\r\n"])))
    return parts, data, draw(st.lists(st.integers(0, len(data)), max_size=8, unique=True))


@given(chunked_and_cuts(), st.binary(max_size=10))
def test_a_chunked_body_ends_where_it_ends(given_: tuple[list[bytes], bytes, list[int]], rest: bytes) -> None:
    _, data, cuts = given_
    body = Chunked()
    assert fed(body, data + rest, cuts) == data
    assert body.is_done


@given(chunked_and_cuts(), st.integers(0, 40))
def test_a_cut_is_after_so_many_bytes_of_content(given_: tuple[list[bytes], bytes, list[int]], size: int) -> None:
    parts, data, cuts = given_
    body = Chunked()
    body.cut_after(size)
    taken = fed(body, data, cuts)
    assert body.is_cut is (size <= len(b"".join(parts)) and (size > 0 or not taken))
    if not body.is_cut:
        assert taken == data
    elif size:
        assert taken.endswith(b"".join(parts)[:size][-1:])
        assert len(taken) < len(data)


@given(st.binary(max_size=50), st.integers(0, 60), st.lists(st.integers(0, 50), max_size=5, unique=True))
def test_a_measured_body_is_as_long_as_it_says(data: bytes, length: int, cuts: list[int]) -> None:
    body = Measured(length)
    assert fed(body, data, cuts) == data[:length]
    assert body.is_done is (len(data) >= length)


def test_a_cut_that_is_taken_back_lets_everything_pass() -> None:
    for body, data in ((Measured(5), b"12345"), (Chunked(), chunked([b"12345"])), (Endless(), b"12345")):
        body.cut_after(2)
        at = body.feed(data, 0)
        assert body.is_cut
        body.cut_after(None)
        assert body.feed(data, at) == len(data)
        assert not body.is_cut


@pytest.mark.parametrize("line", [b"zz", b"", b"-1", b"0x5", b"11111111111111111", b"5 5"])
def test_what_is_no_chunk_is_not_understood(line: bytes) -> None:
    with pytest.raises(NotUnderstoodError):
        Chunked().feed(line + b"\r\nhello\r\n", 0)


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        (b"Content-Length: 5", Measured),
        (b"content-length:5\r\nContent-Length: 5, 5", Measured),
        (b"Transfer-Encoding: gzip, Chunked", Chunked),
        (b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", Chunked),
        (b"X-Content-Length: 5", type(None)),
        (b"Content-Length: 0", type(None)),
    ],
)
def test_a_head_says_what_follows(headers: bytes, kind: type) -> None:
    assert type(body_of(Head(b"GET / HTTP/1.1\r\n" + headers + b"\r\n\r\n"), without=None)) is kind


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: +5",
        b"Content-Length: " + b"9" * 30,
        b"Transfer-Encoding: gzip",
    ],
)
def test_a_head_that_cannot_be_framed_is_not_understood(headers: bytes) -> None:
    with pytest.raises(NotUnderstoodError):
        body_of(Head(b"GET / HTTP/1.1\r\n" + headers + b"\r\n\r\n"), without=None)
