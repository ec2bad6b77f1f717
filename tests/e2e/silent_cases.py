"""What each experiment in which the fault silently does nothing looks like, and what is to be said of it in the end.

Three lists: what is refused before anything is changed, what ends inconclusive, and what other extensions' activities can do to
the same effect. The lies that some of them need are told by `lying`, between gameday and the server.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gameday.log.events import VerdictGiven
from tests.between import PassOn, Reply, Request
from tests.e2e.conftest import Command
from tests.e2e.lying import (
    Lie,
    alters,
    babbles,
    does_instead,
    forgets_the_date,
    freezes,
    hangs_up,
    once,
    pretends,
    says,
)
from tests.e2e.silent import ACTIONS, Json, broken, document, foreign, kill, probing, process, python, ready, scale

IDLE: Final = "/apis/apps/v1/namespaces/quiet/deployments/idle"
PATCHED: Final = r"PATCH .*/quiet/deployments/idle$"
STEADY: Final = "GET .*deployments/steady$"
DELETED: Final = r"DELETE .*/shop/pods/payment-"
RECORD: Final = r"POST .*/gameday-system/secrets$"
PODS: Final = "/api/v1/namespaces/quiet/pods?labelSelector=app%3Didle"
SLICES: Final = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"
HELD: Final = r"POST .*/leases$"
REVIEW: Final = r"POST .*/selfsubjectaccessreviews$"
WHILE_IT_GOES: Final = "12s"
"""Far longer than a pod lingers, so that where it still answers is not what is told."""
PROTECTED: Final = {"gameday.dev/protected": "true"}


@dataclass(frozen=True)
class Case:
    """One experiment, the lies that it is told, and what is to be said of it in the end."""

    name: str
    experiment: Json
    told: str
    """A regular expression over everything that is said."""
    lies: Callable[[], Sequence[Lie]] = tuple


def _scaled_to(replicas: int) -> Callable[[Json], object]:
    return lambda obj: obj["spec"].update(replicas=replicas)


def _revert(pass_on: PassOn) -> None:
    """Be a controller of somebody else's that writes the former number again."""
    pass_on(Request("PATCH", IDLE, b'{"spec":{"replicas":2}}', "application/merge-patch+json"))


def _reverted_at_once(request: Request, pass_on: PassOn) -> Reply:
    reply = pass_on(request)
    _revert(pass_on)
    return reply


def _reverted_before(request: Request, pass_on: PassOn) -> None:
    del request
    _revert(pass_on)


def _replaced(request: Request, pass_on: PassOn) -> Reply:
    """Let the write pass, and put an object of the same name in its place, as it was before."""
    before = json.loads(pass_on(Request("GET", request.path)).data)
    reply = pass_on(request)
    pass_on(Request("DELETE", request.path))
    fresh = {"name": "idle", "namespace": "quiet", "labels": before["metadata"].get("labels", {})}
    fresh = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": fresh, "spec": before["spec"]}
    pass_on(Request("POST", request.path.rpartition("/")[0], json.dumps(fresh).encode()))
    return reply


def _restarted_first(request: Request, pass_on: PassOn) -> None:
    """Lose the pod to somebody else a moment earlier."""
    pass_on(Request("DELETE", request.path, b'{"gracePeriodSeconds":0}'))


def _refuse_review(obj: Json) -> None:
    obj["status"] = {"allowed": False, "reason": "not today"}


def _taken_over(obj: Json) -> None:
    target = {"kind": "Deployment", "name": "idle"}
    obj["items"] = [{"metadata": {"name": "newcomer"}, "spec": {"scaleTargetRef": target}}]


