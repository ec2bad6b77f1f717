"""A pod's status, computed from what its containers are doing; pure.

The kubelet's bookkeeping (`pod.py`) comes in, what the API shows goes out: phase, conditions, container statuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gameday.staging.node.images import image_name
from gameday.staging.node.runtime import Exit
from gameday.staging.quantities import qos_class
from gameday.staging.store import timestamp

Object = dict[str, Any]


@dataclass(slots=True)
class ContainerState:
    """What one container is doing; changed by its runner only."""

    name: str
    image: str
    container_id: str = ""
    restart_count: int = 0
    running_since: datetime | None = None
    started: bool = False
    ready: bool = False
    waiting_reason: str = "ContainerCreating"
    waiting_message: str = ""
    ended: Exit | None = None
    """Its end, while it is neither running nor waiting to run again."""
    last: Exit | None = None
    last_id: str = ""

    @property
    def running(self) -> bool:
        """Say whether its process runs."""
        return self.running_since is not None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a pod's status is made of."""

    pod: Object
    pod_ip: str
    host_ip: str
    started_at: datetime
    now: datetime
    initial: Sequence[ContainerState] = ()
    main: Sequence[ContainerState] = ()
    initialized: bool = True
    stopping: bool = False


def pod_status(snapshot: Snapshot) -> Object:
    """Return the whole status, keeping a condition's lastTransitionTime where it has not changed."""
    phase = _phase(snapshot)
    pod = snapshot.pod
    before = {item["type"]: item for item in (pod.get("status") or {}).get("conditions", ())}
    status: Object = {
        "phase": phase,
        "conditions": [_kept_time(item, before, snapshot.now) for item in _conditions(snapshot, phase)],
        "hostIP": snapshot.host_ip,
        "hostIPs": [{"ip": snapshot.host_ip}],
        "podIP": snapshot.pod_ip,
        "podIPs": [{"ip": snapshot.pod_ip}],
        "startTime": timestamp(snapshot.started_at),
        "qosClass": qos_class(pod["spec"]),
    }
    if snapshot.initial:
        status["initContainerStatuses"] = [container_status(state) for state in snapshot.initial]
    status["containerStatuses"] = [container_status(state) for state in snapshot.main]
    return status


def container_status(state: ContainerState) -> Object:
    """Return one entry of containerStatuses."""
    status: Object = {
        "name": state.name,
        "image": state.image,
        "imageID": f"gameday://{image_name(state.image)}" if state.container_id else "",
        "ready": state.ready,
        "started": state.started,
        "restartCount": state.restart_count,
        "state": _state(state),
        "lastState": {"terminated": terminated(state.last, state.last_id)} if state.last else {},
    }
    if state.container_id:
        status["containerID"] = state.container_id
    return status


def _state(state: ContainerState) -> Object:
    if state.running_since is not None:
        return {"running": {"startedAt": timestamp(state.running_since)}}
    if state.ended is not None:
        return {"terminated": terminated(state.ended, state.container_id)}
    waiting = {"reason": state.waiting_reason}
    if state.waiting_message:
        waiting["message"] = state.waiting_message
    return {"waiting": waiting}


def terminated(end: Exit, container_id: str) -> Object:
    """Return how a container ended, as its status says it."""
    found: Object = {
        "exitCode": end.code,
        "reason": end.reason,
        "startedAt": timestamp(end.started_at),
        "finishedAt": timestamp(end.finished_at),
        "containerID": container_id,
    }
    if end.error:
        found["message"] = end.error
    return found


def _phase(snapshot: Snapshot) -> str:
    policy = snapshot.pod["spec"].get("restartPolicy", "Always")
    if not snapshot.initialized:
        failed = policy == "Never" and any(state.ended and state.ended.code for state in snapshot.initial)
        return "Failed" if failed else "Pending"
    ended = [state.ended for state in snapshot.main if state.ended is not None]
    if len(ended) == len(snapshot.main) and (snapshot.stopping or policy != "Always"):
        failed = any(end.code for end in ended)
        if failed and policy == "OnFailure" and not snapshot.stopping:
            return "Running"
        return "Failed" if failed else "Succeeded"
    begun = any(state.container_id for state in snapshot.main)
    return "Running" if begun else "Pending"


def _conditions(snapshot: Snapshot, phase: str) -> Iterable[Object]:
    done = phase in {"Succeeded", "Failed"}
    yield _condition("PodReadyToStartContainers", not done)
    if snapshot.initialized:
        yield _condition("Initialized", value=True)
    else:
        names = " ".join(state.name for state in snapshot.initial if state.ended is None or state.ended.code)
        yield _condition(
            "Initialized",
            value=False,
            reason="ContainersNotInitialized",
            message=f"containers with incomplete status: [{names}]",
        )
    unready = [state.name for state in snapshot.main if not state.ready]
    reason, message = "", ""
    if done:
        reason = "PodCompleted" if phase == "Succeeded" else "PodFailed"
    elif unready:
        reason, message = "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    ready = not unready and not done
    yield _condition("Ready", ready, reason=reason, message=message)
    yield _condition("ContainersReady", ready, reason=reason, message=message)
    yield _condition("PodScheduled", value=True)


def _condition(kind: str, value: bool, *, reason: str = "", message: str = "") -> Object:  # noqa: FBT001 - what holds
    condition: Object = {"type": kind, "status": str(value), "lastProbeTime": None}
    if reason:
        condition["reason"] = reason
    if message:
        condition["message"] = message
    return condition


def _kept_time(condition: Object, before: dict[str, Object], now: datetime) -> Object:
    old = before.get(condition["type"])
    same = old is not None and old.get("status") == condition["status"] and "lastTransitionTime" in old
    condition["lastTransitionTime"] = old["lastTransitionTime"] if same and old else timestamp(now)
    return condition
