"""Probes of backups: how old the newest is, whether they can be restored, where they are, and what a restore brought back.

They ask the service whose database is backed up, through the API server: it fetches, opens and counts its backups for the
answer. What nobody has tried to open is not known to be a backup.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any
from urllib.parse import quote, urlsplit

from gameday.change import Measurement, Observations, between, bounded, probe
from gameday.cluster import ObjectRef, Selection
from gameday.errors import ClusterError, NoMeasurementError

_OK = 200
_MOST = 20
_CLOCKS_APART_SECONDS = 5.0
_NOBODYS = "none"
"""What a service says whose database is to be restored from nobody's backups."""
_NAME_IN_CLUSTER = re.compile(r"[a-z0-9-]+\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?")


@probe
def age(
    observations: Observations, *, namespace: str, name: str = "orders", port: str = "http", of: str = "", bucket: str = ""
) -> Measurement:
    """Measure how long ago the newest backup held everything that was there, in seconds, as its label says.

    namespace, name, port: the Service that says it at GET /backups. of: whose backups; those of the database that is open
    if empty. bucket: where they must be; NoMeasurementError if they are elsewhere, or if there are none.
    """
    said = _asked(observations, namespace, name, port, _path("/backups", of))
    if bucket and said["bucket"] != bucket:
        raise NoMeasurementError(f"expected backups in the bucket {bucket!r}, but they are put into {said['bucket']!r}")
    newest = _newest(said, of)
    seconds = round(said["now"] - newest["confirmed_at"], 3)
    seen = f"{newest['key']}, of every {said['every_seconds']:g} s; the next is due in {said['next_due'] - said['now']:.0f} s"
    return Measurement(seconds, "s", seen + (f"; {said['problem']}" if said["problem"] else ""), samples=1)


@probe
@bounded(newest=between(1, _MOST))
def restorable(
    observations: Observations, *, namespace: str, name: str = "orders", port: str = "http", of: str = "", newest: int = 3
) -> Measurement:
    """Measure how many of the newest backups can be restored, in percent: each is fetched, opened and counted for this.

    namespace, name, port: the Service that tries it at GET /backups/verified. of: as for age. newest: how many are tried,
    from 1 to 20. Zero if there is no backup at all. The measurement names those that are damaged, and in what.
    """
    path = _path("/backups/verified", of)
    said = _asked(observations, namespace, name, port, f"{path}{'&' if '?' in path else '?'}newest={newest}")
    copies = said["copies"]
    if not copies:
        return Measurement(0.0, "%", f"there is no backup in {said['bucket']} at {said['endpoint']}")
    damaged = [f"{copy['key']}: {copy['reason']}" for copy in copies if not copy["good"]]
    seen = "; ".join(damaged) or f"{len(copies)} backups were fetched and opened, and hold what they should"
    return Measurement(100.0 * (len(copies) - len(damaged)) / len(copies), "%", seen, samples=len(copies))


@probe
def copies(observations: Observations, *, namespace: str, name: str = "orders", port: str = "http") -> Measurement:
    """Count the backups that there are to restore the open database from; of the newest, at most 20 are counted.

    namespace, name, port: the Service that says it at GET /database and GET /backups. As long as nothing was lost, those that
    are taken of the open database, wherever a restore would look; once the database was not there, since the round's first
    fault, those that were found where it was looked for them. With none of them it began empty.
    """
    said = _asked(observations, namespace, name, port, "/database")
    found = said.get("copies")
    if isinstance(found, int) and _is_since_fault(observations, said):
        seen = _found(said) if found else f"{_found(said)}, so it began empty"
        return Measurement(float(min(found, _MOST)), "backups", seen, samples=1)
    taken = _asked(observations, namespace, name, port, f"/backups?newest={_MOST}")
    seen = f"backups of {taken['database']} are in {taken['bucket']} at {taken['endpoint']}"
    return Measurement(float(len(taken["copies"])), "backups", seen, samples=1)


@probe
def passed_over(observations: Observations, *, namespace: str, name: str = "orders", port: str = "http") -> Measurement:
    """Measure how many newer backups had to be passed over when the open database was restored, since they were damaged.

    namespace, name, port: the Service that says it at GET /database. Only a restore since the round's first fault counts;
    zero if there was none. The measurement names them, and in what each is damaged.
    """
    said = _asked(observations, namespace, name, port, "/database")
    restored = _lost_at(observations, said) is not None
    skipped = said["passed_over"] if restored else []
    named = "; ".join(f"{copy['key']}: {copy['reason']}" for copy in skipped)
    seen = named or (f"restored from the newest, {said['key']}" if restored else "nothing was restored")
    return Measurement(float(len(skipped)), "backups", seen, samples=1)


@probe
def recovery_point(observations: Observations, *, namespace: str, name: str = "orders", port: str = "http") -> Measurement:
    """Measure how old the newest order was, at the moment of the loss, that a restore brought back, in seconds.

    namespace, name, port: the Service that says it at GET /database and GET /backups. The loss is the round's first fault; as
    long as nothing was restored since: how old the newest backup is, which is what would be forgotten if it happened
    now. As exact as the clocks of this machine and of the pod agree. The measurement names the backup. NoMeasurementError if
    the loss found no backup at all: see copies.
    """
    said = _asked(observations, namespace, name, port, "/database")
    lost_at = _lost_at(observations, said)
    if lost_at is None:
        if said.get("copies") == 0 and _is_since_fault(observations, said):
            raise NoMeasurementError(f"nothing was restored, so there is no newest order to tell the age of: {_found(said)}")
        backups = _asked(observations, namespace, name, port, "/backups")
        newest = _newest(backups, "")
        seconds = round(backups["now"] - newest["confirmed_at"], 3)
        return Measurement(seconds, "s", f"nothing was restored yet; the newest backup is {newest['key']}", samples=1)
    newest_order = said.get("newest_order")
    known = said["confirmed_at"] if newest_order is None else newest_order
    what = "no order, as of when it was taken" if newest_order is None else f"{said['orders']} orders at least"
    return Measurement(round(max(0.0, lost_at - known), 3), "s", f"restored from {said['key']}, which holds {what}", samples=1)


