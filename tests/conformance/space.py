"""A namespace of a check's own on some cluster, and what a check says there in few words."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.conformance.transport import PATCHES, Done, Http, Json, Kubectl, Reply

T = TypeVar("T")
ROOTS: Final = {
    "deployments": "/apis/apps/v1",
    "replicasets": "/apis/apps/v1",
    "statefulsets": "/apis/apps/v1",
    "daemonsets": "/apis/apps/v1",
    "jobs": "/apis/batch/v1",
    "cronjobs": "/apis/batch/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "endpointslices": "/apis/discovery.k8s.io/v1",
    "poddisruptionbudgets": "/apis/policy/v1",
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
    "networkpolicies": "/apis/networking.k8s.io/v1",
    "roles": "/apis/rbac.authorization.k8s.io/v1",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "localsubjectaccessreviews": "/apis/authorization.k8s.io/v1",
}
"""Where the kinds outside the core group are served."""
_numbers = count(1)


@dataclass(slots=True)
class Patience:
    """How long a check waits for what a controller or a node is to do."""

    seconds: float = 60.0


PATIENCE: Final = Patience()


@dataclass(frozen=True, slots=True)
class Images:
    """What pods are made of on this cluster."""

    shell: str = "busybox:1"
    """Has sh, cat, echo, sleep, ls, date, env, true, false, tail, touch."""
    python: str = "python:3"
    """Has python3."""
    pull_policy: str = "IfNotPresent"


@dataclass(frozen=True, slots=True)
class Space:
    """A namespace, and the ways to its cluster."""

    http: Http
    commands: Kubectl
    images: Images
    name: str
    kubeconfig: Path

    # ------------------------------------------------------------------------------------------------ HTTP

    def at(self, path: str) -> str:
        """Return the whole path of `plural/name/subresource` in this namespace; one that begins with / is whole already."""
        if path.startswith("/"):
            return path
        return f"{ROOTS.get(path.partition('/')[0], '/api/v1')}/namespaces/{self.name}/{path}"

    def get(self, path: str, *, accept: str = "application/json", **query: Any) -> Reply:
        """Send a GET."""
        return self.http.request("GET", self.at(path), headers={"Accept": accept}, **query)

    def post(self, path: str, body: Any, *, headers: Mapping[str, str] | None = None, **query: Any) -> Reply:
        """Send a POST."""
        return self.http.request("POST", self.at(path), body, headers=headers, **query)

    def put(self, path: str, body: Any, **query: Any) -> Reply:
        """Send a PUT."""
        return self.http.request("PUT", self.at(path), body, **query)

    def patch(self, path: str, body: Any, kind: str = "merge", **query: Any) -> Reply:
        """Send a PATCH of one of the four kinds."""
        return self.http.request("PATCH", self.at(path), body, headers={"Content-Type": PATCHES[kind]}, **query)

    def delete(self, path: str, options: Json | None = None, **query: Any) -> Reply:
        """Send a DELETE."""
        return self.http.request("DELETE", self.at(path), options, **query)

    def make(self, plural: str, obj: Json, **query: Any) -> Json:
        """Create an object, and return it as it was answered."""
        return dict(self.post(plural, obj, **query).expect(201))

    def read(self, path: str) -> Json:
        """Return an object that must be there."""
        return dict(self.get(path).expect(200))

    def items(self, path: str, **query: Any) -> list[Json]:
        """Return the objects of a list."""
        return list(self.get(path, **query).expect(200)["items"])

    def apply(self, path: str, obj: Json, manager: str = "one", **query: Any) -> Reply:
        """Send a server-side apply."""
        return self.patch(path, obj, "apply", fieldManager=manager, **query)

    def watch(
        self, path: str, until: Callable[[list[Json]], bool], *, accept: str = "application/json", **query: Any
    ) -> list[Json]:
        """Return the events of a watch up to the one that makes `until` true, or all of them if it ends before."""
        seen: list[Json] = []
        lines = self.http.lines(
            self.at(path), headers={"Accept": accept}, **{"watch": "1", "timeoutSeconds": int(min(15, PATIENCE.seconds)), **query}
        )
        with contextlib.closing(lines):  # type: ignore[type-var]  # a generator has close()
            for line in lines:
                seen.append(json.loads(line))
                if until(seen):
                    break
        return seen

    # ------------------------------------------------------------------------------------------------ kubectl

    def kubectl(self, *words: str, stdin: Any = None) -> str:
        """Run kubectl in this namespace; return what it printed. It must succeed."""
        done = self.tries(*words, stdin=stdin)
        assert done.code == 0, f"{done.command}: expected success, but it ended with {done.code}: {done.out}{done.err}"
        return done.out

    def tries(self, *words: str, stdin: Any = None) -> Done:
        """Run kubectl in this namespace, whatever becomes of it."""
        text = stdin if isinstance(stdin, str | None) else json.dumps(stdin)
        return self.commands.run("--namespace", self.name, *words, stdin=text)

    # ------------------------------------------------------------------------------------------------ waiting

    def eventually(self, look: Callable[[], T], *, within_seconds: float | None = None, what: str = "") -> T:
        """Return the first true thing that `look` finds."""
        patience_seconds = PATIENCE.seconds if within_seconds is None else within_seconds
        end, pause = time.monotonic() + patience_seconds, 0.05
        while not (found := look()):
            assert time.monotonic() < end, f"waited {patience_seconds} s in vain for {what or 'something'}; last seen: {found!r}"
            time.sleep(pause)
            pause = min(pause * 1.3, 0.5)
        return found

    def gone(self, path: str) -> None:
        """Wait until there is no such object."""
        self.eventually(lambda: self.get(path).status == 404, what=f"{path} to be gone")

    def pod(self, name: str, look: Callable[[Json], Any], what: str = "") -> Json:
        """Return a pod as soon as `look` is true of it."""
        return self.until(f"pods/{name}", look, what)

    def until(self, path: str, look: Callable[[Json], Any], what: str = "") -> Json:
        """Return an object as soon as `look` is true of it."""
        last: list[Json] = []

        def seen() -> bool:
            reply = self.get(path)
            last[:] = [{} if reply.status == 404 else reply.expect(200)]
            return bool(last[0] and look(last[0]))

        try:
            self.eventually(seen, what=what or path)
        except AssertionError as error:
            raise AssertionError(f"{error}; its status: {last and last[0].get('status')}") from None
        return last[0]

    # ------------------------------------------------------------------------------------------------ others

    def as_account(self, name: str, *rules: Json) -> Space:
        """Return the same space as a service account of it sees it, which holds these rules here."""
        self.make("serviceaccounts", {"metadata": {"name": name}})
        if rules:
            self.make("roles", {"metadata": {"name": name}, "rules": list(rules)})
            self.make("rolebindings", binding(name, self.name))
        return replace(self, http=self.http.with_token(self.token(name), self.kubeconfig))

    def token(self, account: str) -> str:
        """Return a token of a service account."""
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
        return str(self.post(f"serviceaccounts/{account}/token", request).expect(201)["status"]["token"])


def binding(name: str, namespace: str) -> Json:
    """Return a RoleBinding of a Role to a service account, all of one name."""
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    return {"metadata": {"name": name}, "subjects": [subject], "roleRef": role}


@contextmanager
def space(http: Http, kubectl: Kubectl, images: Images, prefix: str) -> Iterator[Space]:
    """Make a namespace, and remove it afterwards; nobody waits until it is gone."""
    name = f"{prefix}-{next(_numbers)}"
    http.request("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": {"conformance": "yes"}}}).expect(201)
    found = Space(http, kubectl, images, name, kubectl.kubeconfig)
    try:
        # Whatever makes pods needs the account; on a real cluster a controller makes it a moment later.
        found.eventually(lambda: found.get("serviceaccounts/default").status == 200)
        yield found
    finally:
        http.request("DELETE", f"/api/v1/namespaces/{name}")
