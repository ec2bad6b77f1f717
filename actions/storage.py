"""Actions on an object store: blocked, slow, failing, or cutting its answers short, by operation, bucket and percentage.

What stands before the store's Service is the same proxy as in `services`, which also has the word on `match` and on what must
stand first (`services.interpose`). Requests are told apart as S3 has them with the bucket in the path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gameday.actions.services import RIGHTS
from gameday.change import Change, Right, action
from gameday.cluster import View
from gameday.errors import BadParameterError, NoTargetError
from gameday.interposition import Delay, Fault, Proxies, are_hit, drawn, harmed_service_of, stands, switched_on

_NOT_FOUND: Final = 404
_OPERATIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "get": {"methods": ["GET", "HEAD"]},
    "put": {"methods": ["PUT", "POST"]},
    "delete": {"methods": ["DELETE"]},
    "list": {"methods": ["GET"], "query": {"list-type": "*"}},
}
_BUCKET: Final = re.compile(r"[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS: Final = re.compile(r"\d+\.\d+\.\d+\.\d+")
_ERROR: Final = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
_XML: Final = {"Content-Type": "application/xml"}


def _answering(status: int, code: str, message: str) -> Mapping[str, Any]:
    return {"kind": "status", "status": status, "headers": dict(_XML), "body": _ERROR.format(code=code, message=message)}


_HOWS: Final[Mapping[str, Mapping[str, Any]]] = {
    "refuse": {"kind": "refuse"},
    "hang": {"kind": "hang"},
    "slow_down": _answering(503, "SlowDown", "Please reduce your request rate."),
    "error": _answering(500, "InternalError", "We encountered an internal error. Please try again."),
    "deny": _answering(403, "AccessDenied", "Access Denied"),
}
"""What a store that is blocked does; the words are S3's (its error responses in the API reference)."""


@action(landed=are_hit, rights=(*RIGHTS, Right("get", "services/proxy")))
def block(
    view: View,
    *,
    namespace: str,
    name: str = "objects",
    how: str = "slow_down",
    operations: Sequence[str] = (),
    bucket: str = "",
    percent: float = 100.0,
    lasts_seconds: float = 600.0,
) -> Sequence[Change]:
    """Block an object store.

    namespace, name: its Service. how: refuse (connections), hang, slow_down (503 SlowDown), error (500 InternalError) or deny
    (403 AccessDenied). operations: of get, put, delete, list; none means all of them. bucket: the name of
    one, as S3 has them, which harms no other that begins like it; empty for every bucket. percent: how many connections, above
    0 up to 100. lasts_seconds: after which the proxies end it by themselves. With refuse there are no operations and no bucket,
    since there is no request yet. Undone by switching it off. Landed when it is in force in every proxy and a request has met
    it. NoTargetError for a bucket that the store says it has not; stores that say nothing to strangers are believed.
    """
    by = "storage.block"
    if how not in _HOWS:
        raise BadParameterError(f"{by}: expected how to be one of {', '.join(_HOWS)}, but got {how!r}")
    if how == "refuse" and (operations or bucket):
        raise BadParameterError(f"{by}: expected no operations and no bucket with refuse, which comes before any request")
    everything = [_rule(how, _HOWS[how], {"percent": percent})]
    rules = everything if how == "refuse" else _rules(_HOWS[how], operations, bucket, percent, by=by)
    return _switched(view, namespace, name, bucket, Fault(rules, lasts_seconds), by=by)


