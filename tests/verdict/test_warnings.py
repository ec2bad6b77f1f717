"""Whether a change breaks a warning: what it does, to what, and as narrow as the warning is."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.log.events import ChangeOwed
from gameday.verdict.warnings import broken_by, forbids


def done(kind: str, obj: str, *paths: str, by_shell: bool = False) -> ChangeOwed:
    fields: list[dict[str, Any]] = [{"path": path, "before": 1, "after": 2} for path in paths]
    return ChangeOwed(change_id="c", by="step s", kind=kind, object=obj, summary="it", fields=fields, by_shell=by_shell)


@pytest.mark.parametrize(
    ("rule", "change", "is_broken"),
    [
        ({"do": "delete", "kind": "Node"}, done("delete", "node n1"), True),
        ({"do": "delete", "kind": "Node"}, done("patch", "node n1", "/spec/unschedulable"), False),
        ({"do": "delete", "kind": "Node"}, done("delete", "pod shop/n1"), False),
        ({"do": "patch", "kind": "Node", "field": "/spec/unschedulable"}, done("patch", "node n1", "/spec/unschedulable"), True),
        ({"do": "patch", "kind": "Node", "field": "/spec/unschedulable"}, done("patch", "node n1", "/spec"), True),
        ({"do": "patch", "kind": "Node", "field": "/spec/unschedulable"}, done("patch", "node n1", "/spec/taints"), False),
        (
            {"do": "patch", "kind": "Deployment", "field": "/spec/template"},
            done("patch", "deployment a/b", "/spec/templates"),
            False,
        ),
        (
            {"do": "patch", "kind": "Deployment", "field": "/spec/template/spec/containers"},
            done("patch", "deployment a/b", "/spec/template/spec/containers[name=x]/env[name=Y]/value"),
            True,
        ),
        ({"do": "evict", "kind": "Pod", "namespace": "shop", "name": "ful-*"}, done("evict", "pod shop/ful-1"), True),
        ({"do": "evict", "kind": "Pod", "namespace": "shop", "name": "ful-*"}, done("evict", "pod other/ful-1"), False),
        ({"do": "evict", "kind": "Pod", "namespace": "shop", "name": "ful-*"}, done("evict", "pod shop/web-1"), False),
        ({"do": "evict", "kind": "Pod"}, done("delete", "pod shop/a"), False),
        ({"do": "evict", "kind": "Pod"}, done("delete", "pod shop/a", by_shell=True), True),
        ({"do": "delete", "kind": "Pod"}, done("delete", "pod shop/a", by_shell=True), True),
        ({"do": "create", "kind": "ConfigMap"}, done("create", "configmap shop/x"), True),
    ],
)
def test_a_warning_is_broken_by_what_it_forbids_and_by_nothing_else(rule: dict[str, str], change: Any, is_broken: bool) -> None:  # noqa: FBT001
    assert forbids(rule, change) is is_broken


def test_a_warning_is_broken_once_by_one_change() -> None:
    rules = [{"do": "delete", "kind": "Node"}, {"do": "delete", "kind": "Node", "name": "n*"}]
    (found,) = broken_by(done("delete", "node n1"), [{"id": "w", "text": "t", "forbids": rules}], step="s")
    assert (found.id, found.step, found.change, found.forbidden) == ("w", "s", "it", rules[0])
