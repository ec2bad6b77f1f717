"""Actions on what passes between a Service and its pods: slow, failing, refused, hung, cut, for everybody or for a cohort.

Each switches one fault on in proxies that stand between the two. `interpose` puts them there, passing everything through, and
belongs under `prepare`, so that the baseline is taken with them in place and no connection is kept alive past them; a fault
whose Service is not interposed yet does it first by itself. One Service has one fault at a time.

All faults take `match`, which requests are harmed (nothing: all of them), and `lasts_seconds`, after which the proxies end it by
themselves. The fields of `match` are those of the settings in docs/interposing.md: methods, path, headers, query, percent,
customer (one of header, cookie, query, by which a percentage is drawn once per customer), and seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gameday.change import Change, Right, action
from gameday.cluster import View
from gameday.errors import BadParameterError
from gameday.interposition import (
    PROTOCOLS,
    Delay,
    Fault,
    Outside,
    Proxies,
    are_hit,
    drawn,
    harmed_service_of,
    is_in_place,
    service_of,
    stands,
    stands_for,
    switched_on,
)

_PORTS = 65536

RIGHTS = (
    Right("get", "services"),
    Right("patch", "services"),
    Right("create", "services"),
    Right("get", "serviceaccounts"),
    Right("create", "deployments", "apps"),
    Right("get", "deployments", "apps"),
    Right("create", "configmaps"),
    Right("list", "pods"),
    Right("get", "pods/proxy"),
    Right("list", "endpointslices", "discovery.k8s.io"),
)


@action(landed=is_in_place, rights=[right for right in RIGHTS if right.resource != "configmaps"])
def interpose(view: View, *, namespace: str, name: str, protocol: str = "http", replicas: int = 2) -> Sequence[Change]:
    """Put proxies between a Service and its pods that pass everything through, ready for a fault.

    namespace, name: the Service; one with one TCP port and a selector. protocol: http, or tcp for anything else, in which
    only connections are told apart. replicas: of the proxy, from 1 to 10. Undone by repointing the Service to its pods, then
    removing the proxies, which drain first. Landed when every endpoint of the Service is a proxy that answers. NoTargetError
    without such a Service, without pods, or without the account `gameday-proxy` (gameday install -n); BadParameterError where
    no proxy can stand: headless, ExternalName, several ports, UDP, TLS with http, pods in a mesh. One that is interposed
    needs no change.
    """
    by = "services.interpose"
    target = service_of(view, namespace, name, protocol=protocol, by=by)
    return stands(view, target, Proxies(protocol, replicas), by=by)


@action(landed=is_in_place, rights=[right for right in RIGHTS if right.resource != "configmaps"])
def represent(
    view: View, *, namespace: str, name: str, host: str, port: int, protocol: str = "http", replicas: int = 2
) -> Sequence[Change]:
    """Make a Service of proxies that stands for something outside the cluster, and passes everything on to it.

    namespace, name: of the new Service. host, port: what is outside, as a pod reaches it. protocol: http, or tcp. replicas:
    of the proxy, from 1 to 10. A workload uses it once its own setting points there, by `config.set_env`: with the name of
    the Service, or on any cluster with `$(NAME_SERVICE_HOST)`. Undone by removing both, after what was pointed there. Landed
    when every endpoint of the Service is a proxy that answers, which it does once it has reached what is outside. What checks
    a certificate against the host's name will not accept this one. BadParameterError where the Service is there and is
    somebody else's.
    """
    by = "services.represent"
    if protocol not in PROTOCOLS:
        raise BadParameterError(f"{by}: expected protocol to be http or tcp, but got {protocol!r}")
    if not isinstance(host, str) or not host or any(letter in host for letter in "/ @"):
        raise BadParameterError(f"{by}: expected host to be a name or an address, but got {host!r}")
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < _PORTS:
        raise BadParameterError(f"{by}: expected port to be a number from 1 to {_PORTS - 1}, but got {port!r}")
    return stands_for(view, Outside(name, namespace, host, port), Proxies(protocol, replicas), by=by)


@action(landed=are_hit, rights=RIGHTS)
def slow(
    view: View,
    *,
    namespace: str,
    name: str,
    seconds: float,
    distribution: str = "",
    jitter_seconds: float | None = None,
    deviation_seconds: float | None = None,
    shape: float | None = None,
    most_seconds: float | None = None,
    match: Mapping[str, Any] | None = None,
    lasts_seconds: float = 600.0,
) -> Sequence[Change]:
    """Pass requests on later than they came.

    namespace, name: the Service. seconds: how much later, above 0 up to 3600; with normal the mean, with pareto the least.
    distribution: by which each delay is drawn: constant, uniform, normal or pareto; left out, uniform with a jitter and
    constant without. jitter_seconds: with uniform, from that much less to that much more, each as likely; at most seconds.
    deviation_seconds: with normal, the standard deviation; what would be below zero is zero. shape: with pareto, above 0 up to
    100; the smaller, the longer the tail (at 1 one in ten takes ten times the least or more, at 2 one in a hundred).
    most_seconds: with normal and pareto, above which no delay is; None is 60. match, lasts_seconds: see above. Undone by
    switching it off, upon which what waits is passed on. Landed when it is in force in every proxy and a request has met it.
    """
    wanted = Delay(seconds, distribution, jitter_seconds, deviation_seconds, shape, most_seconds)
    fault = {"kind": "latency", "delay": drawn(wanted, by="services.slow")}
    return _on(view, _Wish(namespace, name, "slow", fault, match, lasts_seconds))


@action(landed=are_hit, rights=RIGHTS)
def throttle(
    view: View,
    *,
    namespace: str,
    name: str,
    bytes_per_second: float,
    match: Mapping[str, Any] | None = None,
    lasts_seconds: float = 600.0,
) -> Sequence[Change]:
    """Let requests and answers pass no faster than so many bytes a second.

    namespace, name: the Service. bytes_per_second: 1 up, for each direction. match, lasts_seconds: see above. Undone by
    switching it off. Landed when it is in force in every proxy and a request has met it.
    """
    fault = {"kind": "bandwidth", "bytes_per_second": bytes_per_second}
    return _on(view, _Wish(namespace, name, "throttle", fault, match, lasts_seconds))


@action(landed=are_hit, rights=RIGHTS)
def fail(
    view: View,
    *,
    namespace: str,
    name: str,
    status: int = 503,
    headers: Mapping[str, str] | None = None,
    body: str = "",
    match: Mapping[str, Any] | None = None,
    lasts_seconds: float = 600.0,
) -> Sequence[Change]:
    """Answer requests with an error instead of passing them on.

    namespace, name: the Service. status: from 200 to 599. headers, body: of that answer. match, lasts_seconds: see above.
    Undone by switching it off. Landed when it is in force in every proxy and a request has met it.
    """
    fault = {"kind": "status", "status": status, "headers": dict(headers or {}), "body": body}
    return _on(view, _Wish(namespace, name, "fail", fault, match, lasts_seconds))


@action(landed=are_hit, rights=RIGHTS)
def refuse(view: View, *, namespace: str, name: str, percent: float = 100.0, lasts_seconds: float = 600.0) -> Sequence[Change]:
    """Refuse connections, as where nothing listens.

    namespace, name: the Service. percent: of the connections, above 0 up to 100; with less than 100 they are reset as they come.
    lasts_seconds: see above. Undone by switching it off. Landed when every proxy refuses, or connections were refused.
    """
    return _on(view, _Wish(namespace, name, "refuse", {"kind": "refuse"}, {"percent": percent}, lasts_seconds))


@action(landed=are_hit, rights=RIGHTS)
def hang(
    view: View, *, namespace: str, name: str, match: Mapping[str, Any] | None = None, lasts_seconds: float = 600.0
) -> Sequence[Change]:
    """Accept requests and answer none until the fault ends.

    namespace, name: the Service. match, lasts_seconds: see above. Undone by switching it off, upon which whatever a client still
    waits for is passed on. Landed when it is in force in every proxy and a request has met it.
    """
    return _on(view, _Wish(namespace, name, "hang", {"kind": "hang"}, match, lasts_seconds))


@action(landed=are_hit, rights=RIGHTS)
def reset(
    view: View,
    *,
    namespace: str,
    name: str,
    at: str = "request",
    match: Mapping[str, Any] | None = None,
    lasts_seconds: float = 600.0,
) -> Sequence[Change]:
    """Reset connections in the middle of a request.

    namespace, name: the Service. at: request, before it is passed on, so that it certainly did not happen; or response, when its
    answer begins, so that it may have. match, lasts_seconds: see above. Undone by switching it off. Landed when it is in force
    in every proxy and a request has met it.
    """
    return _on(view, _Wish(namespace, name, "reset", {"kind": "reset", "at": at}, match, lasts_seconds))


@action(landed=are_hit, rights=RIGHTS)
def cut(
    view: View,
    *,
    namespace: str,
    name: str,
    after_bytes: int,
    match: Mapping[str, Any] | None = None,
    lasts_seconds: float = 600.0,
) -> Sequence[Change]:
    """End answers in the middle of their body.

    namespace, name: the Service. after_bytes: of content, 0 up. match, lasts_seconds: see above. Undone by switching it off.
    Landed when it is in force in every proxy and an answer has been cut.
    """
    return _on(view, _Wish(namespace, name, "cut", {"kind": "cut", "after_bytes": after_bytes}, match, lasts_seconds))


@dataclass(frozen=True, slots=True)
class _Wish:
    namespace: str
    name: str
    func: str
    fault: Mapping[str, Any]
    match: Mapping[str, Any] | None
    lasts_seconds: float


def _on(view: View, wish: _Wish) -> Sequence[Change]:
    by = f"services.{wish.func}"
    target = harmed_service_of(view, wish.namespace, wish.name, by=by)
    rule = {"name": wish.func, "fault": wish.fault, "match": dict(wish.match or {})}
    change = switched_on(target, Fault([rule], wish.lasts_seconds), by=by)
    return [*stands(view, target, Proxies(), by=by), change]
