"""Wrong answers, planted between the checks and the embedded cluster: what a mistake in the server would look like from outside.

Each alters a request on its way in or an answer on its way out, and names the checks that must notice. Nothing of them is in the
product.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from tests.between import Interceptor, PassOn, Reply, Request

Edit = Callable[[dict[str, Any]], object]
OBJECT: Final = r"/configmaps/a(\?|$)"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One wrong answer, and the checks of which each must fail on it."""

    name: str
    plant: Callable[[], Interceptor]
    checks: tuple[str, ...]


def asked(about: str, change: Callable[[Request], Request]) -> Interceptor:
    """Understand requests wrongly."""

    def intercept(request: Request, pass_on: PassOn) -> Reply | None:
        return pass_on(change(request)) if re.search(about, str(request)) else None

    return intercept


def answered(about: str, change: Callable[[Reply], Reply]) -> Interceptor:
    """Answer requests wrongly."""

    def intercept(request: Request, pass_on: PassOn) -> Reply | None:
        return change(pass_on(request)) if re.search(about, str(request)) else None

    return intercept


def _body(request: Request, edit: Edit) -> Request:
    body = json.loads(request.body or b"{}")
    edit(body)
    return replace(request, body=json.dumps(body).encode())


def _data(reply: Reply, edit: Edit) -> Reply:
    if reply.chunks is not None or not reply.data.startswith(b"{"):
        return reply
    data = json.loads(reply.data)
    edit(data)
    return replace(reply, data=json.dumps(data).encode())


def _without_query(*names: str) -> Callable[[Request], Request]:
    def change(request: Request) -> Request:
        path, _, query = request.path.partition("?")
        kept = [(key, value) for key, value in parse_qsl(query, keep_blank_values=True) if key not in names]
        return replace(request, path=f"{path}?{urlencode(kept)}" if kept else path)

    return change


def _forcing(request: Request) -> Request:
    return replace(request, path=request.path + "&force=true")


def _with_its_own_grace(request: Request) -> Request:
    """Leave out the grace that is asked for; and let the program need its own, else it may be gone before anybody looks."""
    if request.method == "POST":
        return replace(request, body=(request.body or b"").replace(b"trap 'exit 0' TERM", b"trap '' TERM"))
    return _body(request, lambda body: body.pop("gracePeriodSeconds", None))


def _metadata(edit: Edit) -> Edit:
    return lambda body: edit(body.get("metadata") or {})


def _lines(change: Callable[[bytes], bytes | None]) -> Callable[[Reply], Reply]:
    """Change the lines of a watch; None leaves one out."""

    def alter(reply: Reply) -> Reply:
        if reply.chunks is None:
            return reply
        chunks = reply.chunks

        def altered() -> Any:
            for chunk in chunks:
                kept = b"".join(new + b"\n" for line in chunk.splitlines() if (new := change(line)) is not None)
                if kept:
                    yield kept

        return replace(reply, chunks=altered())

    return alter


def _status(code: int, reason: str) -> Callable[[Reply], Reply]:
    def change(reply: Reply) -> Reply:
        failed = reply.status >= 400
        return replace(_data(reply, lambda body: body.update(code=code, reason=reason)), status=code) if failed else reply

    return change


def _evicting_as_deleting(request: Request, pass_on: PassOn) -> Reply | None:
    """Let every eviction through."""
    if not request.path.endswith("/eviction"):
        return None
    reply = pass_on(Request("DELETE", request.path.removesuffix("/eviction")))
    done = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    return replace(reply, status=201, data=json.dumps(done).encode()) if reply.status == 200 else reply


def _always_a_new_version() -> Interceptor:
    """Make a version of every write, also of those that change nothing."""

    def intercept(request: Request, pass_on: PassOn) -> Reply | None:
        if request.method not in {"PUT", "PATCH"} or not re.search(OBJECT, request.path):
            return None
        reply = pass_on(request)
        version = f"9{reply.status}"
        return (
            _data(reply, _metadata(lambda metadata: metadata.update(resourceVersion=version))) if reply.status == 200 else reply
        )

    return intercept


