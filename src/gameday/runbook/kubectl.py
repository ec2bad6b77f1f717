"""kubectl command lines taken apart: what they do, to which objects, in which namespace; and what cannot be told from them.

Pure text: no cluster is asked and nothing is run. The flags are kubectl's own. A line with a flag that is not known here is
called unclear, since the word behind it might be its value or a name; nothing is guessed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gameday.runbook.calling import called, program_of
from gameday.runbook.shell import UNKNOWN, Command


@dataclass(frozen=True, slots=True)
class Target:
    """A kind as it was written, and a name; no name stands for all objects of the kind."""

    kind: str
    name: str = ""
    is_known: bool = True
    """False where only a run knows the name, which is empty then."""


@dataclass(frozen=True, slots=True)
class KubectlLine:
    """One kubectl command whose words were understood."""

    verb: str
    """With its second word where it has one: `rollout undo`, `set env`."""
    targets: tuple[Target, ...]
    line: int
    namespace: str = ""
    all_namespaces: bool = False
    selector: str = ""
    raw: str = ""
    """The path of --raw."""
    flags: frozenset[str] = field(default_factory=frozenset)
    """The names of all flags that are set, long ones without their dashes."""

    @property
    def may_be_absent(self) -> bool:
        """Whether it is fine with what it names not being there."""
        return self.verb in {"wait", "create", "run"} or "ignore-not-found" in self.flags


@dataclass(frozen=True, slots=True)
class Unclear:
    """One kubectl command that is not understood, and why."""

    line: int
    why: str


_SHORT: Final = {
    "n": "namespace", "l": "selector", "o": "output", "f": "filename", "k": "kustomize", "c": "container", "p": "patch",
    "L": "label-columns", "s": "server", "v": "v", "e": "env", "A": "all-namespaces", "w": "watch", "R": "recursive",
    "i": "stdin", "t": "tty", "q": "quiet", "h": "help",
}  # fmt: skip
_TAKES_VALUE: Final = frozenset(
    shlex.split(
        "namespace selector output filename kustomize container patch label-columns server v env context cluster user "
        "kubeconfig token as as-group as-uid request-timeout cache-dir certificate-authority client-certificate "
        "client-key tls-server-name profile profile-output field-selector sort-by template chunk-size raw subresource "
        "since since-time tail limit-bytes max-log-requests pod-running-timeout patch-file type replicas current-replicas "
        "resource-version timeout grace-period revision to-revision containers from keys for pod-selector "
        "skip-wait-for-delete-timeout address min max cpu-percent cpu memory name image port target-port protocol "
        "field-manager requests limits serviceaccount labels annotations restart overrides api-group target "
        "custom-columns to types"
    )
)
_IS_SWITCH: Final = frozenset(
    shlex.split(
        "all all-namespaces watch watch-only no-headers show-labels show-kind ignore-not-found server-print previous "
        "follow prefix timestamps all-containers all-pods ignore-errors insecure-skip-tls-verify match-server-version "
        "warnings-as-errors overwrite list local force now wait ignore-daemonsets delete-emptydir-data disable-eviction "
        "stdin tty quiet recursive record cascade dry-run allow-missing-template-keys show-managed-fields show-events "
        "output-watch-events interactive use-openapi-print-columns insecure-skip-tls-verify-backend save-config validate "
        "server-side force-conflicts prune rm attach expose help client short sum no-wait"
    )
)
_OF_VERB: Final = {
    "logs": {"f": "follow", "p": "previous"},
    "top": {},
}
_SWITCHES_OF_VERB: Final = {"logs": {"follow", "previous"}, "top": {"containers"}, "set": {"all"}}

_DRY: Final = frozenset({"", "true", "client", "server"})
_ON_RESOURCES: Final = frozenset(shlex.split("get describe delete edit patch scale wait expose autoscale label annotate taint"))
_TWO_WORDS: Final = frozenset({"rollout", "set", "auth", "config", "certificate", "create", "apply", "cluster-info", "top"})
_ON_NODES: Final = frozenset({"drain", "cordon", "uncordon"})
_ON_ONE_POD: Final = frozenset({"logs", "exec", "port-forward", "attach", "debug"})
_WITH_PAIRS: Final = frozenset({"label", "annotate", "taint", "set"})
"""Verbs behind whose objects stand keys and values."""
_WITHOUT_OBJECTS: Final = frozenset(
    shlex.split(
        "version config api-resources api-versions cluster-info auth explain plugin completion apply create replace run "
        "diff events kustomize proxy certificate options help"
    )
)


def kubectl_lines(commands: Sequence[Command]) -> Iterator[KubectlLine | Unclear]:
    """Yield what each kubectl command among these says, in their order."""
    for command in commands:
        words = called(command.words)
        if program_of(words) == "kubectl":
            yield parse_kubectl(words[1:], command.line)
        elif "kubectl" in words and words[0] not in _ONLY_NAMES_IT:
            yield Unclear(command.line, f"kubectl is called by {words[0]}, which gives it words of its own")


_ONLY_NAMES_IT: Final = frozenset(shlex.split("command which type echo printf grep man apt apt-get brew hash alias"))


class _UnclearError(Exception):
    """Something of the line is not understood."""


def parse_kubectl(words: Sequence[str], line: int) -> KubectlLine | Unclear:
    """Return what a command says; `words` are those after `kubectl`."""
    try:
        return _parsed(words, line)
    except _UnclearError as error:
        return Unclear(line, str(error))


def _parsed(words: Sequence[str], line: int) -> KubectlLine:
    verb = _verb(words)
    positional, flags = _sorted_out(words, verb)
    second = positional[1] if verb in _TWO_WORDS and len(positional) > 1 else ""
    rest = positional[2 if second else 1 :]
    found = KubectlLine(
        verb=f"{verb} {second}".strip(),
        targets=(),
        line=line,
        namespace=_known(flags.get("namespace", ""), "the namespace"),
        all_namespaces=flags.get("all-namespaces", "false") != "false",
        selector=_known(flags.get("selector", ""), "the selector"),
        raw=_known(flags.get("raw", ""), "the path"),
        flags=frozenset(name for name, value in flags.items() if _is_set(name, value)),
    )
    if verb in _WITHOUT_OBJECTS or found.raw:
        return found
    return replace(found, targets=tuple(_targets(verb, second, rest)))


def _verb(words: Sequence[str]) -> str:
    """Return the first word that is neither a flag nor the value of one."""
    positional, _ = _sorted_out(words, "")
    if not positional:
        raise _UnclearError("it has no subcommand")
    verb = positional[0]
    known = _ON_RESOURCES | _TWO_WORDS | _ON_NODES | _ON_ONE_POD | _WITHOUT_OBJECTS | {"cp", "top"}
    if UNKNOWN in verb or verb not in known:
        raise _UnclearError(f"the subcommand {verb.replace(UNKNOWN, '…')} is not known here; it may be a plugin's")
    return verb


def _sorted_out(words: Sequence[str], verb: str) -> tuple[list[str], dict[str, str]]:
    """Return the words that are no flags, and the flags by their long names; what stands behind `--` is another program's."""
    positional: list[str] = []
    flags: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            flags[name] = value if equals else _value(name, rest, verb)
        elif word.startswith("-") and word != "-":
            _short_flags(word[1:], rest, verb, flags)
        else:
            positional.append(word)
        if not verb and positional:
            break
    return positional, flags


