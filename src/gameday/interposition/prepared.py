"""A cluster as it will be once proxies stand that are only planned, so that a fault is planned as it will be asked for.

What prepares an experiment is not there yet when the whole is planned. A fault of its method would be held to what proxies of
its own would speak, and the proxies be planned again. Only what interposing changes is shown as it will be, by name; all else,
and every list, is the cluster as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gameday.change import Change, CreateObject, PatchObject
from gameday.cluster import Access, HttpAnswer, Identity, Json, ObjectRef, Permission, Selection, View
from gameday.interposition.targets import MARK

_SELECTOR = "/spec/selector"


def as_prepared(view: View, planned: Sequence[Change]) -> View:
    """Return the cluster as it will be with the proxies that are among these changes; the very one where none are."""
    found: dict[ObjectRef, Json] = {}
    for change in planned:
        if isinstance(change, CreateObject) and _is_of_proxies(change.manifest):
            found[change.ref.anonymous] = change.manifest
        elif isinstance(change, PatchObject) and _selects_proxies(change.fields.get(_SELECTOR)):
            service = view.get(change.ref)
            if service is not None:
                spec = {**service["spec"], "selector": dict(change.fields[_SELECTOR])}
                found[change.ref.anonymous] = {**service, "spec": spec}
    return _Prepared(view, found) if found else view


def _is_of_proxies(manifest: Json) -> bool:
    if manifest["kind"] == "Service":
        return _selects_proxies(manifest["spec"].get("selector"))
    return manifest["kind"] == "Deployment" and MARK in (manifest["metadata"].get("labels") or {})


def _selects_proxies(selector: Any) -> bool:
    return isinstance(selector, Mapping) and MARK in selector


@dataclass(frozen=True, slots=True)
class _Prepared:
    view: View
    planned: Mapping[ObjectRef, Json]
    """Under the name without the uid."""

    def get(self, ref: ObjectRef) -> Json | None:
        found = self.planned.get(ref.anonymous)
        is_meant = found is not None and ref.uid in {"", found["metadata"].get("uid", "")}
        return found if is_meant else self.view.get(ref)

    def list(self, selection: Selection) -> Sequence[Json]:
        return self.view.list(selection)

    def identity(self) -> Identity:
        return self.view.identity()

    def may(self, access: Access) -> Permission:
        return self.view.may(access)

    def connects(self, host: str, port: int, *, timeout_seconds: float = 1.0) -> bool | None:
        return self.view.connects(host, port, timeout_seconds=timeout_seconds)

    def ask(self, ref: ObjectRef, port: int | str, path: str) -> HttpAnswer:
        return self.view.ask(ref, port, path)