REFUSED: Final = [
    Case("a selector with a typo", document(kill("app=paymnet")), "found 0"),
    Case("a selector that matches only finished pods", document(kill("app=done", "quiet")), "found 0"),
    Case("a selector that matches only pending pods", document(kill("app=pending", "quiet")), "found 0"),
    Case("a selector that matches only terminating pods", document(kill("app=leaving", "quiet")), "found 0"),
    Case("a selector of a workload without pods", document(kill("app=empty", "quiet")), "found 0"),
    Case("more pods than there are", document(kill(count=9)), "at least 9"),
    Case("a count of zero", document(kill(count=0)), "from 1"),
    Case("a namespace that does not exist", document(scale(namespace="quite")), "there is no"),
    Case("a namespace that did not opt in", document(scale(namespace="closed", replicas=0)), "opted in"),
    Case("a workload with a typo", document(scale("idel")), "there is no"),
    Case("a workload of another kind", document(scale(kind="StatefulSet")), "there is no"),
    Case("a kind that cannot be scaled", document(scale(kind="DaemonSet")), "expected kind"),
    Case("a negative number of replicas", document(scale(replicas=-1)), "from 0"),
    Case("a protected workload", document(scale("protected", 0)), "gameday.dev/protected"),
    Case("a pod of a protected workload", document(kill("app=protected", "quiet")), "gameday.dev/protected"),
    Case("a workload that an autoscaler owns", document(scale("scaled", 0)), "HorizontalPodAutoscaler"),
    Case("a workload that GitOps owns", document(scale("synced", 0)), "Argo CD"),
    Case("a pod that nothing owns", document(kill("app=alone", "quiet")), "owns this pod"),
    Case("an eviction that a budget forbids", document(kill("app=guarded", "quiet", evict=True)), "PodDisruptionBudget"),
    Case("an account without the right", document(scale()), "not today", lambda: [alters(REVIEW, _refuse_review)]),
    Case("rights that cannot be asked for", document(scale()), "answered by the test", lambda: [says(403, REVIEW)]),
    Case("a token that is not accepted", document(scale()), "does not accept these credentials", lambda: [says(401, ".")]),
    Case("a workload that the server does not find", document(scale()), "there is no", lambda: [says(404, "GET .*/idle$")]),
    Case("a proxy's page in place of the API", document(scale()), "expected an object", lambda: [babbles("GET /api")]),
    Case("a server that does not say what time it is", document(scale()), "Date", lambda: [forgets_the_date()]),
    Case("a server that hangs up", document(scale()), "no answer", lambda: [hangs_up("GET .*deployments")]),
    Case("a lease that cannot be taken", document(scale()), "answered by the test", lambda: [says(500, HELD)]),
]

INCONCLUSIVE: Final = [
    Case("the number that it already has", document(scale(replicas=2)), "nothing was changed"),
    Case("a field as it is already", document(broken("what_is_there_already")), "was there already"),
    Case("an action that returns no change", document(broken("nothing")), "nothing was changed"),
    Case("an action whose change nobody can see", document(broken("unseen")), "cannot be shown"),
    Case("an action that breaks while it looks", document(broken("unseeable")), "KeyError|never looked for"),
    Case("a pod that cannot be reached", document(kill("app=idle", "quiet")), "cannot be reached"),
    Case("a container with a typo", document(broken("set_variable", name="idle", container="mian")), "was not applied"),
    Case("a paused deployment", document(broken("set_variable", name="paused", container="main")), "did not land"),
    Case("a workload without pods", document(scale("paused")), "did not land"),
    Case("a write answered 200 and dropped", document(scale()), "did not land", lambda: [says(200, PATCHED)]),
    Case("a write that is only pretended", document(scale()), "did not land", lambda: [pretends(PATCHED, _scaled_to(1))]),
    Case("a write that is forbidden", document(scale()), "answered by the test", lambda: [says(403, PATCHED)]),
    Case("a write whose object is said to be gone", document(scale()), "answered by the test", lambda: [says(404, PATCHED)]),
    Case("a write that always conflicts", document(scale()), "answered by the test", lambda: [says(409, PATCHED)]),
    Case("a write that cannot be processed", document(scale()), "answered by the test", lambda: [says(422, PATCHED)]),
    Case("a write that is throttled", document(scale()), "answered by the test", lambda: [says(429, PATCHED)]),
    Case(
        "a write on which the server fails",
        document(scale()),
        "answered by the test",
        lambda: [does_instead(PATCHED, says(500, PATCHED))],
    ),
    Case(
        "a write that is never answered",
        document(scale()),
        "no answer",
        lambda: [does_instead(PATCHED, lambda *_: Reply(0))],
    ),
    Case(
        "a write answered by a proxy's page",
        document(scale()),
        "expected an object",
        lambda: [does_instead(PATCHED, babbles(PATCHED))],
    ),
    Case(
        "a write reverted at once",
        document(scale()),
        "did not land|set back",
        lambda: [does_instead(PATCHED, _reverted_at_once)],
    ),
    # When it has landed, and the steady state is about to be looked at.
    Case(
        "a write reverted a moment later",
        document(scale(), landing_timeout="30s"),
        "set back",
        lambda: [once(PATCHED, does_instead(STEADY, _reverted_before))],
    ),
    Case("an object replaced at once", document(scale()), "not there any more", lambda: [does_instead(PATCHED, _replaced)]),
    Case(
        "pods listed as they were",
        document(scale()),
        "did not land",
        lambda: [freezes("GET .*/quiet/pods", since=PATCHED, path=PODS)],
    ),
    Case("a deletion that is swallowed", document(kill()), "still answers", lambda: [says(200, DELETED)]),
    Case("a deletion that is forbidden", document(kill()), "answered by the test", lambda: [says(403, DELETED)]),
    Case("a deletion of what is said to be gone", document(kill()), "answered by the test", lambda: [says(404, DELETED)]),
    Case("a deletion that always conflicts", document(kill()), "answered by the test", lambda: [says(409, DELETED)]),
    Case("an eviction that is swallowed", document(kill(evict=True)), "still answers", lambda: [says(201, "POST .*/eviction$")]),
    Case("an eviction that is refused", document(kill(evict=True)), "answered by", lambda: [says(429, "POST .*/eviction$")]),
    Case(
        "a pod that was restarted a moment before",
        document(kill()),
        "not found|replaced",
        lambda: [does_instead(DELETED, _restarted_first)],
    ),
    Case(
        "endpoints as they were",
        document(kill(), landing_timeout=WHILE_IT_GOES),
        "still lists",
        lambda: [freezes("GET .*endpointslices", since=DELETED, path=SLICES)],
    ),
    Case(
        "endpoints that may not be read afterwards",
        document(kill(), landing_timeout=WHILE_IT_GOES),
        "could not look",
        lambda: [once(DELETED, says(403, "GET .*endpointslices"))],
    ),
    Case("a record that cannot be created", document(scale()), "answered by the test", lambda: [says(409, RECORD)]),
    Case(
        "a record that cannot be written a second time",
        document(scale(), scale("steady", 2)),
        "answered by the test",
        lambda: [does_instead("PUT .*/gameday-system/secrets/", says(403, "."))],
    ),
    Case(
        "a namespace that opts out meanwhile",
        document(scale()),
        "opted in",
        lambda: [once(HELD, alters("GET .*/namespaces/quiet$", lambda obj: obj["metadata"].pop("labels")))],
    ),
    Case(
        "an owner who protects it meanwhile",
        document(scale()),
        "gameday.dev/protected",
        lambda: [once(HELD, alters("GET .*deployments/idle$", lambda obj: obj["metadata"].update(labels=PROTECTED)))],
    ),
    Case(
        "an autoscaler that comes meanwhile",
        document(scale()),
        "HorizontalPodAutoscaler",
        lambda: [once(HELD, alters("GET .*horizontalpodautoscalers", _taken_over))],
    ),
    Case("a red baseline", document(scale(), hypothesis=ready("pending")), "before anything was changed"),
    Case(
        "a steady state that cannot be looked at afterwards",
        document(scale()),
        "could not look",
        lambda: [once(PATCHED, says(500, STEADY))],
    ),
]

