"""What an object must be to be accepted: required fields, names, limits, and what cannot change afterwards.

Returns every rule that is broken, as causes with the field's path, in Kubernetes' wording. It covers what users meet; it
is not a schema, and an unknown field passes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from gameday.staging import resources as kinds
from gameday.staging.batch_rules import cron_job_causes, job_causes, job_update_causes
from gameday.staging.errors import Cause
from gameday.staging.pod_rules import pod_spec_causes, pod_update_causes
from gameday.staging.resources import Resource
from gameday.staging.role_rules import binding_causes, binding_update_causes, role_causes
from gameday.staging.selectors import LabelSelector

Object = dict[str, Any]
Causes = Iterator[Cause]

_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_LABEL_KEY = re.compile(r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)$")
_ENDS = "must start and end with an alphanumeric character"
_NAME = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_RULE = (
    f"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and {_ENDS} "
    rf"(e.g. 'example.com', regex used for validation is '{_NAME}(\.{_NAME})*')"
)
_LABEL_RULE = (
    f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and {_ENDS} "
    f"(e.g. 'my-name',  or '123-abc', regex used for validation is '{_NAME}')"
)
_VALUE_RULE = (
    f"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and {_ENDS} "
    "(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_KEY_RULE = (
    f"name part must consist of alphanumeric characters, '-', '_' or '.', and {_ENDS} "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_DATA_KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_PERCENT = re.compile(r"^(100|[0-9]{1,2})%$")
_PERCENT_RULE = "a valid percent string must be a numeric string followed by an ending '%', from 0% to 100% (e.g. '1%' or '93%')"
_MUTABLE_OF_STATEFUL_SETS = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_STATEFUL_SET_RULE = (
    "Forbidden: updates to statefulset spec for fields other than "
    f"{', '.join(repr(name) for name in _MUTABLE_OF_STATEFUL_SETS[:-1])} and 'minReadySeconds' are forbidden"
)
_MAX_SUBDOMAIN, _MAX_LABEL, _MAX_PORT = 253, 63, 65_535
_MAX_ANNOTATIONS_BYTES = 256 * 1024
_MAX_DATA_BYTES = 1024 * 1024
_STANDARD_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
_FREE_NAMES = (kinds.ROLES, kinds.CLUSTER_ROLES, kinds.ROLE_BINDINGS, kinds.CLUSTER_ROLE_BINDINGS)
_LABEL_NAMES = (kinds.NAMESPACES, kinds.SERVICES)
_WORKLOADS = (kinds.DEPLOYMENTS, kinds.REPLICA_SETS, kinds.STATEFUL_SETS, kinds.DAEMON_SETS)


def create_causes(resource: Resource, obj: Object) -> list[Cause]:
    """Return what is wrong with a new object, its defaults filled in."""
    return [*_metadata_causes(resource, obj["metadata"]), *_kind_causes(resource, obj)]


def update_causes(resource: Resource, old: Object, new: Object) -> list[Cause]:
    """Return what is wrong with a new version of an object."""
    causes = [*_metadata_causes(resource, new["metadata"]), *_kind_causes(resource, new)]
    if resource in {kinds.ROLE_BINDINGS, kinds.CLUSTER_ROLE_BINDINGS}:
        causes += binding_update_causes(old, new)
    if resource is kinds.JOBS:
        causes += job_update_causes(old["spec"], new["spec"])
    if resource is kinds.PODS:
        causes += pod_update_causes(old["spec"], new["spec"])
    if (
        resource in _WORKLOADS
        and resource is not kinds.STATEFUL_SETS
        and old["spec"].get("selector") != new["spec"].get("selector")
    ):
        shown = orjson.dumps(new["spec"].get("selector")).decode()
        causes.append(Cause("spec.selector", f"Invalid value: {shown}: field is immutable"))
    if resource is kinds.STATEFUL_SETS and _fixed(old["spec"]) != _fixed(new["spec"]):
        causes.append(Cause("spec", _STATEFUL_SET_RULE, "FieldValueForbidden"))
    if resource in {kinds.SECRETS, kinds.CONFIG_MAPS}:
        causes += _immutable_data_causes(resource, old, new)
    if resource is kinds.SECRETS and old.get("type") != new.get("type"):
        causes.append(Cause("type", f'Invalid value: "{new.get("type")}": field is immutable'))
    if resource is kinds.SERVICES:
        before, after = old["spec"].get("clusterIP"), new["spec"].get("clusterIP")
        if before and after != before and new["spec"]["type"] != "ExternalName":
            causes.append(Cause("spec.clusterIPs[0]", f'Invalid value: ["{after or ""}"]: may not change once set'))
    return causes


def _fixed(spec: Object) -> Object:
    """Return what of a StatefulSet's spec stays as it was made."""
    return {key: value for key, value in spec.items() if key not in _MUTABLE_OF_STATEFUL_SETS}


def _kind_causes(resource: Resource, obj: Object) -> Causes:
    check = _CHECKS.get(resource)
    return check(obj) if check else iter(())


