"""The kinds of a server, with all the names that kubectl takes for them; a group that is silent takes only its own along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gameday.errors import ClusterError, ServerError
from gameday.kube.discovery import served

ANSWERS: Mapping[str, Any] = {
    "/api/v1": {
        "resources": [
            {
                "name": "pods",
                "singularName": "pod",
                "kind": "Pod",
                "namespaced": True,
                "shortNames": ["po"],
                "categories": ["all"],
            },
            {"name": "pods/log", "singularName": "", "kind": "Pod", "namespaced": True},
            {"name": "events", "singularName": "", "kind": "Event", "namespaced": True, "verbs": ["get", "list"]},
        ]
    },
    "/apis": {
        "groups": [
            {
                "name": "example.com",
                "preferredVersion": {"version": "v2"},
                "versions": [{"version": "v1"}, {"version": "v2"}],
            },
            {"name": "metrics.k8s.io", "versions": [{"version": "v1beta1"}]},
            {"name": "events.k8s.io", "preferredVersion": {"version": "v1"}, "versions": [{"version": "v1"}]},
        ]
    },
    "/apis/example.com/v2": {"resources": [{"name": "widgets", "singularName": "widget", "kind": "Widget", "namespaced": False}]},
    "/apis/events.k8s.io/v1": {"resources": [{"name": "events", "singularName": "event", "kind": "Event", "namespaced": True}]},
}


def fetch(path: str) -> Mapping[str, Any]:
    if path not in ANSWERS:
        raise ServerError(f"GET {path} answered 503")
    found: Mapping[str, Any] = ANSWERS[path]
    return found


@pytest.mark.parametrize(
    ("word", "kind", "api_version"),
    [
        ("pods", "Pod", "v1"),
        ("pod", "Pod", "v1"),
        ("po", "Pod", "v1"),
        ("Pod", "Pod", "v1"),
        ("widget", "Widget", "example.com/v2"),
        ("widgets.example.com", "Widget", "example.com/v2"),
        ("widgets.v2.example.com", "Widget", "example.com/v2"),
        ("events", "Event", "v1"),
        ("event", "Event", "v1"),
        ("events.events.k8s.io", "Event", "events.k8s.io/v1"),
    ],
)
def test_a_kind_is_found_by_each_of_its_names_the_core_s_first(word: str, kind: str, api_version: str) -> None:
    found = served(fetch).named(word)
    assert found is not None
    assert (found.kind, found.api_version) == (kind, api_version)


def test_what_is_no_kind_has_no_name() -> None:
    assert served(fetch).named("gadgets") is None
    assert served(fetch).named("pods.example.com") is None
    assert served(fetch).is_category("all")  # known to kubectl, whatever the server says
    assert not served(fetch).is_category("gadgets")


def test_a_group_that_does_not_answer_is_named_and_the_others_are_there() -> None:
    found = served(fetch)
    assert found.silent_groups == ("metrics.k8s.io",)
    assert [one.plural for one in found.resources] == ["pods", "events", "widgets", "events"]


def test_a_server_that_lists_nothing_is_an_error() -> None:
    def broken(path: str) -> Mapping[str, Any]:
        raise ServerError(path)

    with pytest.raises(ClusterError):
        served(broken)