MUTANTS: Final = [
    Mutant(
        "a version that is old is written all the same",
        lambda: asked(rf"PUT .*{OBJECT}", lambda request: _body(request, _metadata(lambda m: m.pop("resourceVersion", None)))),
        ("replace-an-old-version",),
    ),
    Mutant(
        "a name that is taken is a conflict",
        lambda: answered(r"POST .*/configmaps$", _status(409, "Conflict")),
        ("create-twice",),
    ),
    Mutant(
        "a 422 has no causes",
        lambda: answered(
            r"POST .*/(configmaps|deployments)$",
            lambda reply: _data(reply, lambda body: (body.get("details") or {}).pop("causes", None)),
        ),
        ("invalid-name", "every-cause-at-once"),
    ),
    Mutant(
        "a dry run is stored",
        lambda: asked(r"(POST|PATCH|DELETE) .*dryRun=All", _without_query("dryRun")),
        ("dry-run", "apply-dry-run"),
    ),
    Mutant(
        "a deletion heeds no preconditions",
        lambda: asked(
            r"DELETE .*/(configmaps|secrets|leases|pods)/",
            lambda request: _body(request, lambda body: body.pop("preconditions", None)),
        ),
        ("delete-with-preconditions", "records-in-secrets", "leases-as-locks", "a-careful-deletion"),
    ),
    Mutant(
        "finalizers do not hold",
        lambda: asked(r"POST .*/configmaps$", lambda request: _body(request, _metadata(lambda m: m.pop("finalizers", None)))),
        ("finalizers-hold", "garbage-in-the-foreground"),
    ),
    Mutant(
        "owners own nothing",
        lambda: asked(r"POST .*/configmaps$", lambda request: _body(request, _metadata(lambda m: m.update(ownerReferences=[])))),
        ("garbage-in-the-foreground", "garbage-of-nobody"),
    ),
    Mutant(
        "labels do not select",
        lambda: asked(r"GET .*/configmaps\?labelSelector", _without_query("labelSelector")),
        ("list-by-labels",),
    ),
    Mutant(
        "fields do not select",
        lambda: asked(r"GET .*fieldSelector", _without_query("fieldSelector")),
        ("list-by-fields", "watch-one"),
    ),
    Mutant("pages are not cut", lambda: asked(r"GET .*limit=", _without_query("limit")), ("list-in-pages", "found-by-labels")),
    Mutant(
        "a list begins anew on each page",
        lambda: asked(r"GET .*continue=", _without_query("continue")),
        ("list-in-pages", "found-by-labels"),
    ),
    Mutant(
        "a watch leaves out deletions",
        lambda: answered(r"GET .*watch=1", _lines(lambda line: None if b'"DELETED"' in line else line)),
        ("watch-from-a-list", "watch-a-selection"),
    ),
    Mutant(
        "a watch has no bookmarks",
        lambda: answered(r"GET .*watch=1", _lines(lambda line: None if b'"BOOKMARK"' in line else line)),
        ("watch-with-initial-events", "watch-with-bookmarks"),
    ),
    Mutant(
        "a watch says MODIFIED of what comes into its selection",
        lambda: answered(r"GET .*watch=1", _lines(lambda line: line.replace(b'"ADDED"', b'"MODIFIED"'))),
        ("watch-a-selection", "watch-from-now"),
    ),
    Mutant(
        "an apply takes what is another's",
        lambda: asked(
            r"PATCH .*fieldManager=", lambda request: _forcing(request) if "apply" in request.content_type else request
        ),
        ("apply-conflict", "apply-conflict-with-an-update"),
    ),
    Mutant(
        "an apply is a mere merge",
        lambda: asked(
            r"PATCH .*/configmaps/",
            lambda request: (
                replace(request, content_type="application/merge-patch+json") if "apply" in request.content_type else request
            ),
        ),
        ("apply-twice", "apply-less"),
    ),
    Mutant(
        "a strategic merge patch is a mere merge",
        lambda: asked(
            r"PATCH .*/deployments/",
            lambda request: replace(request, content_type=request.content_type.replace("strategic-merge", "merge")),
        ),
        ("strategic-merge-patch",),
    ),
    Mutant(
        "a JSON patch tests nothing",
        lambda: asked(
            r"PATCH ",
            lambda request: (
                replace(
                    request,
                    body=json.dumps([item for item in json.loads(request.body or b"[]") if item["op"] != "test"]).encode(),
                )
                if "json-patch" in request.content_type
                else request
            ),
        ),
        ("json-patch-with-a-failing-test", "json-patch-of-a-version", "a-careful-change"),
    ),
    Mutant(
        "budgets forbid nothing",
        lambda: _evicting_as_deleting,
        ("budget-forbids", "budget-allows", "eviction-with-preconditions"),
    ),
    Mutant(
        "a refusal names nobody",
        lambda: answered(
            r".", lambda reply: _data(reply, lambda body: body.update(message="forbidden")) if reply.status == 403 else reply
        ),
        ("forbidden", "escalation"),
    ),
    Mutant(
        "whoever may not is unknown",
        lambda: answered(r".", lambda reply: _status(401, "Unauthorized")(reply) if reply.status == 403 else reply),
        ("roles", "roles-for-names"),
    ),
    Mutant(
        "a table is a list",
        lambda: asked(
            r"GET ",
            lambda request: (
                replace(request, headers={**(request.headers or {}), "Accept": "application/json"})
                if "as=Table" in (request.headers or {}).get("Accept", "")
                else request
            ),
        ),
        ("table-rows", "table-columns"),
    ),
    Mutant(
        "metadata only is everything",
        lambda: asked(
            r"GET ",
            lambda request: (
                replace(request, headers={**(request.headers or {}), "Accept": "application/json"})
                if "PartialObject" in (request.headers or {}).get("Accept", "")
                else request
            ),
        ),
        ("metadata-only", "metadata-only-list"),
    ),
    Mutant("a write that changes nothing is a new version", _always_a_new_version, ("write-that-changes-nothing", "apply-twice")),
    Mutant(
        "nobody is said to have written anything",
        lambda: answered(
            r"(POST|PATCH) .*/configmaps", lambda reply: _data(reply, _metadata(lambda m: m.update(managedFields=[])))
        ),
        ("managed-fields", "apply-twice"),
    ),
    Mutant(
        "the generation stands still",
        lambda: answered(r"PATCH .*/deployments/", lambda reply: _data(reply, _metadata(lambda m: m.update(generation=1)))),
        ("generations",),
    ),
    Mutant(
        "a generated name is what it was generated from",
        lambda: asked(
            r"POST .*/configmaps$",
            lambda request: _body(request, _metadata(lambda m: m.update(name=m.get("generateName", "x") + "x"))),
        ),
        ("generate-name",),
    ),
    Mutant("a log is always whole", lambda: asked(r"GET .*/log\?", _without_query("tailLines", "limitBytes")), ("logs",)),
    Mutant(
        "a pod always has its own grace",
        lambda: asked(r"POST .*/pods$|DELETE .*/pods/", _with_its_own_grace),
        ("a-pod-without-grace", "a-shorter-grace"),
    ),
    Mutant(
        "a write to the status writes all",
        lambda: asked(r"PATCH .*/pods/a/status", lambda request: replace(request, path=request.path.removesuffix("/status"))),
        ("status-apart",),
    ),
]
"""A mistake of each kind that would mislead a user, or gameday itself."""
