"""The rules of a pod's spec: what it must have, and the little of it that may change once the pod is there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from gameday.staging.errors import Cause
from gameday.staging.history import copy_object
from gameday.staging.quantities import parse_quantity

Object = dict[str, Any]

_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
_MAX_PORT = 65_535
_HANDLERS = ("httpGet", "tcpSocket", "exec", "grpc")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_MUTABLE = ("tolerations", "activeDeadlineSeconds", "terminationGracePeriodSeconds")
_IMMUTABLE_MESSAGE = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_spec_causes(spec: Object, field: str, claims: Iterable[Object] = ()) -> Iterator[Cause]:
    """Return what is wrong with a pod's spec, or a template's, that stands at `field`; `claims` will be volumes, too."""
    containers = spec.get("containers")
    if not isinstance(containers, list) or not containers:
        yield Cause(f"{field}.containers", "Required value", "FieldValueRequired")
        containers = []
    policy = spec.get("restartPolicy")
    if policy not in {"Always", "OnFailure", "Never"}:
        message = f'Unsupported value: "{policy}": supported values: "Always", "OnFailure", "Never"'
        yield Cause(f"{field}.restartPolicy", message, "FieldValueNotSupported")
    names: set[str] = set()
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    volumes |= {(claim.get("metadata") or {}).get("name") for claim in claims}
    for group, items in (("containers", containers), ("initContainers", spec.get("initContainers") or [])):
        for index, container in enumerate(items):
            where = f"{field}.{group}[{index}]"
            yield from _container_causes(container, where, volumes)
            if container.get("name") in names:
                message = f'Duplicate value: "{container["name"]}"'
                yield Cause(f"{where}.name", message, "FieldValueDuplicate")
            names.add(container.get("name", ""))


def _container_causes(container: Object, field: str, volumes: set[Any]) -> Iterator[Cause]:
    name = container.get("name")
    if not name:
        yield Cause(f"{field}.name", "Required value", "FieldValueRequired")
    elif not _LABEL.match(name):
        yield Cause(f"{field}.name", f'Invalid value: "{name}": must be a lowercase RFC 1123 label')
    if not container.get("image"):
        yield Cause(f"{field}.image", "Required value", "FieldValueRequired")
    yield from _content_causes(container, field, volumes)
    yield from _resource_causes(container.get("resources") or {}, f"{field}.resources")
    for kind in _PROBES:
        probe = container.get(kind)
        if isinstance(probe, dict) and not any(probe.get(handler) is not None for handler in _HANDLERS):
            message = "Required value: must specify a handler type"
            yield Cause(f"{field}.{kind}", message, "FieldValueRequired")


def _content_causes(container: Object, field: str, volumes: set[Any]) -> Iterator[Cause]:
    for index, port in enumerate(container.get("ports") or ()):
        number = port.get("containerPort")
        if not isinstance(number, int) or not 1 <= number <= _MAX_PORT:
            message = f"Invalid value: {number}: must be between 1 and 65535, inclusive"
            yield Cause(f"{field}.ports[{index}].containerPort", message)
    for index, variable in enumerate(container.get("env") or ()):
        if not variable.get("name"):
            yield Cause(f"{field}.env[{index}].name", "Required value", "FieldValueRequired")
        if not isinstance(variable.get("value", ""), str):
            yield Cause(f"{field}.env[{index}].value", "Invalid value: must be a string", "FieldValueTypeInvalid")
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            yield Cause(f"{field}.volumeMounts[{index}].name", f'Not found: "{mount.get("name")}"',
                        "FieldValueNotFound")  # fmt: skip


def _resource_causes(resources: Object, field: str) -> Iterator[Cause]:
    limits = resources.get("limits") or {}
    for name, amount in (resources.get("requests") or {}).items():
        if name in limits and parse_quantity(amount) > parse_quantity(limits[name]):
            message = f'Invalid value: "{amount}": must be less than or equal to {name} limit of {limits[name]}'
            yield Cause(f"{field}.requests", message)


def pod_update_causes(old: Object, new: Object) -> Iterator[Cause]:
    """Return a cause if anything changed that is fixed for the life of a pod."""
    if _fixed(old) != _fixed(new):
        yield Cause("spec", _IMMUTABLE_MESSAGE, "FieldValueForbidden")
    removed = [item for item in old.get("tolerations") or () if item not in (new.get("tolerations") or ())]
    if removed:
        message = "Forbidden: existing toleration can not be modified except its tolerationSeconds"
        kept = [{**item, "tolerationSeconds": None} for item in new.get("tolerations") or ()]
        if any({**item, "tolerationSeconds": None} not in kept for item in removed):
            yield Cause("spec.tolerations", message, "FieldValueForbidden")


def _fixed(spec: Object) -> Object:
    fixed = copy_object({key: value for key, value in spec.items() if key not in _MUTABLE})
    for group in ("containers", "initContainers"):
        for container in fixed.get(group) or ():
            container.pop("image", None)
            container.pop("imagePullPolicy", None)
    return fixed
