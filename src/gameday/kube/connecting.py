"""Which cluster is meant, and how to get in: kubeconfig, context, or the service account of the pod that we are in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gameday.errors import RefusedError

if TYPE_CHECKING:
    from gameday.kube.client import KubeCluster

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


def connect(*, kubeconfig: Path | str | None = None, context: str = "", timeout_seconds: float = 10.0) -> KubeCluster:
    """Return a client of the cluster that kubeconfig and context name; nothing is asked of the cluster yet.

    Without a kubeconfig: $KUBECONFIG, then ~/.kube/config, then, inside a pod, its service account; there $KUBECONFIG may
    name a file that only some clusters mount. RefusedError says what was looked for, and which contexts there are.
    """
    from kubernetes import client  # noqa: PLC0415  # half a second: only for commands that reach a cluster
    from kubernetes.config import ConfigException, kube_config, load_incluster_config  # noqa: PLC0415
    from yaml import YAMLError  # noqa: PLC0415

    from gameday.kube.client import KubeCluster  # noqa: PLC0415

    configuration = client.Configuration()
    files = os.fspath(kubeconfig) if kubeconfig else os.environ.get("KUBECONFIG", "~/.kube/config")
    was_named = bool(kubeconfig) and files != os.environ.get("KUBECONFIG")
    if not was_named and not context and not _any_exists(files) and _SERVICE_ACCOUNT.exists():
        load_incluster_config(client_configuration=configuration)
        return KubeCluster(configuration, context="in-cluster", timeout_seconds=timeout_seconds)
    if not _any_exists(files):
        raise RefusedError(
            f"expected a kubeconfig at {files}, but there is none. Set KUBECONFIG, pass --kubeconfig, "
            "or start the embedded cluster: gameday staging up"
        )
    try:
        contexts, active = kube_config.list_kube_config_contexts(files)
        _check_context([entry["name"] for entry in contexts], active, files, context)
        kube_config.load_kube_config(config_file=files, context=context or None, client_configuration=configuration)
        return KubeCluster(configuration, context=context, timeout_seconds=timeout_seconds)
    except (ConfigException, YAMLError, OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        # The library checks little: a file of another shape fails wherever its code first stumbles over it.
        told = " ".join(str(error).split())
        raise RefusedError(f"the kubeconfig {files} cannot be used: {told or type(error).__name__}") from error
    finally:
        # The library writes certificates and keys out as files and removes them at its exit, which a killed process
        # does not have. The client has read them by now.
        kube_config._cleanup_temp_files()  # noqa: SLF001  # there is no public way


def _any_exists(files: str) -> bool:
    return any(Path(file).expanduser().exists() for file in files.split(os.pathsep) if file)


def _check_context(names: Sequence[str], active: Any, files: str, context: str) -> None:
    if context and context not in names:
        raise RefusedError(f"expected a context of {files} ({', '.join(names) or 'it has none'}), but got {context!r}")
    if not context and active is None:
        raise RefusedError(f"{files} has no current context; pass --context, one of: {', '.join(names)}")
