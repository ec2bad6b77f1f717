"""Rules about rights: whoever has a role may do what its steps say, asked of the cluster before an outage asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gameday.change import ActionSpec
from gameday.change.registry import registered
from gameday.cluster import Access
from gameday.cluster.discovery import Account, ApiResource, Served
from gameday.errors import BadParameterError, ClusterError
from gameday.runbook.kubectl import KubectlLine, Target, kubectl_lines
from gameday.runbook.linting.looking import Looking
from gameday.runbook.linting.model import Hit, Subject
from gameday.runbook.linting.registry import rule
from gameday.runbook.linting.rules.cluster import place_of
from gameday.runbook.model import Step
from gameday.runbook.shell import commands

_GET_PATCH: Final = ("get", "patch")
_VERBS: Final = {
    "delete": ("get", "delete"),
    "edit": _GET_PATCH,
    "patch": _GET_PATCH,
    "label": _GET_PATCH,
    "annotate": _GET_PATCH,
    "taint": _GET_PATCH,
    "cordon": _GET_PATCH,
    "uncordon": _GET_PATCH,
    "drain": _GET_PATCH,
    "expose": ("get",),
    "autoscale": ("get",),
    "describe": ("get",),
    "rollout pause": _GET_PATCH,
    "rollout resume": _GET_PATCH,
    "rollout restart": _GET_PATCH,
    "rollout undo": _GET_PATCH,
    "rollout history": ("get",),
    "rollout status": ("get", "watch"),
    "scale": ("get",),
}
"""What kubectl asks of the objects themselves: it reads before it writes, and writes by patching."""
_ON_PODS: Final = {
    "logs": ("get", "log"),
    "exec": ("create", "exec"),
    "attach": ("create", "attach"),
    "port-forward": ("create", "portforward"),
}


@rule("RB611", "A role lacks a right", need="accounts")
def lacking(subject: Subject) -> Iterator[Hit]:
    """Whoever has a role may do in the cluster what the kubectl commands and actions of its steps need.

    `--account 'subject-matter expert=system:serviceaccount:ops:sre'` says whose rights those of a role are; groups follow after
    commas (`alice@example.com,group:sre`). Asked by a SubjectAccessReview for each right; of a role that no account is named
    for, nothing is said.
    """
    looking = subject.around.looking
    for step in subject.read().steps:
        account = subject.around.accounts.get(step.role)
        if account is None or looking is None:
            continue
        try:
            yield from _lacking_of(step, account, looking)
        except ClusterError:
            continue


@rule("RB612", "Rights could not be asked", severity="note", need="accounts")
def unasked(subject: Subject) -> Iterator[Hit]:
    """The cluster did not say whether a role's account may do what its step needs.

    Asking for others takes the right to `create subjectaccessreviews.authorization.k8s.io`. Only a note.
    """
    looking = subject.around.looking
    for step in subject.read().steps:
        account = subject.around.accounts.get(step.role)
        if account is None or looking is None:
            continue
        try:
            list(_lacking_of(step, account, looking))
        except ClusterError as error:
            yield Hit(step.line, f"what {account.name} may do for the step {step.id!r} is not known: {error}")


def _lacking_of(step: Step, account: Account, looking: Looking) -> Iterator[Hit]:
    for line, access in dict.fromkeys(_needs(step, looking.served)):
        if not looking.may(account, access).allowed:
            told = f"the {step.role} ({account.name}) may not {access}, which the step {step.id!r} needs"
            yield Hit(line, told, f"grant it, or give the step to another role; see: kubectl auth can-i --as={account.name}")


def _needs(step: Step, served: Served) -> Iterator[tuple[int, Access]]:
    if step.action is not None:
        yield from ((step.action.line, access) for access in _of_action(step, served))
    if step.shell is not None:
        for line in kubectl_lines(commands(step.shell.text, first_line=step.shell.line)):
            if isinstance(line, KubectlLine):
                yield from ((line.line, access) for access in accesses_of(line, served))


def _of_action(step: Step, served: Served) -> Iterator[Access]:
    assert step.action is not None  # noqa: S101  # asked by whoever calls
    try:
        spec = registered(step.action.target)
    except BadParameterError:
        return
    namespace = str(step.action.arguments.get("namespace", ""))
    for right in spec.rights_with(step.action.arguments) if isinstance(spec, ActionSpec) else ():
        plural = right.resource.split("/")[0]
        is_namespaced = all(one.is_namespaced for one in served.resources if (one.plural, one.group) == (plural, right.api_group))
        yield Access(right.verb, right.resource, right.api_group, namespace if is_namespaced else "")


def accesses_of(line: KubectlLine, served: Served) -> Iterator[Access]:
    """Yield what a kubectl command asks of the API, as far as it is known here; of the others nothing is claimed."""
    if line.raw:
        yield from _of_raw(line)
        return
    for target in line.targets:
        resource = served.named(target.kind)
        if resource is None:
            continue
        namespace = line.namespace if resource.is_namespaced else ""
        if resource.is_namespaced and not (namespace or line.all_namespaces):
            continue
        yield from _of_target(line, target, resource, namespace)
    yield from _besides(line)


def _of_target(line: KubectlLine, target: Target, resource: ApiResource, namespace: str) -> Iterator[Access]:
    for verb in _verbs(line, target):
        yield Access(verb, resource.plural, resource.group, namespace, "" if verb in {"list", "watch"} else target.name)
    if line.verb == "scale":
        yield Access("patch", f"{resource.plural}/scale", resource.group, namespace, target.name)
    if line.verb in _ON_PODS:
        verb, subresource = _ON_PODS[line.verb]
        if resource.kind != "Pod":
            yield Access("list", "pods", "", namespace)
        yield Access(verb, f"pods/{subresource}", "", namespace, target.name if resource.kind == "Pod" else "")


def _besides(line: KubectlLine) -> Iterator[Access]:
    """Yield what a command asks of other objects than those that it names."""
    if line.verb == "logs" and not line.targets and line.selector and line.namespace:
        yield Access("list", "pods", "", line.namespace)
        yield Access("get", "pods/log", "", line.namespace)
    if line.verb == "drain":
        yield Access("list", "pods")
        yield Access("create", "pods/eviction")
    if line.verb in {"rollout undo", "rollout history"} and line.namespace:
        yield Access("list", "replicasets", "apps", line.namespace)


def _verbs(line: KubectlLine, target: Target) -> tuple[str, ...]:
    if line.verb in {"get", "describe", "top pods", "top nodes", "top pod", "top node"} and not target.name:
        return ("list",)
    if line.verb.startswith("set "):
        return _GET_PATCH
    return _VERBS.get(line.verb, ("get",))


def _of_raw(line: KubectlLine) -> Iterator[Access]:
    place = place_of(line.raw)
    if place is not None:
        api_version, plural, namespace, name, subresource = place
        group = api_version.rpartition("/")[0]
        resource = f"{plural}/{subresource}" if subresource else plural
        # To an authoriser, a proxied service is called as the path has it: orders:http.
        asked = line.raw.partition("/proxy")[0].rpartition("/")[2] if subresource == "proxy" else name
        yield Access("get" if name else "list", resource, group, namespace, asked)
