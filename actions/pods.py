"""Actions on pods: losing one, as a crash or an eviction loses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from gameday.change import Change, DeletePod, EvictPod, Evidence, PodSighting, Right, action
from gameday.cluster import ObjectRef, Selection, View
from gameday.cluster.reading import running_pods
from gameday.errors import BadParameterError, NoTargetError

_SLICES = ("discovery.k8s.io/v1", "EndpointSlice")


def gone(view: View, changes: Sequence[Change]) -> Evidence:
    """Look for the pods where they used to answer: at their own addresses and in the EndpointSlices.

    Both are read paths other than the deletion: a socket of the process itself, and what the endpoint controller says.
    """
    seen = [_gone(view, change) for change in changes if isinstance(change, DeletePod | EvictPod)]
    verdicts = {evidence.landed for evidence in seen}
    landed = False if False in verdicts else None if None in verdicts or not seen else True
    return Evidence(landed, "; ".join(evidence.seen for evidence in seen) or "no pod was to be killed")


@action(
    landed=gone,
    rights=(
        Right("list", "pods"),
        Right("get", "pods"),
        Right("delete", "pods"),
        Right("list", "endpointslices", "discovery.k8s.io"),
    ),
)
def kill(
    view: View, *, namespace: str, selector: str, count: int = 1, grace_seconds: int | None = None, evict: bool = False
) -> Sequence[Change]:
    """Delete running pods that a label selector matches, the first `count` of them by name.

    namespace, selector: where, and which, as kubectl's -n and -l take them. count: how many pods; at least 1.
    grace_seconds: None leaves the pod's own grace period, 0 kills at once. evict: ask for an eviction instead, which a
    PodDisruptionBudget may refuse. Undone when the replacements are Ready; a pod that nothing owns is refused by the guard.
    Landed when the pod's own ports refuse connections, or, where pods cannot be reached from here, when no EndpointSlice
    lists it as ready any more. NoTargetError if fewer than `count` running pods match.
    """
    if count < 1:
        raise BadParameterError(f"pods.kill: expected count to be a whole number from 1, but got {count!r}")
    pods = list(islice(running_pods(view, namespace, selector), count))
    if len(pods) < count:
        raise NoTargetError(
            f"expected at least {count} running pod(s) for the selector {selector!r} in namespace {namespace!r}, "
            f"but found {len(pods)}. See: kubectl get pods -n {namespace} -l {selector!r}"
        )
    ready = ready_uids(view, namespace)
    kind = EvictPod if evict else DeletePod
    return [kind(ObjectRef.of(pod), grace_seconds, sighting(pod, ready)) for pod in pods]


def _gone(view: View, change: DeletePod | EvictPod) -> Evidence:
    answers = {address: view.connects(*_host_and_port(address)) for address in change.sighting.addresses}
    still = [address for address, answer in answers.items() if answer]
    if still:
        return Evidence(False, f"{change.ref} still answers at {still[0]}")
    listed = change.ref.uid in ready_uids(view, change.ref.namespace)
    if listed:
        return Evidence(False, f"an EndpointSlice still lists {change.ref} as ready")
    refused = [address for address, answer in answers.items() if answer is False]
    if refused:
        return Evidence(True, f"{change.ref} is gone: {refused[0]} refuses connections and no EndpointSlice lists it")
    if change.sighting.behind_service:
        return Evidence(True, f"no EndpointSlice lists {change.ref} as ready any more")
    return Evidence(None, f"{change.ref} was behind no Service and its address cannot be reached from here")


def ready_uids(view: View, namespace: str) -> set[str]:
    """Return the uids of what the namespace's EndpointSlices list as ready."""
    return {
        endpoint.get("targetRef", {}).get("uid", "")
        for slice_ in view.list(Selection(*_SLICES, namespace))
        for endpoint in slice_.get("endpoints") or ()
        if endpoint.get("conditions", {}).get("ready", True)
    }


def sighting(pod: Mapping[str, Any], ready: set[str]) -> PodSighting:
    """Return where a pod answers now: its addresses, and whether it is among those that are ready behind a Service."""
    ip = pod.get("status", {}).get("podIP", "")
    ports = [
        port["containerPort"]
        for container in pod["spec"].get("containers", ())
        for port in container.get("ports", ())
        if port.get("protocol", "TCP") == "TCP"
    ]
    addresses = tuple(f"{ip}:{port}" for port in ports) if ip else ()
    return PodSighting(addresses, behind_service=pod["metadata"]["uid"] in ready)


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