def _short_flags(letters: str, rest: list[str], verb: str, flags: dict[str, str]) -> None:
    """Take `-n shop`, `-nshop`, `-n=shop`, and several switches in one: `-it`."""
    while letters:
        letter, letters = letters[0], letters[1:]
        name = _OF_VERB.get(verb, {}).get(letter) or _SHORT.get(letter)
        if name is None:
            raise _UnclearError(f"the flag -{letter} is not known here")
        if _is_switch(name, verb):
            flags[name] = ""
            continue
        flags[name] = letters.removeprefix("=") if letters else _value(name, rest, verb)
        return


def _value(name: str, rest: list[str], verb: str) -> str:
    if _is_switch(name, verb):
        return ""
    if name not in _TAKES_VALUE:
        raise _UnclearError(f"the flag --{name} is not known here; write --{name}=VALUE")
    if not rest:
        raise _UnclearError(f"the flag --{name} has no value")
    return rest.pop(0)


def _is_switch(name: str, verb: str) -> bool:
    return name in _SWITCHES_OF_VERB.get(verb, ()) or (name in _IS_SWITCH and name not in _TAKES_VALUE)


def _is_set(name: str, value: str) -> bool:
    """Say whether a flag is; a dry run is one only where it is certain that nothing is written."""
    return value in _DRY if name == "dry-run" else value != "false"


def _known(value: str, what: str) -> str:
    if UNKNOWN in value:
        raise _UnclearError(f"only a run knows {what}")
    return value


def _targets(verb: str, second: str, words: Sequence[str]) -> Iterator[Target]:
    if verb in _ON_NODES:
        yield from (_target("nodes", word) for word in words)
    elif verb in _ON_ONE_POD:
        yield from ([_pod_or_slash(words[0])] if words else [])
    elif verb == "top":
        yield from ([_target(second, word) for word in words] or [Target(second)]) if second else ()
    elif verb == "cp":
        raise _UnclearError("which side of a copy is a pod, is not looked at")
    else:
        yield from _resources(_before_pairs(words) if verb in _WITH_PAIRS else words)


def _before_pairs(words: Sequence[str]) -> Sequence[str]:
    """Return the words before the first key=value, key- or *."""
    for index, word in enumerate(words):
        if index and ("=" in word or word.endswith("-") or (":" in word and "/" not in word)):
            return words[:index]
    return words


def _resources(words: Sequence[str]) -> Iterator[Target]:
    if not words:
        return
    if "/" in words[0]:
        yield from (_slash(word) for word in words)
        return
    for kind in words[0].split(","):
        _known(kind, "the kind")
        if len(words) == 1:
            yield Target(kind)
        yield from (_target(kind, word) for word in words[1:])


def _pod_or_slash(word: str) -> Target:
    return _slash(word) if "/" in word else _target("pods", word)


def _slash(word: str) -> Target:
    kind, slash, name = word.partition("/")
    if not slash or "/" in name:
        raise _UnclearError(f"expected kind/name, but got {word.replace(UNKNOWN, '…')!r}")
    _known(kind, "the kind")
    return _target(kind, name)


def _target(kind: str, name: str) -> Target:
    is_placeholder = name.isupper() or UNKNOWN in name or not name
    return Target(kind, "", is_known=False) if is_placeholder else Target(kind, name)
