"""How the cells of kubectl's tables are read from objects, worded as kubectl's users know them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gameday.staging.store import Object

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def at(path: str, absent: Any) -> Callable[[Object], Any]:
    """Return a reader of a dotted field, with what to show where it is absent."""
    steps = path.split(".")

    def read(obj: Object) -> Any:
        here: Any = obj
        for step in steps:
            here = here.get(step) if isinstance(here, dict) else None
        return absent if here is None else here

    return read


def count(*fields: str) -> Callable[[Object], Any]:
    """Return a reader of how much there is in some fields together."""
    return lambda obj: sum(len(obj.get(field) or ()) for field in fields)


def ready_of(ready: str, wanted: str) -> Callable[[Object], Any]:
    """Return a reader of `ready/wanted`."""
    have, want = at(ready, 0), at(wanted, 0)
    return lambda obj: f"{have(obj)}/{want(obj)}"


def age(stamp: str | None, now: datetime) -> str:
    """Return how long ago a timestamp was, in kubectl's short form."""
    if not stamp:
        return "<unknown>"
    then = datetime.fromisoformat(stamp).astimezone(UTC)
    seconds = max(0, int((now - then).total_seconds()))
    if seconds < 2 * _MINUTE:
        return f"{seconds}s"
    if seconds < 10 * _MINUTE:
        minutes, rest = divmod(seconds, _MINUTE)
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    if seconds < 3 * _HOUR:
        return f"{seconds // _MINUTE}m"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR}h"
    return f"{seconds // _DAY}d"


def _container_statuses(pod: Object) -> list[Object]:
    return (pod.get("status") or {}).get("containerStatuses") or []


def pod_ready(pod: Object) -> str:
    """Return `ready/containers`."""
    ready = sum(bool(status.get("ready")) for status in _container_statuses(pod))
    return f"{ready}/{len(pod['spec'].get('containers') or ())}"


def pod_status(pod: Object) -> str:
    """Return the phase, or what says more: Terminating, or why a container does not run."""
    status = pod.get("status") or {}
    shown = status.get("reason") or status.get("phase") or "Unknown"
    for container in _container_statuses(pod):
        state = container.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        if waiting.get("reason"):
            shown = waiting["reason"]
        elif ended:
            shown = ended.get("reason") or f"ExitCode:{ended.get('exitCode', 0)}"
    return "Terminating" if pod["metadata"].get("deletionTimestamp") else str(shown)


def pod_restarts(pod: Object) -> str:
    """Return how often its containers were started again."""
    return str(sum(int(status.get("restartCount", 0)) for status in _container_statuses(pod)))


def _template_spec(obj: Object) -> Object:
    spec: Object = obj["spec"].get("jobTemplate", {}).get("spec") or obj["spec"]
    return dict(spec.get("template", {}).get("spec") or {})


def containers(obj: Object) -> str:
    """Return the names of a template's containers."""
    return ",".join(item["name"] for item in _template_spec(obj).get("containers") or ())


def images(obj: Object) -> str:
    """Return the images of a template's containers."""
    return ",".join(item.get("image", "") for item in _template_spec(obj).get("containers") or ())


