"""Actions on traffic: how often the run's own customers come, and which pods answer them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gameday.change import Change, ChangeLoad, Evidence, Observations, PatchObject, Right, action
from gameday.cluster import ObjectRef, Selection, View
from gameday.cluster.reading import pods_of, selector_text
from gameday.errors import BadParameterError, NoTargetError
from gameday.traffic import windows as folds
from gameday.traffic.spec import HIGHEST_RATE_PER_SECOND, LONGEST_RAMP_SECONDS, valid_ramp, valid_rate

_SPAN_SECONDS: Final = 1.0
_SPAN_JOURNEYS: Final = 10
"""How much of the load is looked at: at least a second, and so long that this many journeys are due."""
_NEAR: Final = 0.1
"""How far from the wanted rate the offered one may be, as a share of it."""
_SELECTOR: Final = "/spec/selector"


def offered(observations: Observations, changes: Sequence[Change]) -> Evidence:
    """Count the journeys that were really due to begin, in the windows that the load generator writes."""
    wanted = next((change.rate_per_second for change in changes if isinstance(change, ChangeLoad)), 0.0)
    if not wanted:
        return Evidence(None, "no load was to be changed")
    found = observations.windows(seconds=max(_SPAN_SECONDS, _SPAN_JOURNEYS / wanted))
    seconds = sum(window.seconds for window in found)
    if not seconds:
        return Evidence(None, "no samples of the load were taken")
    rate = sum(window.offered for window in found) / seconds
    # Of evenly spaced journeys, one more or less falls into a stretch of time.
    near = abs(rate - wanted) <= max(_NEAR * wanted, 1.5 / seconds)
    told = f"{rate:.1f} journeys a second were due within the last {seconds:.1f} s; {wanted:g} expected"
    if not folds.generator_kept_up(found):
        return Evidence(None, f"{told}, but the load generator did not keep to its schedule")
    return Evidence(near, told)


@action(measured=offered)
def surge(view: View, *, times: float = 0.0, rate_per_second: float = 0.0, over_seconds: float = 0.0) -> Sequence[Change]:
    """Change how often the customers come that the run sends: a crowd at the start of a sale, or nobody at night.

    times: how many times as often as when the action begins, above 0; or rate_per_second: customers a second, above 0 and up
    to 10,000. Exactly one of the two. over_seconds: how long the way there takes, in a straight line, from 0 (at once) to
    3,600. The load is open: customers come when they are due, however long the others wait. Undone by the former rate, at
    once, by the guardian of the run alone; the load ends with it. Needs no rights in the cluster, but `traffic` in the
    experiment. Landed when the journeys that were really due in the last second are as many as asked for, give or take a
    tenth; until then the action lasts.
    """
    del view
    _check(times, rate_per_second, over_seconds)
    return [ChangeLoad(rate_per_second=float(rate_per_second), times=float(times), over_seconds=float(over_seconds))]


def _check(times: float, rate_per_second: float, over_seconds: float) -> None:
    given = [name for name, value in (("times", times), ("rate_per_second", rate_per_second)) if value != 0]
    if len(given) != 1:
        told = " and ".join(given) or "neither"
        raise BadParameterError(f"traffic.surge: expected either times or rate_per_second, above 0, but got {told}")
    for name, value in (("times", times or 1.0), ("rate_per_second", rate_per_second or 1.0)):
        if not valid_rate(value):
            raise BadParameterError(
                f"traffic.surge: expected {name} above 0 and up to {HIGHEST_RATE_PER_SECOND:g}, but got {value!r}"
            )
    if not valid_ramp(over_seconds):
        raise BadParameterError(
            f"traffic.surge: expected over_seconds from 0 to {LONGEST_RAMP_SECONDS:g}, but got {over_seconds!r}"
        )


def goes_there(view: View, changes: Sequence[Change]) -> Evidence:
    """Look at the Service's EndpointSlices, which another controller writes: whom they name as ready, and nobody else."""
    for change in changes:
        if isinstance(change, PatchObject):
            labels = selector_text({"matchLabels": change.fields[_SELECTOR]})
            wanted = {pod["metadata"]["uid"] for pod in pods_of(view, change.ref.namespace, labels)}
            ready = _ready_uids(view, change.ref)
            others = len(ready - wanted)
            told = f"{len(ready & wanted)} ready pod(s) of {labels} answer for {change.ref}, and {others} others"
            return Evidence(bool(ready) and not others, told)
    return Evidence(None, "no Service was to be redirected")


@action(
    landed=goes_there,
    rights=(
        Right("get", "services"),
        Right("patch", "services"),
        Right("list", "pods"),
        Right("list", "endpointslices", "discovery.k8s.io"),
    ),
)
def redirect(view: View, *, namespace: str, name: str, selector: Mapping[str, str]) -> Sequence[Change]:
    """Have other pods answer for a Service: those of another zone, or of a workload that has capacity to spare.

    namespace, name: the Service. selector: the labels of the pods, instead of those that it has now; all labels count. New
    connections follow at once, kept-alive ones stay where they are. Undone by the former selector, unless
    somebody else has set another since. Landed when
    the Service's EndpointSlices name none but ready pods with these labels. NoTargetError if there is no such Service, or no
    pod with these labels.
    """
    if not isinstance(selector, Mapping) or not selector or not all(isinstance(v, str) for v in [*selector, *selector.values()]):
        raise BadParameterError(f"traffic.redirect: expected selector as label: value, at least one, but got {selector!r}")
    ref = ObjectRef("v1", "Service", namespace, name)
    service = view.get(ref)
    if service is None or not service["spec"].get("selector"):
        raise NoTargetError(f"there is no {ref} with a selector in this cluster. See: kubectl get services -n {namespace}")
    if not list(pods_of(view, namespace, selector_text({"matchLabels": dict(selector)}))):
        raise NoTargetError(f"no pod in namespace {namespace!r} has the labels {dict(selector)!r}, so nobody would answer")
    if service["spec"]["selector"] == dict(selector):
        return []
    return [PatchObject(ObjectRef.of(service), {_SELECTOR: dict(selector)})]


def _ready_uids(view: View, service: ObjectRef) -> set[str]:
    slices = view.list(Selection("discovery.k8s.io/v1", "EndpointSlice", service.namespace))
    return {
        endpoint.get("targetRef", {}).get("uid", "")
        for found in slices
        if (found["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == service.name
        for endpoint in found.get("endpoints") or ()
        if endpoint.get("conditions", {}).get("ready", True)
    }