def required(field: str, message: str = "") -> Cause:
    """Return the cause for a field that must be there."""
    return Cause(field, f"Required value{': ' if message else ''}{message}", "FieldValueRequired")


def _name_causes(resource: Resource, name: str | None) -> Causes:
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif resource in _FREE_NAMES:
        if "/" in name or "%" in name or name in {".", ".."}:
            yield Cause("metadata.name", f"Invalid value: \"{name}\": may not contain '/' or '%'")
    else:
        label = resource in _LABEL_NAMES
        rule, limit = (_LABEL, _MAX_LABEL) if label else (_SUBDOMAIN, _MAX_SUBDOMAIN)
        if label and "." in name:
            yield Cause("metadata.name", f'Invalid value: "{name}": must not contain dots')
        elif len(name) > limit:
            yield Cause("metadata.name", f'Invalid value: "{name}": must be no more than {limit} characters')
        elif not rule.match(name):
            yield Cause("metadata.name", f'Invalid value: "{name}": {_LABEL_RULE if label else _SUBDOMAIN_RULE}')


def _metadata_causes(resource: Resource, metadata: Object) -> Causes:
    yield from _name_causes(resource, metadata.get("name"))
    yield from label_causes("metadata.labels", metadata.get("labels"))
    yield from _annotation_causes(metadata.get("annotations"))
    yield from _keeper_causes(metadata)


def _keeper_causes(metadata: Object) -> Causes:
    """Return what is wrong with owners and finalizers, which decide how long an object stays."""
    for reference in metadata.get("ownerReferences") or ():
        for field in ("apiVersion", "kind", "name", "uid"):
            if not reference.get(field):
                yield Cause(f"metadata.ownerReferences.{field}", 'Invalid value: "": must not be empty')
    for finalizer in metadata.get("finalizers") or ():
        if "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
            message = f'Invalid value: "{finalizer}": name is neither a standard finalizer name nor is it fully qualified'
            yield Cause("metadata.finalizers", message)


def label_causes(field: str, labels: Any) -> Causes:
    """Return what is wrong with a map of labels."""
    if labels is None:
        return
    if not isinstance(labels, dict):
        yield Cause(field, "Invalid value: must be a map of strings", "FieldValueTypeInvalid")
        return
    for key, value in labels.items():
        if not _LABEL_KEY.match(key):
            yield Cause(field, f'Invalid value: "{key}": {_KEY_RULE}')
        if isinstance(value, str) and len(value) > _MAX_LABEL:
            yield Cause(field, f'Invalid value: "{value}": must be no more than {_MAX_LABEL} bytes')
        elif not isinstance(value, str) or not _LABEL_VALUE.match(value):
            yield Cause(field, f'Invalid value: "{value}": {_VALUE_RULE}')


def _annotation_causes(annotations: Any) -> Causes:
    if annotations is None:
        return
    if not isinstance(annotations, dict) or not all(isinstance(value, str) for value in annotations.values()):
        yield Cause("metadata.annotations", "Invalid value: must be a map of strings", "FieldValueTypeInvalid")
    elif sum(len(key) + len(value.encode()) for key, value in annotations.items()) > _MAX_ANNOTATIONS_BYTES:
        yield Cause(
            "metadata.annotations",
            f"Too long: may not be more than {_MAX_ANNOTATIONS_BYTES} bytes",
            "FieldValueTooLong",
        )