def _pairs(labels: Object | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or "<none>"


def selector(obj: Object) -> str:
    """Return a workload's matchLabels."""
    return _pairs((obj["spec"].get("selector") or {}).get("matchLabels"))


def service_selector(obj: Object) -> str:
    """Return a Service's selector."""
    return _pairs(obj["spec"].get("selector"))


def node_selector(obj: Object) -> str:
    """Return a template's node selector."""
    return _pairs(_template_spec(obj).get("nodeSelector"))


def service_ports(obj: Object) -> str:
    """Return `80/TCP`, or `80:30080/TCP` with a node port, for every port."""
    shown = []
    for port in obj["spec"].get("ports") or ():
        node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
        shown.append(f"{port['port']}{node_port}/{port.get('protocol', 'TCP')}")
    return ",".join(shown) or "<none>"


def external_address(obj: Object) -> str:
    """Return the address from outside: none, unless it is an alias for another name."""
    spec = obj["spec"]
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    if spec.get("type") == "LoadBalancer":
        given = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
        return ",".join(item.get("ip") or item.get("hostname", "") for item in given) or "<pending>"
    return ",".join(spec.get("externalIPs") or ()) or "<none>"


def node_status(node: Object) -> str:
    """Return Ready or NotReady, and whether new pods are kept off."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    ready = any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)
    cordoned = ",SchedulingDisabled" if (node.get("spec") or {}).get("unschedulable") else ""
    return ("Ready" if ready else "NotReady") + cordoned


def node_roles(node: Object) -> str:
    """Return the roles in a node's labels."""
    prefix = "node-role.kubernetes.io/"
    labels = node["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))) or "<none>"


def internal_address(node: Object) -> str:
    """Return a node's address inside the cluster."""
    addresses = (node.get("status") or {}).get("addresses") or ()
    return next((item["address"] for item in addresses if item.get("type") == "InternalIP"), "<none>")


def slice_ports(obj: Object) -> str:
    """Return the ports of an EndpointSlice."""
    return ",".join(str(port.get("port", "*")) for port in obj.get("ports") or ()) or "<unset>"


def slice_addresses(obj: Object) -> str:
    """Return the addresses of an EndpointSlice."""
    found = [address for item in obj.get("endpoints") or () for address in item.get("addresses") or ()]
    return ",".join(found) or "<unset>"


def subset_addresses(obj: Object) -> str:
    """Return `address:port` for all that is ready in an Endpoints object."""
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in obj.get("subsets") or ()
        for port in subset.get("ports") or ()
        for address in subset.get("addresses") or ()
    ]
    return ",".join(found) or "<none>"


def event_age(event: Object) -> str:
    """Return when an event was last seen."""
    stamp = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")
    return age(stamp, datetime.now(UTC))


def event_first_seen(event: Object) -> str:
    """Return when an event was first seen."""
    stamp = event.get("firstTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")
    return age(stamp, datetime.now(UTC))


def event_source(event: Object) -> str:
    """Return who saw an event, and on which node."""
    source = event.get("source") or {}
    return ", ".join(source[key] for key in ("component", "host") if source.get(key))


def event_object(event: Object) -> str:
    """Return `pod/name` of what an event is about."""
    about = event.get("involvedObject") or {}
    return f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"


def scale_metrics(obj: Object) -> str:
    """Return what an autoscaler measured, and what it aims at: `cpu: 12%/50%`."""
    measured = {
        item["resource"]["name"]: item["resource"]["current"] for item in (obj.get("status") or {}).get("currentMetrics") or ()
    }
    shown = []
    for metric in obj["spec"].get("metrics") or ():
        source = metric.get("resource") or {}
        name, target = source.get("name", metric.get("type")), source.get("target") or {}
        relative = "averageUtilization" in target
        field, unit = ("averageUtilization", "%") if relative else ("averageValue", "")
        found = (measured.get(name) or {}).get(field)
        now = "<unknown>" if found is None else f"{found}{unit}"
        shown.append(f"{name}: {now}/{target.get(field, '<auto>')}{unit}")
    return ", ".join(shown) or "<none>"


def role(obj: Object) -> str:
    """Return the role that a binding refers to: `ClusterRole/view`."""
    reference = obj.get("roleRef") or {}
    return f"{reference.get('kind')}/{reference.get('name')}"


def subjects(kind: str) -> Callable[[Object], str]:
    """Return a reader of a binding's subjects of one kind; accounts with their namespace."""

    def read(obj: Object) -> str:
        found = [item for item in obj.get("subjects") or () if item.get("kind") == kind]
        return ", ".join(f"{item['namespace']}/{item['name']}" if kind == "ServiceAccount" else item["name"] for item in found)

    return read


def job_status(job: Object) -> str:
    """Return what a Job has come to."""
    held = {item["type"] for item in (job.get("status") or {}).get("conditions") or () if item["status"] == "True"}
    for kind, shown in (("Complete", "Complete"), ("Failed", "Failed"), ("Suspended", "Suspended")):
        if kind == "Suspended" and job["metadata"].get("deletionTimestamp"):
            return "Terminating"
        if kind in held:
            return shown
    return next((kind for kind in ("FailureTarget", "SuccessCriteriaMet") if kind in held), "Running")


def job_completions(job: Object) -> str:
    """Return `succeeded/wanted` of a Job."""
    succeeded, parallelism = (job.get("status") or {}).get("succeeded", 0), job["spec"].get("parallelism", 0)
    several = f" of {parallelism}" if parallelism > 1 else ""
    wanted = job["spec"].get("completions")
    return f"{succeeded}/1{several}" if wanted is None else f"{succeeded}/{wanted}"


def job_duration(job: Object) -> str:
    """Return how long a Job has run, or ran."""
    status = job.get("status") or {}
    end = datetime.fromisoformat(status["completionTime"]) if status.get("completionTime") else datetime.now(UTC)
    return age(status["startTime"], end) if status.get("startTime") else ""


def last_schedule(obj: Object) -> str:
    """Return how long ago a CronJob last started a Job."""
    at = (obj.get("status") or {}).get("lastScheduleTime")
    return age(at, datetime.now(UTC)) if at else "<none>"


def controller(obj: Object) -> str:
    """Return what controls an object: `statefulset.apps/name`."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            group = reference["apiVersion"].rpartition("/")[0]
            return f"{reference['kind'].lower()}{'.' if group else ''}{group}/{reference['name']}"
    return "<none>"


def scale_target(obj: Object) -> str:
    """Return `Deployment/name` of what an autoscaler scales."""
    target = obj["spec"].get("scaleTargetRef") or {}
    return f"{target.get('kind', '')}/{target.get('name', '')}"
