"""Switching a node of an embedded cluster off and on, from outside: an ability of the test cluster, which Kubernetes has not.

Off is as if its plug were pulled: every process of its pods is gone at once, nobody reports it, and the node's lease runs out.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final, Literal

from gameday.errors import RefusedError, UnreachableError
from gameday.staging.readiness import connection

Power = Literal["on", "off"]
PATH: Final = "embedded/nodes"
"""Below it, on the API server and for the administrator only, `NAME/power/on` and `NAME/power/off`."""


def switch_node(kubeconfig: Path, name: str, power: Power) -> None:
    """Switch a node on or off and return when it is; RefusedError if the cluster has no such node."""
    url, opener = connection(kubeconfig)
    request = urllib.request.Request(f"{url}/{PATH}/{name}/power/{power}", data=b"", method="POST")  # noqa: S310 - https, from the kubeconfig
    try:
        opener.open(request, timeout=20).close()
    except urllib.error.HTTPError as error:
        raise RefusedError(json.loads(error.read())["message"]) from error
    except OSError as error:
        raise UnreachableError(f"expected the embedded cluster to answer at {url}, found: {error}") from error
