"""`python benchmarks/choosing.py ours|peer KUBECONFIG NAMESPACE`: choose a pod once, in a process of its own; print what it took.

The peer is Chaos Toolkit's extension for Kubernetes: the function by which its `terminate_pods` chooses. Seconds are those of
the choice alone, with everything imported and connected; the peak is the whole process's.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable

SELECTOR = "app=many"


def ours(kubeconfig: str, namespace: str) -> Callable[[], str]:
    """Return what chooses as `gameday.actions.pods.kill` does."""
    from gameday.change.registry import action_named  # noqa: PLC0415  # only one of the two is imported
    from gameday.kube import connect  # noqa: PLC0415

    cluster = connect(kubeconfig=kubeconfig, timeout_seconds=120)
    cluster.identity()
    action = action_named("gameday.actions.pods.kill")

    def choose() -> str:
        (change,) = action.plan(cluster, namespace=namespace, selector=SELECTOR)
        return str(change.ref.name)

    return choose


def peer(kubeconfig: str, namespace: str) -> Callable[[], str]:
    """Return what chooses as the extension does."""
    from chaosk8s.pod import actions  # noqa: PLC0415
    from kubernetes import client, config  # noqa: PLC0415

    config.load_kube_config(kubeconfig)
    api = client.CoreV1Api()

    def choose() -> str:
        (pod,) = actions._select_pods(api, SELECTOR, ns=namespace, qty=1)  # noqa: SLF001  # the choice alone
        return str(pod.metadata.name)

    return choose


def main() -> None:
    """Choose once."""
    which, kubeconfig, namespace = sys.argv[1:]
    choose = {"ours": ours, "peer": peer}[which](kubeconfig, namespace)
    started = time.perf_counter()
    name = choose()
    seconds = time.perf_counter() - started
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"name": name, "seconds": seconds, "peak_mb": peak_kb / 1024}))


if __name__ == "__main__":
    main()
