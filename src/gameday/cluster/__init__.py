"""The cluster as the engine sees it: names of objects, and the two protocols through which they are read and written.

Protocols only. `View` reads and is all that an action or a probe is ever given; `Cluster` writes, and is held by the
worker (to inject) and by whoever undoes. The room `kube` implements both over HTTP; nothing here knows how. Objects are
JSON as the API serves it: their shape is Kubernetes', not ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

Json = dict[str, Any]

SYSTEM_NAMESPACE: Final = "gameday-system"
"""Where undo records, the Lease and the reaper live; it never opts in."""
NAME_LABEL: Final = "gameday.dev/cluster-name"
"""Of that namespace: what the cluster is called in plans."""
OPT_IN_LABEL: Final = "gameday.dev/enabled"
"""Of a namespace whose owner consents to it being harmed, with the value "true"."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """The name of one object; `uid` is empty where any object of that name is meant."""

    api_version: str
    kind: str
    namespace: str
    """Empty for kinds that belong to the whole cluster."""
    name: str
    uid: str = ""

    def __str__(self) -> str:
        path = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind.lower()} {path}"

    @property
    def anonymous(self) -> ObjectRef:
        """The same name without the uid: what a field is owed to stays the same across replacements."""
        return replace(self, uid="")

    @staticmethod
    def of(obj: Mapping[str, Any]) -> ObjectRef:
        """Name the object that this JSON is; `apiVersion` and `kind` must be present, as in every answer to a get."""
        metadata = obj["metadata"]
        return ObjectRef(
            api_version=obj["apiVersion"],
            kind=obj["kind"],
            namespace=metadata.get("namespace", ""),
            name=metadata["name"],
            uid=metadata.get("uid", ""),
        )


def plural(kind: str) -> str:
    """Return a kind's plural as Kubernetes itself guesses it from the kind's name."""
    word = kind.lower()
    if word.endswith("endpoints"):
        return word
    if word.endswith("s"):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") else word + "s"


@dataclass(frozen=True, slots=True)
class Identity:
    """Which cluster this is, so that a run, its undo and an approval can never be about another one.

    `uid` is the uid of the namespace kube-system; where that may not be read, the fingerprint of the cluster's CA
    and the uid of the namespace gameday-system together. `name` is the label gameday.dev/cluster-name of the namespace
    gameday-system, which the cluster's owner sets, and empty where there is none.
    """

    uid: str
    name: str = ""
    server: str = ""

    def __str__(self) -> str:
        return f"{self.name or 'unnamed'} ({self.uid})"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of one kind are meant; empty strings select all."""

    api_version: str
    kind: str
    namespace: str = ""
    labels: str = ""
    """A label selector as kubectl's -l takes it."""
    fields: str = ""
    only: tuple[str, ...] = ()
    """The paths of each object that are wanted, such as `status.conditions[].type`; empty for whole objects. Of a large list
    whatever is not wanted is never decoded."""


@dataclass(frozen=True, slots=True, order=True)
class Access:
    """One thing that an account may or may not do, as an access review asks it; empty: any namespace, any name."""

    verb: str
    resource: str
    """The plural as in the API's paths, with its subresource: pods, pods/eviction."""
    group: str = ""
    """The API group; empty for the core's."""
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        resource, _, subresource = self.resource.partition("/")
        what = resource + (f".{self.group}" if self.group else "") + (f"/{subresource}" if subresource else "")
        named = f" {self.name}" if self.name else ""
        return f"{self.verb} {what}{named}" + (f" in {self.namespace}" if self.namespace else "")


@dataclass(frozen=True, slots=True)
class Permission:
    """The cluster's answer: whether this account may, and the reason if it gave one."""

    access: Access
    allowed: bool
    reason: str = ""
    account: str = ""
    """Which account, where it is another than the one that this process came with."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a program in the cluster answered."""

    status: int
    body: bytes


class View(Protocol):
    """A read-only cluster. Everything raises a ClusterError when it could not look, which is not the same as empty."""

    def get(self, ref: ObjectRef) -> Json | None:
        """Return the object, or None if the cluster says that there is none (or one with another uid)."""

    def list(self, selection: Selection) -> Sequence[Json]:
        """Return the objects selected, each with apiVersion and kind filled in, in the cluster's order."""

    def identity(self) -> Identity:
        """Say which cluster this is."""

    def may(self, access: Access) -> Permission:
        """Ask whether this account may do something; a ClusterError where the cluster does not say."""

    def connects(self, host: str, port: int, *, timeout_seconds: float = 1.0) -> bool | None:
        """Try a TCP connection from here: True or False, or None where this host cannot reach such addresses at all."""

    def ask(self, ref: ObjectRef, port: int | str, path: str) -> HttpAnswer:
        """GET a path of a Pod (port by number) or a Service (by number or name) through the API server.

        Works from wherever the API is reached. Any answer of the program counts, also an error; a ClusterError where none came.
        """


class Cluster(View, Protocol):
    """A cluster that can be written to. Each call is one request; each returns the object as it then stands."""

    def create(self, manifest: Json) -> Json:
        """Create an object; ConflictError if it exists."""

    def patch(self, ref: ObjectRef, operations: Sequence[Json]) -> Json:
        """Apply a JSON Patch; ConflictError when one of its `test` operations does not hold."""

    def delete(self, ref: ObjectRef, *, grace_seconds: int | None = None, resource_version: str = "") -> None:
        """Delete the object of that uid (and resourceVersion if given); NotFoundError if gone, ConflictError if replaced."""

    def evict(self, ref: ObjectRef, *, grace_seconds: int | None = None) -> None:
        """Ask for the pod's eviction, which a disruption budget may refuse (RefusedError)."""

    def replace(self, obj: Json) -> Json:
        """Write the whole object if its resourceVersion still stands; ConflictError otherwise."""

    def server_time(self) -> float:
        """Return the server's clock, in seconds since the epoch: that of its last answer, carried on by our monotonic clock."""

    def in_pod(self) -> bool:
        """Say whether this process is in a pod of this cluster."""

    def acting_as(self, namespace: str, account: str) -> Cluster:
        """Return the same cluster as a service account sees it; ForbiddenError or NotFoundError if its token cannot be had."""

    def renew(self) -> None:
        """Renew in time the token of the account that this acts as, if it is one; a ClusterError if a new one is refused."""
