"""Actions on what people are told: the announcement that the status page, the phone and the chat read."""

from __future__ import annotations

import json
from collections.abc import Sequence

from gameday.change import Change, Evidence, PatchObject, Right, action
from gameday.cluster import ObjectRef, View
from gameday.cluster.channels import SOURCE, STATES, Channel, told
from gameday.errors import BadParameterError, ClusterError, NoMeasurementError, NoTargetError

_FIELD = "/data/incident"


def is_said(view: View, changes: Sequence[Change]) -> Evidence:
    """Look at the status page: it says the state and the text that were announced. A ConfigMap was written; a program says it."""
    change = changes[0] if changes else None
    if not isinstance(change, PatchObject):
        return Evidence(None, "nothing was announced")
    wanted = json.loads(str(change.fields[_FIELD]))
    try:
        page = told(view, change.ref.namespace).channels[0]
    except (NoMeasurementError, ClusterError) as error:
        return Evidence(None, f"the status page could not be asked: {error}")
    return Evidence(
        page.state == wanted["state"] and _says(page, wanted["message"]), f"the status page says {page.state}: {page.text}"
    )


@action(landed=is_said, rights=(Right("get", "configmaps"), Right("patch", "configmaps"), Right("get", "services/proxy")))
def announce(
    view: View,
    *,
    namespace: str,
    state: str,
    message: str,
    estimate_minutes: float | None = None,
    next_update_minutes: float | None = None,
    name: str = SOURCE,
) -> Sequence[Change]:
    """Announce on the status page how things are.

    namespace, name: the ConfigMap that the status page reads. state: operational, investigating, identified, monitoring or
    resolved. message: what is the matter, for customers; in which no time need stand. estimate_minutes: in how many minutes from
    now it should work again; next_update_minutes: in how many people hear more. The page makes times of day of them. Undone by
    announcing again what stood there. Landed when the status page says this state and this text. NoTargetError if there is no
    such ConfigMap.
    """
    _check(state, message, estimate_minutes, next_update_minutes)
    ref = ObjectRef("v1", "ConfigMap", namespace, name)
    source = view.get(ref)
    if source is None:
        raise NoTargetError(
            f"there is no {ref} in this cluster, so nothing to announce with. See: kubectl get configmaps -n {namespace}"
        )
    said = {"state": state, "message": message, "estimate_minutes": estimate_minutes, "next_update_minutes": next_update_minutes}
    text = json.dumps({key: value for key, value in said.items() if value is not None})
    if (source.get("data") or {}).get("incident") == text:
        return []
    return [PatchObject(ObjectRef("v1", "ConfigMap", namespace, name, source["metadata"]["uid"]), {_FIELD: text})]


def _says(page: Channel, message: str) -> bool:
    """Say whether the page has this text; one that does not tell it from the times that it adds has it among them."""
    wanted = message.split()
    return page.message.split() == wanted if page.message else f" {' '.join(wanted)} " in f" {' '.join(page.text.split())} "


def _check(state: str, message: object, *minutes: object) -> None:
    if state not in STATES:
        raise BadParameterError(f"comms.announce: expected state to be one of {', '.join(STATES)}, but got {state!r}")
    if not isinstance(message, str) or not message.strip():
        raise BadParameterError(f"comms.announce: expected message to be a text for customers, but got {message!r}")
    for value in minutes:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
            raise BadParameterError(f"comms.announce: expected minutes above 0, but got {value!r}")
