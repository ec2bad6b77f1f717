"""The Kubernetes API of the embedded cluster over HTTPS: what a client sends, turned into reads and writes of the store.

`ApiServer` is all that others need. Inside: `target` reads a path, `call` a request, `reading`, `watching`, `writing`,
`patching`, `deleting` and `subresources` do the work, `answers`, `tables`, `discovery` and `openapi` shape what goes back.
"""

from gameday.staging.api.certificates import Certificates
from gameday.staging.api.logs import LogProvider
from gameday.staging.api.server import ApiServer

__all__ = ["ApiServer", "Certificates", "LogProvider"]
