"""The only room that imports `kubernetes`: it finds the cluster and speaks its API, and implements `gameday.cluster`.

It rests on that library's kubeconfig handling and transport, not on its models: those differ between major versions,
validate what servers answer, and cost seconds on large lists. JSON comes in and goes out as the server writes it.
"""

from gameday.kube.client import KubeCluster
from gameday.kube.connecting import connect

__all__ = ["KubeCluster", "connect"]
