"""Rules that hold kubectl's command lines against a cluster: what they name is there.

Commands of sh blocks, and those in the prose's `code`, since people type these too; a word in capitals (`NODE`) stands there for
something that only an outage knows. What depends on the outage is left alone: field selectors, and objects that a command is
fine without.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

from gameday.cluster.discovery import ApiResource
from gameday.errors import ClusterError
from gameday.runbook.kubectl import KubectlLine, Target, Unclear, kubectl_lines
from gameday.runbook.linting.inline import parts_of
from gameday.runbook.linting.looking import Looking
from gameday.runbook.linting.model import Hit, Subject
from gameday.runbook.linting.registry import rule
from gameday.runbook.shell import commands

_Found = list[tuple[str, Hit]]
_found_in: WeakKeyDictionary[Subject, _Found] = WeakKeyDictionary()


@rule("RB601", "A kind that the cluster does not serve", need="cluster")
def unknown_kind(subject: Subject) -> Iterator[Hit]:
    """A kubectl command names a kind that the cluster knows, by its plural, its singular, or a short name.

    The kinds are those that the cluster itself lists, with its custom resources.
    """
    yield from _of("RB601", subject)


@rule("RB602", "An object that is not there", need="cluster")
def unknown_name(subject: Subject) -> Iterator[Hit]:
    """A kubectl command that names an object names one that is in the cluster, in that namespace.

    Not asked where the command is fine without it (`--ignore-not-found`, `wait`), and where only an outage knows the name. An
    object that the outage itself brings is allowed by `<!-- lint: allow RB602: why -->`.
    """
    yield from _of("RB602", subject)


@rule("RB603", "A selector that matches nothing", need="cluster")
def empty_selector(subject: Subject) -> Iterator[Hit]:
    """The label selector of a kubectl command (`-l app=checkout`) matches at least one object of the kinds that it is about.

    A command about nothing ends well and shows nothing, so that people believe it. Field selectors are not tried: what has
    failed or is Pending is there in an outage only.
    """
    yield from _of("RB603", subject)


@rule("RB604", "A namespace that is not there", need="cluster")
def unknown_namespace(subject: Subject) -> Iterator[Hit]:
    """The namespace of a kubectl command (`-n shop`) is in the cluster.

    To kubectl, a namespace that is not there is an empty one.
    """
    yield from _of("RB604", subject)


@rule("RB605", "A kubectl command that is not understood", severity="note", need="cluster")
def unclear(subject: Subject) -> Iterator[Hit]:
    """What could not be taken apart was not held against the cluster: a plugin, a flag that is not known, words from a variable.

    Only a note: the command may well be right. Write flags with an equals sign (`--flag=value`), and names as they are.
    """
    yield from _of("RB605", subject)


@rule("RB606", "The cluster does not say", severity="note", need="cluster")
def silent(subject: Subject) -> Iterator[Hit]:
    """The cluster did not answer, or this account may not look, so that nothing is known of this command.

    Only a note. Lint with an account that may read what the runbook is about.
    """
    yield from _of("RB606", subject)


def lines_of(subject: Subject) -> Iterator[KubectlLine | Unclear]:
    """Yield every kubectl command of a runbook: those of its sh blocks, and those that stand in the prose."""
    for step in subject.read().steps:
        if step.shell is not None:
            yield from kubectl_lines(commands(step.shell.text, first_line=step.shell.line))
    for part in parts_of(subject.body):
        if part.token.type == "code_inline" and part.token.content.startswith("kubectl "):
            for line in kubectl_lines(commands(part.token.content, first_line=part.line)):
                # Prose may show a piece of a command.
                if isinstance(line, KubectlLine):
                    yield line


def _of(code: str, subject: Subject) -> Iterator[Hit]:
    """Yield the hits of one code; the cluster is asked once for all of them."""
    if subject not in _found_in:
        looking = subject.around.looking
        _found_in[subject] = [] if looking is None else [hit for line in lines_of(subject) for hit in _look(looking, line)]
    yield from (hit for found, hit in _found_in[subject] if found == code)


def _look(looking: Looking, line: KubectlLine | Unclear) -> Iterator[tuple[str, Hit]]:
    if isinstance(line, Unclear):
        yield "RB605", Hit(line.line, f"this kubectl command was not held against the cluster: {line.why}")
        return
    try:
        yield from _look_at_raw(looking, line) if line.raw else _look_at(looking, line)
    except ClusterError as error:
        yield "RB606", Hit(line.line, f"kubectl {line.verb} could not be looked at: {error}")


def _look_at(looking: Looking, line: KubectlLine) -> Iterator[tuple[str, Hit]]:
    if line.namespace and not looking.has_namespace(line.namespace):
        yield "RB604", _no_namespace(line.line, line.namespace)
        return
    selected: list[ApiResource] = []
    for target in line.targets:
        resource = looking.served.named(target.kind)
        if resource is None:
            yield from _no_kind(looking, line, target)
            return
        selected.append(resource)
        yield from _look_for(looking, line, target, resource)
    if line.selector and selected and not _matches_any(looking, line, selected):
        kinds = ", ".join(resource.plural for resource in selected)
        told = f"the selector {line.selector!r} matches no {kinds}{_in(line)}"
        yield "RB603", Hit(line.line, told, f"correct the selector; see: kubectl get {kinds}{_flag(line)} --show-labels")


def _no_kind(looking: Looking, line: KubectlLine, target: Target) -> Iterator[tuple[str, Hit]]:
    if looking.served.is_category(target.kind):
        return
    silent_groups = looking.served.silent_groups
    if silent_groups:
        why = f"the API of {', '.join(silent_groups)} does not answer"
        yield "RB606", Hit(line.line, f"whether there is a kind {target.kind!r} is not known: {why}")
        return
    yield "RB601", Hit(line.line, f"the cluster serves no kind {target.kind!r}", "correct it; see: kubectl api-resources")


def _look_for(looking: Looking, line: KubectlLine, target: Target, resource: ApiResource) -> Iterator[tuple[str, Hit]]:
    if not target.name or line.may_be_absent or (resource.is_namespaced and not line.namespace):
        return
    namespace = line.namespace if resource.is_namespaced else ""
    if not looking.exists(resource.api_version, resource.kind, namespace, target.name):
        told = f"there is no {resource.singular} {target.name}{f' in {namespace}' if namespace else ''}"
        yield "RB602", Hit(line.line, told, f"correct the name; see: kubectl get {resource.plural}{_flag(line)}")


def _matches_any(looking: Looking, line: KubectlLine, resources: list[ApiResource]) -> bool:
    """Say whether a selector matches an object of any of the kinds; also where that cannot be asked, or depends on the hour."""
    return any(
        "list" not in resource.verbs
        or resource.kind == "Event"
        or (resource.is_namespaced and not (line.namespace or line.all_namespaces))
        or looking.matches(resource, line.namespace if resource.is_namespaced else "", line.selector)
        for resource in resources
    )


def _look_at_raw(looking: Looking, line: KubectlLine) -> Iterator[tuple[str, Hit]]:
    place = place_of(line.raw)
    if place is None:
        return
    api_version, plural, namespace, name, _ = place
    if namespace and not looking.has_namespace(namespace):
        yield "RB604", _no_namespace(line.line, namespace)
        return
    resource = next((one for one in looking.served.resources if (one.api_version, one.plural) == (api_version, plural)), None)
    if resource is None:
        yield "RB601", Hit(line.line, f"the cluster serves no {plural!r} in {api_version}", "correct the path of --raw")
    elif name and not looking.exists(api_version, resource.kind, namespace, name):
        told = f"there is no {resource.singular} {name}{f' in {namespace}' if namespace else ''}"
        yield "RB602", Hit(line.line, told, "correct the path of --raw")


def place_of(path: str) -> tuple[str, str, str, str, str] | None:
    """Return the apiVersion, plural, namespace, name and subresource of a path of the API; None for one that has no objects."""
    steps = [unquote(step) for step in urlsplit(path).path.strip("/").split("/")]
    if steps[0] == "api" and len(steps) > 1:
        api_version, steps = steps[1], steps[2:]
    elif steps[0] == "apis" and len(steps) > 2:  # noqa: PLR2004  # apis, group, version
        api_version, steps = "/".join(steps[1:3]), steps[3:]
    else:
        return None
    namespace = ""
    if len(steps) > 2 and steps[0] == "namespaces":  # noqa: PLR2004  # namespaces, its name, and what is in it
        namespace, steps = steps[1], steps[2:]
    if not steps:
        return None
    name = steps[1] if len(steps) > 1 else ""
    subresource = steps[2] if len(steps) > 2 else ""  # noqa: PLR2004  # plural, name, subresource
    # A proxied service is named scheme:name:port, or name:port.
    if subresource == "proxy" and ":" in name:
        parts = name.split(":")
        name = parts[0] if len(parts) == 2 else parts[1]  # noqa: PLR2004  # name, port
    return api_version, steps[0], namespace, name, subresource


def _no_namespace(line: int, name: str) -> Hit:
    return Hit(line, f"there is no namespace {name}", "correct -n; see: kubectl get namespaces")


def _in(line: KubectlLine) -> str:
    return f" in {line.namespace}" if line.namespace else ""


def _flag(line: KubectlLine) -> str:
    return f" -n {line.namespace}" if line.namespace else ""
