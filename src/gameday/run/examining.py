"""What a run would find if it began now: this machine's programs, the cluster's readiness, and the rights of this account.

Looks only; each finding says what was found and, where something is missing, the next step. What could not be looked at is
said as such, and counts as missing.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from typing import Any, Final

from gameday import __version__
from gameday.change import ActionSpec
from gameday.cluster import OPT_IN_LABEL, SYSTEM_NAMESPACE, Access, Cluster, Selection
from gameday.cluster import ObjectRef as Ref
from gameday.errors import GamedayError, UnauthenticatedError, UnreachableError
from gameday.guard.accounts import TOKEN, UNDO_ACCOUNT, UndoAccount, undo_account
from gameday.guard.needs import ENGINE, of_action, of_guard, of_undoing
from gameday.undo.lease import hold_of
from gameday.undo.storing import SecretStore

OK, NOTE, MISSING, UNKNOWN = "ok", "note", "missing", "unknown"
_SKEW_SECONDS: Final = 5.0
_PROGRAMS: Final = {
    "ssh-keygen": "approvals need it (Debian, Ubuntu: apt install openssh-client)",
    "kubectl": "runbook steps that are shell blocks mostly need it: https://kubernetes.io/docs/tasks/tools/",
    "git": "approvals ask it who runs a plan; without it, set GAMEDAY_RUNNER",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: ok, worth a note, missing (a run would be refused), or unknown (could not look)."""

    topic: str
    state: str
    found: str
    next_step: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def is_well(checks: Sequence[Check]) -> bool:
    """Say whether nothing is missing or unknown."""
    return all(check.state in {OK, NOTE} for check in checks)


def examine_machine() -> Iterator[Check]:
    """Look at versions and programs of this machine."""
    python = ".".join(map(str, sys.version_info[:3]))
    libraries = ", ".join(f"{name} {version(name)}" for name in ("kubernetes", "chaostoolkit-lib"))
    yield Check("versions", OK, f"gameday {__version__}, Python {python}, {libraries}")
    for program, purpose in _PROGRAMS.items():
        path = shutil.which(program)
        yield Check(program, OK, _version(program, path)) if path else Check(program, NOTE, "not installed", purpose)
    if importlib.util.find_spec("icalendar") is None:
        hint = "plans with freezes need it: pip install 'chaos-gameday[calendar]'"
        yield Check("icalendar", NOTE, "not installed", hint)
    else:
        yield Check("icalendar", OK, version("icalendar"))


def examine_cluster(
    cluster: Cluster,
    actions: Sequence[ActionSpec],
    namespaces: Sequence[str] = (),
    *,
    clock: Callable[[], float] = time.time,
) -> Iterator[Check]:
    """Look at a cluster: who it is, what a run keeps in it, who opted in, what is left over, and what this account may do.

    `namespaces` are those that are meant; none: all that have opted in.
    """
    try:
        identity = cluster.identity()
    except GamedayError as error:
        hint = "choose another --context, or start the embedded cluster: gameday staging up"
        if isinstance(error, UnauthenticatedError):
            hint = "log in again, or renew the token of this context; no right needs to be granted"
        yield Check("cluster", UNKNOWN if isinstance(error, UnreachableError) else MISSING, str(error), hint)
        return
    yield Check("cluster", OK, f"{identity} at {identity.server}")
    yield from _looked("clock", partial(_clock, cluster, clock))
    yield from _looked(f"namespace {SYSTEM_NAMESPACE}", partial(_system_namespace, cluster))
    yield from _looked("undo records", partial(_records, cluster))
    yield from _looked("lease", partial(_lease, cluster))
    yield from _looked("engine", partial(_granted, "engine", ENGINE, cluster))
    opted_in: list[str] = []
    yield from _looked("opted-in namespaces", partial(_opted_in, cluster, namespaces, opted_in))
    needs = tuple(dict.fromkeys(need for namespace in opted_in for spec in actions for need in of_undoing(spec, namespace)))
    undoing = [UndoAccount(cluster)]
    yield from _looked("undo", partial(_undoing, cluster, needs, undoing))
    for namespace in opted_in:
        yield from _looked(f"guard in {namespace}", partial(_granted, f"guard in {namespace}", of_guard(namespace), cluster))
        for spec in actions:
            topic, own, undo = f"{spec.name} in {namespace}", of_action(spec, namespace), of_undoing(spec, namespace)
            yield from _looked(topic, partial(_granted, topic, own, cluster, undo=undo, undoing=undoing[-1]))


def _looked(topic: str, look: Callable[[], Check | Sequence[Check]]) -> Sequence[Check]:
    try:
        found = look()
        return [found] if isinstance(found, Check) else found
    except GamedayError as error:
        return [Check(topic, UNKNOWN, f"could not look: {error}", "have the right to look granted, or look from another account")]


def _clock(cluster: Cluster, clock: Callable[[], float]) -> Check:
    # The server's Date has whole seconds, so half of one is the best guess.
    skew = cluster.server_time() + 0.5 - clock()
    told = f"the server's is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
    if abs(skew) <= _SKEW_SECONDS:
        return Check("clock", OK, told)
    return Check("clock", NOTE, told, "deadlines and windows go by the server's clock; set the wrong one right (NTP)")


