"""Whether this process is in a pod, and of which cluster: what Kubernetes tells every container by two variables."""

from __future__ import annotations

import os


def in_pod_of(server: str) -> bool:
    """Say whether this process is in a pod of the cluster at that address; a kubeconfig may name another from within one."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "")
    joined = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return bool(host and port) and server == f"https://{joined}"
