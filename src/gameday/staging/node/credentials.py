"""What a node tells a pod about the API: where it is, and who the pod is there.

A `serviceAccountToken` source of a projected volume becomes a token of the pod's account, bound to the pod, and is written anew
before it ends. A program finds the file as it finds any volume here: through the manifest (see `volumes.py`). The fixed path of
in-cluster configuration no process can have to itself without a mount. For clients that look nowhere else a `kubeconfig` lies
beside the token: `KUBECONFIG=<mountPath>/kubeconfig` works here, and on a cluster with real mounts names no file, upon which
clients fall back to the fixed path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from gameday.staging.access.tokens import API_AUDIENCE, PROJECTED_SECONDS, Tokens
from gameday.staging.errors import NotFound
from gameday.staging.node.environment import service_variables
from gameday.staging.node.mirroring import File, Files, VolumeError
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


@dataclass(frozen=True, slots=True)
class Credentials:
    """The files that a pod's volumes get besides what they mirror, by volume."""

    files: Mapping[str, Files]
    renew_seconds: float | None
    """After how long there have to be new ones; None if there is no token among them."""


def credentials_of(pod: Object, mirror: Mapping[str, Files], access: ApiAccess, store: Store) -> Credentials:
    """Return new tokens for the volumes that ask for one; VolumeError if one cannot be had."""
    files: dict[str, Files] = {}
    lives = []
    for volume, wanted in _tokens(pod):
        seconds = int(wanted.get("expirationSeconds") or PROJECTED_SECONDS)
        lives.append(seconds)
        here = files.setdefault(volume, {})
        here[wanted["path"]] = File(_token(wanted, seconds, pod, access, store), _PRIVATE)
        if wanted.get("audience", API_AUDIENCE) == API_AUDIENCE and CA_FILE in mirror[volume]:
            here[KUBECONFIG] = File(_kubeconfig(wanted["path"], pod, access), _PRIVATE)
    return Credentials(files, min(lives) * _RENEW_AT if lives else None)


def _tokens(pod: Object) -> Iterator[tuple[str, Object]]:
    for volume in pod["spec"].get("volumes") or ():
        for source in (volume.get("projected") or {}).get("sources") or ():
            if "serviceAccountToken" in source:
                yield volume["name"], source["serviceAccountToken"]


def _token(wanted: Object, seconds: int, pod: Object, access: ApiAccess, store: Store) -> bytes:
    metadata, name = pod["metadata"], pod["spec"].get("serviceAccountName", "default")
    try:
        account = store.stored(SERVICE_ACCOUNTS, metadata["namespace"], name).body["metadata"]
    except NotFound as error:
        raise VolumeError(f"failed to fetch token: {error}") from error
    audiences = [wanted.get("audience") or API_AUDIENCE]
    now = datetime.now(UTC)
    return access.tokens.issue(account, now=now, seconds=seconds, audiences=audiences, bound=("Pod", metadata)).token.encode()


def _kubeconfig(token: str, pod: Object, access: ApiAccess) -> bytes:
    """Return a kubeconfig whose files are named relative to it, as clients read them."""
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
    return orjson.dumps(config, option=orjson.OPT_INDENT_2)