def _system_namespace(cluster: Cluster) -> Check:
    topic = f"namespace {SYSTEM_NAMESPACE}"
    if cluster.get(Ref("v1", "Namespace", "", SYSTEM_NAMESPACE)) is None:
        return Check(topic, MISSING, "there is none; a run keeps its undo record there", f"kubectl create {topic}")
    return Check(topic, OK, "is there")


def _records(cluster: Cluster) -> Check:
    stored = SecretStore(cluster).read()
    owing = sorted({item.shard.run_id for item in stored if item.shard.owes})
    if owing:
        told = f"an undo is still owed by {', '.join(owing)}"
        return Check("undo records", MISSING, told, "if it is not on any more: gameday recover")
    settled = sorted({item.shard.run_id for item in stored})
    if settled:
        return Check("undo records", NOTE, f"settled and left over: {', '.join(settled)}", "gameday recover removes them")
    return Check("undo records", OK, "none are left")


def _lease(cluster: Cluster) -> Check:
    hold = hold_of(cluster)
    if hold is None:
        return Check("lease", OK, "nobody holds it")
    if not hold.seconds_left:
        return Check("lease", NOTE, f"expired; last held by {hold}", "the next run takes it; to clear it now: gameday recover")
    return Check("lease", MISSING, f"held by {hold}", "wait for that run to end; if it is dead: gameday recover")


def _opted_in(cluster: Cluster, namespaces: Sequence[str], opted_in: list[str]) -> list[Check]:
    """Return what is said of the namespaces, and put those into the list that rights are then asked for."""
    if not namespaces:
        found = cluster.list(Selection("v1", "Namespace", labels=f"{OPT_IN_LABEL}=true"))
        opted_in += [item["metadata"]["name"] for item in found]
        if opted_in:
            return [Check("opted-in namespaces", OK, ", ".join(opted_in))]
        hint = f"their owner does so with: kubectl label namespace NAME {OPT_IN_LABEL}=true"
        return [Check("opted-in namespaces", MISSING, "no namespace has opted in", hint)]
    return [_namespace(cluster, name, opted_in) for name in namespaces]


def _namespace(cluster: Cluster, name: str, opted_in: list[str]) -> Check:
    topic = f"namespace {name}"
    found = cluster.get(Ref("v1", "Namespace", "", name))
    if found is None:
        return Check(topic, MISSING, "there is no such namespace", "choose another with -n, or another --context")
    opted_in.append(name)
    if (found["metadata"].get("labels") or {}).get(OPT_IN_LABEL) != "true":
        return Check(topic, MISSING, "it has not opted in", f"kubectl label {topic} {OPT_IN_LABEL}=true")
    return Check(topic, OK, "has opted in")


def _granted(
    topic: str,
    needs: Sequence[Access],
    cluster: Cluster,
    *,
    undo: Sequence[Access] = (),
    undoing: UndoAccount | None = None,
) -> Check:
    """Ask for what this account needs, and for what whoever undoes needs besides."""
    other = undoing.name if undoing else ""
    acting = undoing.cluster if undoing else cluster
    asked = [(cluster, "", access) for access in needs]
    asked += [(acting, other, access) for access in undo if other or access not in needs]
    denied = [(name, access) for whose, name, access in asked if not whose.may(access).allowed]
    if denied:
        told = ", ".join(f"{access} to {name}" if name else str(access) for name, access in denied)
        return Check(topic, MISSING, f"not granted: {told}", f"grant it by a Role; to see it: {_can_i(*denied[0])}")
    told = ", ".join(f"{access} to {name}" if name else str(access) for _, name, access in asked)
    return Check(topic, OK, f"granted: {told or 'needs nothing'}")


def _undoing(cluster: Cluster, needs: Sequence[Access], chosen: list[UndoAccount]) -> Check:
    """Say who would undo, and put that into the list for those whose rights are then asked for."""
    account = undo_account(cluster, needs)
    chosen.append(account)
    if account.name:
        return Check("undo", OK, f"by {account.name}, whose token this account may take: {TOKEN}")
    if not account.why_own:
        return Check("undo", OK, "by this account itself")
    grant = f"to keep the two apart: kubectl apply -k deploy, which grants: {TOKEN}"
    if all(cluster.may(access).allowed for access in needs):
        return Check("undo", NOTE, f"by this account itself, and not by {UNDO_ACCOUNT}: {account.why_own}", grant)
    told = f"neither by this account nor by {UNDO_ACCOUNT}: {account.why_own}"
    return Check("undo", MISSING, told, f"grant {TOKEN} (kubectl apply -k deploy), or this account what undoing takes")


def _can_i(account: str, access: Access) -> str:
    resource, _, subresource = access.resource.partition("/")
    kind = resource + (f".{access.group}" if access.group else "")
    words = ["kubectl auth can-i", access.verb, kind]
    words += [f"--subresource={subresource}"] if subresource else []
    words += [f"--as=system:serviceaccount:{SYSTEM_NAMESPACE}:{account}"] if account else []
    return " ".join([*words, *([f"-n {access.namespace}"] if access.namespace else [])])


def _version(program: str, path: str) -> str:
    """Return what the program says of itself, or where it is."""
    arguments = {"kubectl": ["version", "--client"], "git": ["--version"]}.get(program)
    if arguments is None:
        return path
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False, timeout=10.0)
    return (done.stdout.splitlines() or [path])[0]
