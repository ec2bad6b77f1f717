"""Whatever is said, a proxy in which nothing is in force for it says the same as the upstream itself."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.interpose.standing import Standing
from tests.interpose.talking import exchanged, request
from tests.interpose.upstream import Upstream

_words = st.text("abcXYZ019 -=;,", max_size=20).map(str.strip)
_headers = st.lists(st.tuples(st.sampled_from(["X-A", "x-b", "Cookie", "Accept", "Connection-Id"]), _words), max_size=4)
_paths = st.one_of(
    st.sampled_from(["/echo", "/nothing", "/same", "/lost?x=1&y"]),
    st.tuples(st.sampled_from(["/sized/", "/chunked/"]), st.integers(0, 70_000)).map(lambda pair: f"{pair[0]}{pair[1]}"),
)


@st.composite
def _requests(draw: st.DrawFn) -> bytes:
    path, headers = draw(_paths), [f"{name}: {value}" for name, value in draw(_headers)]
    kind = draw(st.sampled_from(["GET", "HEAD", "sized", "chunked"]))
    if kind in {"GET", "HEAD"}:
        return request(path, *headers, method=kind)
    body = draw(st.binary(max_size=2000))
    if kind == "sized":
        return request(path, *headers, method="POST", body=body)
    size = draw(st.integers(1, 500))
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return request(path, "Transfer-Encoding: chunked", *headers, method="PUT") + chunks + b"0\r\n\r\n"


SORRY = b"HTTP/1.1 503 Service Unavailable\r\nX-Ours: 1\r\nContent-Length: 5\r\n\r\nsorry"
_garbage = st.one_of(st.just(b""), st.binary(max_size=200), st.binary(max_size=50).map(lambda data: b"GET /" + data))
_conversations = st.tuples(st.lists(_requests(), max_size=6), _garbage).map(lambda parts: b"".join(parts[0]) + parts[1])
ELSEWHERE = [
    {"match": {"path": "/elsewhere"}, "fault": {"kind": "status", "status": 500}},
    {"match": {"headers": {"x-hit": "*"}}, "fault": {"kind": "hang"}},
    {"match": {"percent": 50, "customer": {"cookie": "nobody-has-this"}}, "fault": {"kind": "reset"}},
]
_ours = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_ours
@given(_conversations, st.lists(st.integers(0, 5000), max_size=6))
def test_random_conversations_come_out_as_they_do_directly(
    shared: tuple[Upstream, Standing], said: bytes, cuts: list[int]
) -> None:
    upstream, proxy = shared
    if proxy.counts()["settings"]["id"] != "elsewhere":
        proxy.put(*ELSEWHERE, seconds=600, id="elsewhere")
    pieces = in_pieces(said, cuts)
    upstream.seen.clear()
    direct = exchanged(upstream.address, pieces)
    asked = list(upstream.seen)
    upstream.seen.clear()
    assert exchanged(proxy.address, pieces) == direct
    assert upstream.seen == asked


@_ours
@given(st.lists(st.tuples(_requests(), st.booleans()), max_size=8), st.lists(st.integers(0, 5000), max_size=6))
def test_a_fault_for_some_requests_of_a_connection_leaves_the_others_as_they_are(
    shared: tuple[Upstream, Standing], said: list[tuple[bytes, bool]], cuts: list[int]
) -> None:
    upstream, proxy = shared
    if proxy.counts()["settings"]["id"] != "sorry":
        fault = {"kind": "status", "status": 503, "headers": {"X-Ours": "1"}, "body": "sorry"}
        proxy.put({"match": {"headers": {"x-hit": "yes"}}, "fault": fault}, seconds=600, id="sorry")
    expected, asked = b"", b""
    for one, is_hit in said:
        marked = one.replace(b"Host: shop\r\n", b"Host: shop\r\nX-Hit: yes\r\n", 1) if is_hit else one
        ours = SORRY.removesuffix(b"sorry") if one.startswith(b"HEAD") else SORRY
        asked += marked
        expected += ours if is_hit else exchanged(upstream.address, [one])
    before = proxy.rule()[0]
    assert exchanged(proxy.address, in_pieces(asked, cuts)) == expected
    assert proxy.rule()[0] - before == sum(is_hit for _, is_hit in said)


def in_pieces(said: bytes, cuts: list[int]) -> list[bytes]:
    ends = [0, *sorted({cut for cut in cuts if 0 < cut < len(said)}), len(said)]
    return [said[begin:end] for begin, end in pairwise(ends)]
