"""The types of the fields that everybody reads, so that nothing is stored which its readers would stumble over.

Kubernetes decodes into typed structs; here a table by field name does: in the Kubernetes API a name has the same type
nearly everywhere. Names that are not in the table, and the contents of free maps, pass as they are.
"""

from __future__ import annotations

from typing import Any

from gameday.staging.errors import BadRequest
from gameday.staging.quantities import QUANTITY_RULE, is_quantity
from gameday.staging.resources import Resource

_TYPES: dict[str, tuple[type, ...]] = {"text": (str,), "number": (int,), "bool": (bool,), "number or text": (int, str)}
_FIELDS = {
    "object": """metadata spec status template strategy updateStrategy rollingUpdate resources livenessProbe readinessProbe
        startupProbe httpGet tcpSocket exec grpc lifecycle postStart preStop securityContext affinity nodeAffinity podAffinity
        podAntiAffinity valueFrom configMapKeyRef secretKeyRef fieldRef resourceFieldRef configMapRef secretRef configMap
        secret emptyDir hostPath persistentVolumeClaim projected scaleTargetRef labelSelector involvedObject source
        roleRef loadBalancer nodeInfo state lastState waiting running terminated targetRef series jobTemplate""",
    "list of objects": """containers initContainers ephemeralContainers env envFrom ports volumes volumeMounts tolerations taints
        ownerReferences managedFields conditions matchExpressions matchFields nodeSelectorTerms httpHeaders imagePullSecrets
        endpoints subsets rules subjects containerStatuses initContainerStatuses topologySpreadConstraints hostAliases
        readinessGates ingress podIPs hostIPs metrics secrets images
        volumeClaimTemplates""",
    "list of texts": "finalizers command args verbs apiGroups resourceNames nonResourceURLs values accessModes externalIPs",
    "map of texts": """labels annotations data stringData binaryData matchLabels nodeSelector""",
    "map of amounts": "limits requests capacity allocatable",
    "text": """name generateName namespace uid resourceVersion creationTimestamp deletionTimestamp kind apiVersion image phase
        nodeName serviceAccountName serviceName restartPolicy clusterIP reason message operator effect key protocol mountPath
        subPath workingDir hostname podIP hostIP startTime lastTimestamp firstTimestamp eventTime holderIdentity addressType
        lastTransitionTime lastUpdateTime lastProbeTime acquireTime renewTime externalName schedulerName claimName
        secretName manager operation schedule timeZone
        concurrencyPolicy completionTime""",
    "number": """replicas minReadySeconds revisionHistoryLimit progressDeadlineSeconds terminationGracePeriodSeconds
        tolerationSeconds activeDeadlineSeconds containerPort hostPort nodePort initialDelaySeconds timeoutSeconds periodSeconds
        successThreshold failureThreshold observedGeneration readyReplicas availableReplicas updatedReplicas
        unavailableReplicas restartCount exitCode minReplicas maxReplicas count leaseDurationSeconds leaseTransitions
        revision partition parallelism completions backoffLimit ttlSecondsAfterFinished startingDeadlineSeconds
        successfulJobsHistoryLimit failedJobsHistoryLimit""",
    "bool": "paused suspend unschedulable hostNetwork hostPID hostIPC immutable controller blockOwnerDeletion enableServiceLinks",
    "number or text": "maxUnavailable maxSurge minAvailable targetPort",
}
_KIND_OF = {name: kind for kind, names in _FIELDS.items() for name in names.split()}
_KEPT_EMPTY = frozenset({"containers", "endpoints", "rules", "verbs", "nodeSelectorTerms"})
"""Lists that Kubernetes writes even where they are empty; any other one without items is as if it were not there."""
_KEPT_EMPTY_IN = frozenset({("EndpointSlice", "ports"), ("endpoints", "addresses")})
_FREE = frozenset({"fieldsV1", "managedFields"})
_NOT_OF_THE_TABLE: dict[tuple[str, str], str] = {
    ("ControllerRevision", "data"): "map of anything",
    ("rules", "resources"): "list of texts",
    ("conditions", "status"): "text",
    ("volumes", "image"): "object",
    ("volumes", "name"): "text",
    ("spec", "selector"): "object",
    ("subsets", "addresses"): "list of objects",
    ("subsets", "notReadyAddresses"): "list of objects",
    ("endpoints", "addresses"): "list of texts",
    ("endpoints", "conditions"): "object",
    ("status", "addresses"): "list of objects",
    ("spec", "finalizers"): "list of texts",
}


def shaped_as(resource: Resource, obj: dict[str, Any]) -> dict[str, Any]:
    """Return a copy without nulls, and without lists and maps that are empty: both mean absence.

    BadRequest for the first field of the wrong type.
    """
    return _checked_fields(resource, obj, (), resource.kind)


def _checked_fields(resource: Resource, obj: dict[str, Any], path: tuple[str, ...], parent: str) -> dict[str, Any]:
    checked = {}
    for key, value in obj.items():
        if value is not None:
            kind = _kind(parent, key)
            found = _checked(resource, value, (*path, key), kind)
            kept = key in _KEPT_EMPTY or (parent, key) in _KEPT_EMPTY_IN
            if found or kept or not kind.startswith(("list", "map")):
                checked[key] = found
    return checked


def unreadable(resource: Resource, why: str) -> BadRequest:
    """Return the 400 for a body that cannot be decoded as an object of this kind."""
    return BadRequest(f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {why}')


def _json_type(value: Any) -> str:
    names = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _checked(resource: Resource, value: Any, path: tuple[str, ...], kind: str) -> Any:
    if kind and not _fits(value, kind):
        raise unreadable(
            resource,
            f"json: cannot unmarshal {_json_type(value)} into Go struct field {resource.kind}.{'.'.join(path)} of type {kind}",
        )
    if kind == "map of amounts" and not all(is_quantity(amount) for amount in value.values() if amount is not None):
        raise unreadable(resource, QUANTITY_RULE)
    if isinstance(value, list):
        return [_checked(resource, item, path, "") for item in value]
    if not isinstance(value, dict) or path[-1] in _FREE:
        return value
    return _checked_fields(resource, value, path, "" if kind.startswith("map") else path[-1])


def _kind(parent: str, key: str) -> str:
    """Return the type of a field; none within a map, whose keys are anybody's."""
    return _NOT_OF_THE_TABLE.get((parent, key)) or (_KIND_OF.get(key, "") if parent else "")


def _fits(value: Any, kind: str) -> bool:
    if kind == "object":
        return isinstance(value, dict)
    if kind == "list of objects":
        return isinstance(value, list) and all(isinstance(item, dict) for item in value)
    if kind == "list of texts":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind.startswith("map"):
        accepted: tuple[type, ...] = {"map of texts": (str,), "map of amounts": (str, int, float)}.get(kind, (object,))
        return isinstance(value, dict) and all(isinstance(item, accepted) for item in value.values() if item is not None)
    wrong_bool = isinstance(value, bool) and kind != "bool"
    return isinstance(value, _TYPES[kind]) and not wrong_bool
