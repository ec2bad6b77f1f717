"""The switch: a ConfigMap with the fault, created to switch it on and deleted to switch it off; and the counts that prove it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gameday.change import Change, CreateObject, Evidence
from gameday.cluster import Json, ObjectRef, View
from gameday.errors import BadParameterError
from gameday.interpose.settings import LONGEST_FAULT_SECONDS, read_settings
from gameday.interposition.standing import config_map_of, counts_of, proxies_of, strangers_to
from gameday.interposition.targets import MARK, Target

_SETTINGS: Final = "settings"
_SECONDS: Final = "seconds"
_RULE: Final = re.compile(r"rules\[\d+\]\.")


@dataclass(frozen=True, slots=True)
class Fault:
    """What the proxies of a Service shall do, as rules of the settings document, and for how long at most."""

    rules: Sequence[Mapping[str, Any]]
    lasts_seconds: float = 600.0


def switched_on(target: Target, fault: Fault, *, by: str) -> Change:
    """Return the change that switches a fault on; BadParameterError says which parameter cannot be meant."""
    lasts = fault.lasts_seconds
    if isinstance(lasts, bool) or not isinstance(lasts, int | float) or not 1 <= lasts <= LONGEST_FAULT_SECONDS:
        most = f"{LONGEST_FAULT_SECONDS:g}"
        raise BadParameterError(f"{by}: expected lasts_seconds to be a number from 1 to {most}, but got {lasts!r}")
    settings = {"protocol": target.protocol, "rules": [dict(rule) for rule in fault.rules]}
    _check(settings, target, by)
    name = config_map_of(target.ref.name)
    labels = {MARK: target.ref.name, "app.kubernetes.io/managed-by": "gameday"}
    metadata = {"name": name, "namespace": target.ref.namespace, "labels": labels}
    data = {_SETTINGS: json.dumps(settings, indent=2, sort_keys=True), _SECONDS: f"{lasts:g}"}
    return CreateObject({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def lasts_seconds(manifest: Mapping[str, Any]) -> float | None:
    """Return how long the fault that this object switches on lasts at most; None for an object that is no switch."""
    is_switch = manifest.get("kind") == "ConfigMap" and MARK in (manifest["metadata"].get("labels") or {})
    try:
        return float(manifest["data"][_SECONDS]) if is_switch else None
    except (KeyError, TypeError, ValueError):
        return None


def are_hit(view: View, changes: Sequence[Change]) -> Evidence:
    """Look whether the fault is in force in every proxy and whether requests met it: what the proxies themselves count."""
    for change in changes:
        if isinstance(change, CreateObject) and change.ref.kind == "ConfigMap":
            return _hit(view, change)
    return Evidence(None, "no fault was to be switched on")


def _hit(view: View, change: CreateObject) -> Evidence:
    service = ObjectRef("v1", "Service", change.ref.namespace, change.manifest["metadata"]["labels"][MARK])
    switch = view.get(change.ref)
    if switch is None:
        return Evidence(False, f"{change.ref} is not there, so no proxy can know of the fault")
    pods, strangers = proxies_of(view, service), strangers_to(view, service)
    if not pods:
        return Evidence(False, f"no proxy of {service} is Ready")
    if strangers:
        return Evidence(False, f"{service} sends connections past its proxies, to {strangers[0]}")
    counts = [counts_of(view, pod) for pod in pods]
    late = [found["settings"] for found in counts if not _is_in_force(found, switch)]
    if late:
        return Evidence(False, f"{len(late)} of {len(pods)} proxies of {service} have not switched it on: {late[0]['state']}")
    if not any(found["settings"]["accepting"] for found in counts):
        return Evidence(True, f"all {len(pods)} proxies of {service} refuse connections")
    return _counted(service, counts)


def _counted(service: ObjectRef, counts: Sequence[Json]) -> Evidence:
    rules = [rule for found in counts for rule in found["rules"]]
    # A connection that is refused as it comes is among them: what is refused since a proxy started is no fault's own.
    hit = sum(rule["hit"] for rule in rules)
    names = {rule["name"] for rule in rules}
    seen = sum(rule["hit"] + rule["spared"] + rule["passed_by"] for rule in rules) // max(1, len(names))
    told = f"of {seen} requests that {len(counts)} proxies of {service} saw, {hit} met the fault"
    return Evidence(hit > 0, told)


def _is_in_force(found: Json, switch: Json) -> bool:
    settings = found["settings"]
    return bool(settings["state"] == "in force" and settings["id"] == switch["metadata"]["uid"])


def _check(settings: Mapping[str, Any], target: Target, by: str) -> None:
    """Hold the settings to what a proxy will hold them to, with an id and a deadline as it will put them in."""
    whole = {**settings, "id": "planned", "until": "2000-01-01T00:00:00Z"}
    try:
        read_settings(json.dumps(whole).encode())
    except (BadParameterError, TypeError) as error:
        told = str(error).removeprefix("the settings cannot be read: ").removeprefix("the settings cannot be meant: ")
        # The rules that one action makes have the same faults, so what is wrong with them is said once.
        said = dict.fromkeys(_RULE.sub("", told).split("; "))
        if "protocol tcp" in told:
            said[f"the proxies of {target.ref} speak tcp, so connections are harmed as a whole"] = None
        raise BadParameterError(f"{by}: {'; '.join(said)}") from None
