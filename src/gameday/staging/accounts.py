"""A pod and its service account: the account must be there, and its token is mounted where programs expect it.

What Kubernetes' ServiceAccount admission does to a new pod, whoever creates it. What the mounted files are, is the node's
business (`node/credentials.py`).
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from gameday.staging.access.tokens import PROJECTED_SECONDS
from gameday.staging.errors import NotFound, forbidden
from gameday.staging.resources import PODS, SERVICE_ACCOUNTS, Resource
from gameday.staging.store import Store

Object = dict[str, Any]
DEFAULT_ACCOUNT: Final = "default"
ROOT_CA: Final = "kube-root-ca.crt"
"""The ConfigMap of each namespace with the certificate by which the API is recognised."""
MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_MIRROR: Final = "kubernetes.io/config.mirror"


def with_account(store: Store, resource: Resource, pod: Object) -> Object:
    """Complete a new pod with its account's token, unless it or its account wants none; Forbidden if there is no such account."""
    if resource is not PODS or _MIRROR in (pod["metadata"].get("annotations") or {}):
        return pod
    account = _account_of(store, pod)
    wishes = (pod["spec"].get("automountServiceAccountToken"), account.get("automountServiceAccountToken"))
    if next((wish for wish in wishes if wish is not None), True):
        _mount(pod["spec"])
    return pod


def _account_of(store: Store, pod: Object) -> Object:
    namespace, name = pod["metadata"].get("namespace") or "default", pod["spec"]["serviceAccountName"]
    try:
        return store.stored(SERVICE_ACCOUNTS, namespace, name).body
    except NotFound:
        if name == DEFAULT_ACCOUNT:  # its namespace is so new that its account has not been made
            return store.create(SERVICE_ACCOUNTS, {"metadata": {"name": name, "namespace": namespace}})
        why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise forbidden(PODS, pod["metadata"].get("name", ""), why) from None


def _mount(spec: Object) -> None:
    volume = _token_volume(spec.get("volumes") or ())
    needed = False
    for container in [*spec["containers"], *(spec.get("initContainers") or ())]:
        mounts = container.get("volumeMounts") or []
        if all(mount.get("mountPath") != MOUNT_PATH for mount in mounts):
            mount = {"name": volume["name"], "readOnly": True, "mountPath": MOUNT_PATH}
            container["volumeMounts"] = [*mounts, mount]
            needed = True
    if needed:
        spec["volumes"] = [*(spec.get("volumes") or ()), volume]


def _token_volume(others: Any) -> Object:
    names = {volume.get("name") for volume in others}
    name = next(name for name in iter(lambda: f"kube-api-access-{secrets.token_hex(3)[:5]}", "") if name not in names)
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": PROJECTED_SECONDS, "path": "token"}},
        {"configMap": {"name": ROOT_CA, "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 0o644}}