def _workload_causes(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    yield from _replicas_causes(spec)
    selector, template = spec.get("selector"), spec.get("template")
    if not selector:
        yield required("spec.selector")
    if not isinstance(template, dict):
        yield required("spec.template")
        return
    labels = template.get("metadata", {}).get("labels") or {}
    yield from label_causes("spec.template.metadata.labels", labels)
    if selector and not LabelSelector.of(selector).matches(labels):
        yield Cause(
            "spec.template.metadata.labels",
            f"Invalid value: {_as_json(labels)}: `selector` does not match template `labels`",
        )
    claims = spec.get("volumeClaimTemplates") or ()
    yield from pod_spec_causes(template.get("spec") or {}, "spec.template.spec", claims)
    if template["spec"].get("restartPolicy") != "Always":
        policy = template["spec"].get("restartPolicy")
        message = f'Unsupported value: "{policy}": supported values: "Always"'
        yield Cause("spec.template.spec.restartPolicy", message, "FieldValueNotSupported")


def _as_json(labels: Object) -> str:
    return "{" + ",".join(f'"{key}":"{value}"' for key, value in sorted(labels.items())) + "}"


def _replicas_causes(spec: Object) -> Causes:
    replicas = spec.get("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        yield Cause("spec.replicas", f"Invalid value: {replicas}: must be greater than or equal to 0")


def _pod_causes(obj: Object) -> Causes:
    return pod_spec_causes(obj.get("spec") or {}, "spec")


def _service_causes(obj: Object) -> Causes:
    spec = obj["spec"]
    if spec["type"] == "ExternalName":
        if not spec.get("externalName"):
            yield required("spec.externalName")
        return
    ports = spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    seen: set[Any] = set()
    for index, port in enumerate(ports):
        number, field = port.get("port"), f"spec.ports[{index}]"
        if not isinstance(number, int) or not 1 <= number <= _MAX_PORT:
            yield Cause(f"{field}.port", f"Invalid value: {number}: must be between 1 and 65535, inclusive")
        if len(ports) > 1 and not port.get("name"):
            yield required(f"{field}.name")
        if (number, port["protocol"]) in seen:
            yield Cause(field, f"Duplicate value: {number}/{port['protocol']}", "FieldValueDuplicate")
        seen.add((number, port["protocol"]))
    yield from label_causes("spec.selector", spec.get("selector"))


def _secret_causes(obj: Object) -> Causes:
    size = 0
    for key, value in (obj.get("data") or {}).items():
        try:
            size += len(base64.b64decode(value or "", validate=True))
        except (binascii.Error, TypeError, ValueError):
            yield Cause(f"data[{key}]", "Invalid value: illegal base64 data")
    yield from _size_causes("data", size)


def _config_map_causes(obj: Object) -> Causes:
    data = obj.get("data") or {}
    for key, value in data.items():
        if not _DATA_KEY.fullmatch(key):
            yield Cause(f"data[{key}]", f'Invalid value: "{key}": {_DATA_KEY_RULE}')
        if not isinstance(value, str):
            yield Cause(f"data[{key}]", "Invalid value: must be a string", "FieldValueTypeInvalid")
    plain = sum(len(value.encode()) for value in data.values() if isinstance(value, str))
    yield from _size_causes("", plain + sum(len(item) * 3 // 4 for item in (obj.get("binaryData") or {}).values()))


def _size_causes(field: str, size: int) -> Causes:
    if size > _MAX_DATA_BYTES:
        message = f"Too long: may not be more than {_MAX_DATA_BYTES} bytes"
        yield Cause(field or "[]", message, "FieldValueTooLong")


def _immutable_data_causes(resource: Resource, old: Object, new: Object) -> Causes:
    if not old.get("immutable"):
        return
    for field in ("data", "binaryData") if resource is kinds.CONFIG_MAPS else ("data",):
        if old.get(field) != new.get(field):
            yield Cause(field, "Forbidden: field is immutable when `immutable` is set", "FieldValueForbidden")
    if not new.get("immutable"):
        yield Cause("immutable", "Forbidden: field is immutable when `immutable` is set", "FieldValueForbidden")


def _budget_causes(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        message = f"Invalid value: {orjson.dumps(spec).decode()}: minAvailable and maxUnavailable cannot be both set"
        yield Cause("spec", message)
    for field in ("minAvailable", "maxUnavailable"):
        amount = spec.get(field)
        if isinstance(amount, str) and not _PERCENT.match(amount):
            yield Cause(f"spec.{field}", f'Invalid value: "{amount}": {_PERCENT_RULE}')
        elif isinstance(amount, int) and amount < 0:
            yield Cause(f"spec.{field}", f"Invalid value: {amount}: must be greater than or equal to 0")


def _autoscaler_causes(obj: Object) -> Causes:
    spec = obj["spec"]
    reference = spec.get("scaleTargetRef") or {}
    for field in ("kind", "name"):
        if not reference.get(field):
            yield required(f"spec.scaleTargetRef.{field}")
    if spec["minReplicas"] < 1:
        yield Cause("spec.minReplicas", f"Invalid value: {spec['minReplicas']}: must be greater than or equal to 1")
    elif isinstance(spec.get("maxReplicas"), int) and spec["maxReplicas"] < spec["minReplicas"]:
        message = f"Invalid value: {spec['maxReplicas']}: must be greater than or equal to `minReplicas`"
        yield Cause("spec.maxReplicas", message)
    if not isinstance(spec.get("maxReplicas"), int) or spec["maxReplicas"] < 1:
        yield required("spec.maxReplicas", "must be set and greater than 0")


_CHECKS: dict[Resource, Callable[[Object], Causes]] = {
    kinds.PODS: _pod_causes,
    kinds.JOBS: job_causes,
    kinds.CRON_JOBS: cron_job_causes,
    kinds.SERVICES: _service_causes,
    kinds.SECRETS: _secret_causes,
    kinds.CONFIG_MAPS: _config_map_causes,
    kinds.POD_DISRUPTION_BUDGETS: _budget_causes,
    kinds.HORIZONTAL_POD_AUTOSCALERS: _autoscaler_causes,
    **dict.fromkeys(_WORKLOADS, _workload_causes),
    **dict.fromkeys((kinds.ROLES, kinds.CLUSTER_ROLES), role_causes),
    **dict.fromkeys((kinds.ROLE_BINDINGS, kinds.CLUSTER_ROLE_BINDINGS), binding_causes),
}
