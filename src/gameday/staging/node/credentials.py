"""What a node tells a pod about the API: where it is, and who the pod is there.

A `serviceAccountToken` source of a projected volume becomes a token of the pod's account, bound to the pod, and is written anew
before it ends. A program finds the file as it finds any volume here: through the manifest (see `volumes.py`). The fixed path of
in-cluster configuration no process can have to itself without a mount. For clients that look nowhere else a `kubeconfig` lies
beside the token: `KUBECONFIG=<mountPath>/kubeconfig` works here, and on a cluster with real mounts names no file, upon which
clients fall back to the fixed path.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from gameday.staging.access.tokens import API_AUDIENCE, PROJECTED_SECONDS, Tokens
from gameday.staging.errors import NotFound
from gameday.staging.node.environment import UnresolvedVariableError, field_value, service_variables
from gameday.staging.node.volumes import VolumeError
from gameday.staging.resources import SERVICE_ACCOUNTS
from gameday.staging.store import Store

Object = dict[str, Any]
KUBECONFIG: Final = "kubeconfig"
CA_FILE: Final = "ca.crt"
_RENEW_AT: Final = 0.8
"""The share of a token's life after which a kubelet writes a new one."""
_PRIVATE: Final = 0o600


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """Where the API is, and who gives out its tokens."""

    host: str
    port: int
    tokens: Tokens

    def variables(self) -> dict[str, str]:
        """Return the variables by which Kubernetes tells every container where the API is."""
        ports = [{"name": "https", "port": self.port, "protocol": "TCP"}]
        return service_variables([{"metadata": {"name": "kubernetes"}, "spec": {"clusterIP": self.host, "ports": ports}}])


def write_credentials(pod: Object, folders: Mapping[str, Path], access: ApiAccess, store: Store) -> float | None:
    """Write the tokens and fields that a pod's projected volumes ask for; VolumeError if one cannot be had.

    Returns after how many seconds it has to be done again; None if there is no token.
    """
    lives = []
    for volume, source in _sources(pod):
        folder = folders[volume]
        if "downwardAPI" in source:
            _write_fields(folder, source["downwardAPI"], pod)
        if "serviceAccountToken" in source:
            wanted = source["serviceAccountToken"]
            lives.append(_write_token(folder, wanted, pod, access, store))
            if wanted.get("audience", API_AUDIENCE) == API_AUDIENCE and (folder / CA_FILE).exists():
                _write_kubeconfig(folder, wanted["path"], pod, access)
    return min(lives) * _RENEW_AT if lives else None


def _sources(pod: Object) -> Iterator[tuple[str, Object]]:
    for volume in pod["spec"].get("volumes") or ():
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield volume["name"], source


def _write_token(folder: Path, wanted: Object, pod: Object, access: ApiAccess, store: Store) -> int:
    metadata, name = pod["metadata"], pod["spec"].get("serviceAccountName", "default")
    try:
        account = store.stored(SERVICE_ACCOUNTS, metadata["namespace"], name).body["metadata"]
    except NotFound as error:
        raise VolumeError(f"failed to fetch token: {error}") from error
    seconds = int(wanted.get("expirationSeconds") or PROJECTED_SECONDS)
    audiences = [wanted.get("audience") or API_AUDIENCE]
    now = datetime.now(UTC)
    issued = access.tokens.issue(account, now=now, seconds=seconds, audiences=audiences, bound=("Pod", metadata))
    _write(folder / wanted["path"], issued.token.encode())
    return seconds


def _write_fields(folder: Path, source: Object, pod: Object) -> None:
    for item in source.get("items") or ():
        if "fieldRef" not in item:
            raise VolumeError(f"the embedded cluster has no downwardAPI file from {', '.join(item.keys() - {'path'})}")
        try:
            value = field_value(pod, item["fieldRef"]["fieldPath"])
        except UnresolvedVariableError as error:
            raise VolumeError(str(error)) from error
        _write(folder / item["path"], value.encode())


def _write_kubeconfig(folder: Path, token: str, pod: Object, access: ApiAccess) -> None:
    """Write a kubeconfig whose files are named relative to it, as clients read them."""
    if (folder / KUBECONFIG).exists():
        return
    name, namespace = "in-cluster", pod["metadata"]["namespace"]
    cluster = {"server": f"https://{access.host}:{access.port}", "certificate-authority": CA_FILE}
    context = {"cluster": name, "user": name, "namespace": namespace}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": {"tokenFile": token}}],
        "contexts": [{"name": name, "context": context}],
    }
    _write(folder / KUBECONFIG, orjson.dumps(config, option=orjson.OPT_INDENT_2))


def _write(path: Path, content: bytes) -> None:
    """Replace a file whole, readable by its owner alone: a program may read it at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.fresh")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE), "wb") as file:
        file.write(content)
    fresh.replace(path)