@probe
def differing(
    observations: Observations, *, namespace: str, name: str = "orders", port: str = "http", of: str = ""
) -> Measurement:
    """Measure how many paid orders of the newest good backup the open database has otherwise, or not at all.

    namespace, name, port: the Service that compares at GET /backups/differences. of: as for age. A paid order never
    changes, so anything above zero is a loss or a corruption that no check of the file itself finds. NoMeasurementError
    without a good backup.
    """
    said = _asked(observations, namespace, name, port, _path("/backups/differences", of))
    if not said["key"]:
        raise NoMeasurementError(f"there is no good backup of {of or said['database']} to compare with")
    some = f", such as {', '.join(said['some'][:3])}" if said["some"] else ""
    seen = f"{said['differing']} of the {said['compared']} orders of {said['key']} differ in {said['database']}{some}"
    return Measurement(float(said["differing"]), "orders", seen, samples=said["compared"])


@probe
def off_the_cluster(
    observations: Observations, *, namespace: str, name: str = "orders", port: str = "http", namespaces: list[str] | None = None
) -> Measurement:
    """Count the places outside these namespaces in which backups are put: 1, or 0 if they are where they would be lost, too.

    namespace, name, port: the Service that says it at GET /backups. namespaces: those that must not hold it; the Service's
    own if left out. Inside is what has the address of a Service or pod of one of them, or its name.
    """
    said = _asked(observations, namespace, name, port, "/backups")
    host = urlsplit(said["endpoint"]).hostname or ""
    inside = {one: _addresses(observations, one) for one in namespaces or [namespace]}
    named = _NAME_IN_CLUSTER.fullmatch(host)
    where = next((one for one, addresses in inside.items() if host in addresses or (named and named[1] == one)), None)
    if where is not None:
        return Measurement(0.0, "places", f"{said['endpoint']} is in the namespace {where} itself", samples=1)
    return Measurement(1.0, "places", f"{said['endpoint']} is of no Service or pod of {', '.join(inside)}", samples=1)


def _found(said: dict[str, Any]) -> str:
    """Tell what there was to restore a database from that was not there."""
    found = f"{said['copies']} backups of {said['looked_for']} were found to restore it from"
    none = "it was to be restored from no backup"
    return f"when {said['database']} was not there, {none if said['looked_for'] == _NOBODYS else found}"


def _lost_at(observations: Observations, said: dict[str, Any]) -> float | None:
    """Return when the round's first fault was, by the wall clock, if the database has been restored since; else None."""
    return _fault_before(observations, said) if said.get("restored") else None


def _is_since_fault(observations: Observations, said: dict[str, Any]) -> bool:
    return _fault_before(observations, said) is not None


def _fault_before(observations: Observations, said: dict[str, Any]) -> float | None:
    """Return when the round's first fault was, by the wall clock, if the database has begun since; else None."""
    try:
        fault_at, _ = observations.since_fault()
    except NoMeasurementError:
        return None
    lost_at = time.time() - (time.monotonic() - fault_at)
    return lost_at if said["at"] > lost_at - _CLOCKS_APART_SECONDS else None


def _addresses(observations: Observations, namespace: str) -> set[str]:
    services = observations.view.list(Selection("v1", "Service", namespace))
    pods = observations.view.list(Selection("v1", "Pod", namespace, only=("metadata.name", "status.podIP")))
    found = {service["spec"].get("clusterIP", "") for service in services}
    return (found | {pod.get("status", {}).get("podIP", "") for pod in pods}) - {"", "None"}


def _asked(observations: Observations, namespace: str, name: str, port: str, path: str) -> dict[str, Any]:
    """Return what the Service says; NoMeasurementError where it says nothing that can be read."""
    service = ObjectRef("v1", "Service", namespace, name)
    try:
        answer = observations.view.ask(service, port, path)
    except ClusterError as error:
        raise NoMeasurementError(f"cannot ask {service} about backups: {error}") from None
    try:
        said = json.loads(answer.body)
    except ValueError:
        said = None
    if answer.status != _OK or not isinstance(said, dict):
        told = answer.body[:200].decode("utf-8", "replace")
        raise NoMeasurementError(
            f"expected {service} to answer GET {path} with 200 and a JSON object, found {answer.status}: {told}"
        )
    return said


def _path(path: str, of: str) -> str:
    return f"{path}?of={quote(of, safe='')}" if of else path


def _newest(said: dict[str, Any], of: str) -> dict[str, Any]:
    if not said["copies"]:
        told = f"; the last attempt failed: {said['problem']}" if said["problem"] else ""
        whose = of or said["database"]
        raise NoMeasurementError(f"there is no backup of {whose} in {said['bucket']} at {said['endpoint']}{told}")
    found: dict[str, Any] = said["copies"][0]
    return found