NONE_IN_RANGE: Final = {
    **python("nothing", "os.getenv", kind="probe", key="NOBODY"),
    "tolerance": {"type": "range", "range": [0, 1]},
}
ODD: Final = {"type": "process", "path": "sleep", "arguments": 1}
"""Which Chaos Toolkit takes, and then cannot start: it raises outside of what it catches."""

ELSEWHERE: Final = [
    Case(
        "an action that does nothing, and a probe that shows it",
        foreign(python("break it", "os.getpid"), probing(process("it is broken", "false"), 0)),
        "it is broken",
    ),
    Case("a probe that returns None", foreign(python("break it", "os.getpid"), probes=[NONE_IN_RANGE]), "nothing|Chaos Toolkit"),
    Case("an action that raises", foreign(python("break it", "os.rmdir", path="nowhere")), "No such file"),
    Case("an action that does not exist", foreign(python("break it", "os.brake")), "break it"),
    Case("a process that exits with an error", foreign(process("one", "true"), process("other", "false")), "exit status 1"),
    Case("a program that does not exist", foreign(process("one", "true"), process("other", "no-such-program")), "other"),
    Case(
        "a background action that crashed",
        foreign(process("one", "true"), {**python("other", "os.rmdir", path="nowhere"), "background": True}),
        "No such file",
    ),
    Case(
        "a background action that Chaos Toolkit itself lost",
        foreign(process("one", "true"), {**process("other", "sleep"), "provider": ODD, "background": True}),
        "other",
    ),
    Case("a method that only looks", foreign({**process("look", "true"), "type": "probe"}), "nothing was changed"),
    Case("an experiment without a steady state", foreign(process("one", "true"), probes=[]), "steady state"),
]


def carried_out(command: Command, case: Case, *more: str) -> tuple[int, str]:
    """Run a case's experiment; return the exit code and everything that was said."""
    (command.folder / "experiments").mkdir()
    (command.folder / "actions").mkdir()
    (command.folder / "actions" / "broken.py").write_text(ACTIONS)
    (command.folder / "silent.json").write_text(json.dumps(case.experiment))
    ended = command.run("run", "silent.json", "--yes", *more)
    verdicts = [event for event in command.events() if isinstance(event, VerdictGiven)]
    assert not [event for event in verdicts if event.verdict != "inconclusive"], verdicts
    return ended.returncode, "\n".join([ended.stdout, ended.stderr, *(reason for item in verdicts for reason in item.reasons)])
