"""The one place that says which Kubernetes this cluster is like: what the API and its nodes call themselves."""

from typing import Final

KUBERNETES_MAJOR: Final = "1"
KUBERNETES_MINOR: Final = "33"
KUBERNETES_VERSION: Final = f"v{KUBERNETES_MAJOR}.{KUBERNETES_MINOR}.0+gameday"