@action(landed=are_hit, rights=(*RIGHTS, Right("get", "services/proxy")))
def slow(
    view: View,
    *,
    namespace: str,
    name: str = "objects",
    seconds: float,
    distribution: str = "",
    jitter_seconds: float | None = None,
    deviation_seconds: float | None = None,
    shape: float | None = None,
    most_seconds: float | None = None,
    operations: Sequence[str] = (),
    bucket: str = "",
    percent: float = 100.0,
    lasts_seconds: float = 600.0,
) -> Sequence[Change]:
    """Let an object store answer late.

    namespace, name: its Service. seconds: how much later, above 0 up to 3600; with normal the mean, with pareto the least.
    distribution, jitter_seconds, deviation_seconds, shape, most_seconds: as for `services.slow`. operations, bucket, percent,
    lasts_seconds: as for `block`. Undone by switching it off. Landed when it is in force in every proxy and a request has met
    it.
    """
    wanted = Delay(seconds, distribution, jitter_seconds, deviation_seconds, shape, most_seconds)
    fault = {"kind": "latency", "delay": drawn(wanted, by="storage.slow")}
    rules = _rules(fault, operations, bucket, percent, by="storage.slow")
    return _switched(view, namespace, name, bucket, Fault(rules, lasts_seconds), by="storage.slow")


@action(landed=are_hit, rights=(*RIGHTS, Right("get", "services/proxy")))
def cut(
    view: View,
    *,
    namespace: str,
    name: str = "objects",
    after_bytes: int,
    bucket: str = "",
    percent: float = 100.0,
    lasts_seconds: float = 600.0,
) -> Sequence[Change]:
    """Let what is got from an object store end in the middle.

    namespace, name: its Service. after_bytes: of an object's content, 0 up. bucket, percent, lasts_seconds: as for `block`.
    Undone by switching it off. Landed when it is in force in every proxy and an answer has been cut.
    """
    rules = _rules({"kind": "cut", "after_bytes": after_bytes}, ("get",), bucket, percent, by="storage.cut")
    return _switched(view, namespace, name, bucket, Fault(rules, lasts_seconds), by="storage.cut")


def _rules(
    fault: Mapping[str, Any], operations: Sequence[str], bucket: str, percent: float, *, by: str
) -> list[Mapping[str, Any]]:
    if isinstance(operations, str) or not all(operation in _OPERATIONS for operation in operations):
        raise BadParameterError(f"{by}: expected operations as a list of {', '.join(_OPERATIONS)}, but got {operations!r}")
    _check_bucket(bucket, by)
    found = []
    for operation in dict.fromkeys(operations or ("any",)):
        for index, where in enumerate(_wheres(operation, bucket)):
            match = {**_OPERATIONS.get(operation, {}), **where, "percent": percent}
            found.append(_rule(f"{operation}-below" if index else operation, fault, match))
    return found


def _wheres(operation: str, bucket: str) -> Sequence[Mapping[str, str]]:
    """Return the paths of an operation, as matches: what is in a bucket lies below it, and other buckets may begin like it."""
    if operation == "any":
        return ({"path": f"/{bucket}"}, {"path": f"/{bucket}/*"}) if bucket else ({},)
    if operation == "list":
        return ({"path": f"/{bucket}"}, {"path": f"/{bucket}/"}) if bucket else ({"path": "/*"},)
    return ({"path": f"/{bucket or '*'}/?*"},)


def _check_bucket(bucket: str, by: str) -> None:
    """Hold a name to S3's rules for buckets, by which none is a pattern or has others in it."""
    if bucket and (not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket) or _ADDRESS.fullmatch(bucket)):
        raise BadParameterError(
            f"{by}: expected bucket to be the name of one bucket (3 to 63 lower-case letters, digits, dots and hyphens, with a "
            f"letter or digit at both ends, no two dots together, and no IP address), but got {bucket!r}; leave it out for all"
        )


def _rule(name: str, fault: Mapping[str, Any], match: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"name": name, "fault": fault, "match": match}


def _switched(view: View, namespace: str, name: str, bucket: str, fault: Fault, *, by: str) -> Sequence[Change]:
    target = harmed_service_of(view, namespace, name, by=by)
    change = switched_on(target, fault, by=by)
    # A Service that is only planned has no uid yet, and nobody behind it to ask.
    if bucket and target.ref.uid:
        answer = view.ask(target.ref, target.port["port"], f"/{bucket}")
        if answer.status == _NOT_FOUND:
            raise NoTargetError(f"{by}: {target.ref} says that it has no bucket {bucket!r}; name one that it has, or none")
    return [*stands(view, target, Proxies(), by=by), change]
