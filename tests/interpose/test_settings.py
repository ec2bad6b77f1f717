"""The settings document: read strictly, and refused with the field and what was expected."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gameday.errors import BadParameterError
from gameday.interpose.faults import Cut, Latency, Pareto, Status
from gameday.interpose.settings import read_settings

STATUS = {"kind": "status", "status": 503}


def text(*rules: dict[str, Any], **members: Any) -> bytes:
    named = [{"name": f"rule-{index}", "fault": STATUS, **rule} for index, rule in enumerate(rules)]
    settings = {"id": "test", "protocol": "http", "until": "2030-01-01T00:00:00Z", "rules": named, **members}
    return json.dumps({key: value for key, value in settings.items() if value is not ...}).encode()


def fault(kind: str, **members: Any) -> dict[str, Any]:
    return {"fault": {"kind": kind, **members}}


def latency(distribution: str, **members: Any) -> dict[str, Any]:
    return fault("latency", delay={"distribution": distribution, **members})


def match(**members: Any) -> dict[str, Any]:
    return {"match": members}


def test_what_can_be_meant_is_read() -> None:
    customer = {"methods": ["POST"], "path": "/submit", "percent": 12.5, "customer": {"cookie": "c"}, "seed": "7"}
    settings = read_settings(
        text(
            {"name": "slow", **latency("pareto", least_seconds=0.1, shape=2)},
            {"name": "cohort", "match": customer, "fault": {**STATUS, "headers": {"Retry-After": "1"}, "body": "é"}},
            {"name": "cut", **fault("cut", after_bytes=0)},
        )
    )
    slow, cohort, cut = settings.rules
    assert slow.fault == Latency(Pareto(0.1, 2.0))
    assert cohort.fault == Status(503, headers={"Retry-After": "1"}, body="é")
    assert cut.fault == Cut(0)
    assert cohort.match.percent == 12.5
    assert not slow.match.asks_for_a_request


def test_without_rules_no_deadline_is_needed() -> None:
    assert read_settings(text(until=...)).rules == []


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b"{", "input data was truncated"),
        (b"[]", "expected object, got array"),
        (b'{"id": "\xff"}', "codec can't decode byte"),
        (text(rule=1), "unknown field rule"),
        (text(id=...), "missing required field id"),
        (text(id=""), "id: expected str of length >= 1"),
        (text(protocol="udp"), "protocol: invalid enum value 'udp'"),
        (text({}, until=...), "until: expected the moment at which the faults end by themselves, found none"),
        (text({}, until="tomorrow"), "until: invalid RFC3339"),
        (text({}, until="2030-01-01T00:00:00"), "until: expected datetime with a timezone"),
        (text({"name": "a"}, {"name": "a"}), "rules: expected a name of its own for each, found 'a' 2 times"),
        (text(match(percent=-1)), "rules[0].match.percent: expected float > 0"),
        (text(match(percent=0)), "rules[0].match.percent: expected float > 0"),
        (text(match(percent=100.1)), "rules[0].match.percent: expected float <= 100"),
        (text(match(percent="10")), "rules[0].match.percent: expected float, got str"),
        (text(match(method="GET")), "rules[0].match: object contains unknown field method"),
        (text(match(methods=[])), "rules[0].match.methods: expected array of length >= 1"),
        (text(match(methods=["get"])), "rules[0].match.methods: expected methods as they are sent, such as GET, found 'get'"),
        (text(match(path="orders")), "rules[0].match.path: expected a pattern such as /orders/*"),
        (text(match(headers={"a b": "x"})), "rules[0].match.headers: expected the name of a header, found 'a b'"),
        (text(match(customer={})), "rules[0].match.customer: expected exactly one of header, cookie and query, found 0"),
        (text(match(customer={"header": "a", "cookie": "b"})), "expected exactly one of header, cookie and query, found 2"),
        (text(match(customer={"header": "a:"})), "rules[0].match.customer.header: expected the name of a header"),
        (text(match(seed="x" * 65)), "rules[0].match.seed: expected str of length <= 64"),
        (text(fault("slow")), "rules[0].fault.kind: invalid value 'slow'"),
        (text(latency("constant", seconds=-1)), "rules[0].fault.delay.seconds: expected float > 0"),
        (text(latency("constant", seconds=3601)), "rules[0].fault.delay.seconds: expected float <= 3600"),
        (text(latency("constant", seconds=1, jitter_seconds=1)), "rules[0].fault.delay: object contains unknown field"),
        (text(latency("uniform", seconds=1)), "missing required field jitter_seconds"),
        (text(latency("uniform", seconds=1, jitter_seconds=2)), "jitter_seconds: expected at most the 1 s that it is about"),
        (text(latency("pareto", least_seconds=1, shape=0)), "rules[0].fault.delay.shape: expected float > 0"),
        (text(latency("pareto", least_seconds=2, shape=1, most_seconds=1)), "most_seconds: expected at least the 2 s that it is"),
        (text(latency("normal", mean_seconds=61, deviation_seconds=1)), "most_seconds: expected at least the 61 s that it is"),
        (text(latency("cauchy", seconds=1)), "rules[0].fault.delay.distribution: invalid value 'cauchy'"),
        (text(fault("bandwidth", bytes_per_second=0)), "rules[0].fault.bytes_per_second: expected float >= 1"),
        (text(fault("cut", after_bytes=-1)), "rules[0].fault.after_bytes: expected int >= 0"),
        (text(fault("cut", after_bytes=1.5)), "rules[0].fault.after_bytes: expected int, got float"),
        (text(fault("reset", at="once")), "rules[0].fault.at: invalid enum value 'once'"),
        (text(fault("hang", seconds=1)), "rules[0].fault: object contains unknown field seconds"),
        (text({**match(path="/x"), **fault("refuse")}), "rules[0].match: expected only a percentage of connections for refuse"),
        (text(fault("status", status=99)), "rules[0].fault.status: expected int >= 200"),
        (text(fault("status", status=204, body="x")), "rules[0].fault.body: expected none with 204"),
        (text(fault("status", status=500, reason="a\r\nb")), "rules[0].fault.reason: expected one line"),
        (text(fault("status", status=500, headers={"X": "a\r\nY: b"})), "rules[0].fault.headers: expected a header's name"),
        (text(fault("status", status=500, headers={"Content-Length": "5"})), "expected none that frames the answer"),
        (text({}, protocol="tcp"), "rules[0].fault: expected another kind with protocol tcp"),
        (text({**match(path="/x"), **fault("hang")}, protocol="tcp"), "rules[0].match: expected only a percentage"),
        (b" " * 1_048_577, "expected settings of at most 1048576 bytes"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_field_and_what_was_expected(document: bytes, expected: str) -> None:
    with pytest.raises(BadParameterError, match=f"(?i){re.escape(expected)}"):
        read_settings(document)


def test_every_problem_of_meaning_is_told_at_once() -> None:
    with pytest.raises(BadParameterError) as caught:
        read_settings(text(match(path="x"), match(methods=["get"]), until=...))
    assert str(caught.value).count("expected") == 3


def test_a_proxy_of_another_protocol_refuses_them() -> None:
    with pytest.raises(BadParameterError, match="protocol: expected tcp, which this proxy was started for, found http"):
        read_settings(text(), protocol="tcp")
