from __future__ import annotations

import pytest

from gameday.staging.errors import BadRequest
from gameday.staging.selectors import LabelSelector, parse_fields, parse_labels


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("", {}, True),
        ("a=b", {"a": "b"}, True),
        ("a==b", {"a": "c"}, False),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ("a in (b, c)", {"a": "c"}, True),
        ("a in (b,c),d=e", {"a": "c"}, False),
        ("a notin (b,c)", {"a": "d"}, True),
        ("a notin (b)", {}, True),
        ("a", {"a": ""}, True),
        ("!a", {"a": ""}, False),
        ("a=", {"a": ""}, True),
        ("app.kubernetes.io/name=web, tier in (x)", {"app.kubernetes.io/name": "web", "tier": "x"}, True),
    ],
)
def test_label_selectors_match_as_in_kubernetes(text: str, labels: dict[str, str], expected: bool) -> None:  # noqa: FBT001 - a table's column
    assert parse_labels(text).matches(labels) is expected


@pytest.mark.parametrize("text", ["a=b=c", "a in b", "=b", "a,,b", "a>1"])
def test_a_label_selector_that_cannot_be_read_is_a_bad_request(text: str) -> None:
    with pytest.raises(BadRequest, match="label selector"):
        parse_labels(text)


def test_a_selector_of_an_object_takes_labels_and_expressions_together() -> None:
    selector = LabelSelector.of({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "DoesNotExist"}]})
    assert selector.matches({"a": "b"})
    assert not selector.matches({"a": "b", "c": ""})
    assert LabelSelector.of({"a": "b"}).matches({"a": "b", "x": "y"})


def test_field_selectors_compare_text() -> None:
    pod = {"metadata": {"name": "a"}, "spec": {"hostNetwork": False}, "status": {"phase": "Running"}}
    assert parse_fields("metadata.name=a,status.phase!=Failed").matches(pod)
    assert parse_fields("spec.hostNetwork=false,spec.nodeName=").matches(pod)
    assert not parse_fields("spec.nodeName!=").matches(pod)
    with pytest.raises(BadRequest, match="can't understand"):
        parse_fields("metadata.name")
