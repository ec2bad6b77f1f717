"""What `gameday init` writes: a workspace for a shop of one's own, filled in with what the user said.

Pure but for the writing: choices in, files out. The files are whole examples in `files/`, in which `{{word}}` is replaced.
Nothing here reaches a cluster or knows whether what is named exists; `gameday plan` says that.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gameday.durations import per_second
from gameday.errors import UsageError

FILES: Final = Path(__file__).with_name("files")
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SELECTOR: Final = re.compile(r"[\w./-]+(\s*(==?|!=)\s*[\w.-]*)?(,[\w./-]+(\s*(==?|!=)\s*[\w.-]*)?)*")
_JOURNEY: Final = "journeys/visit.yaml"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user said of the shop."""

    namespace: str = "shop"
    service: str = "shop"
    """The Service at which customers knock, unless `url` is given."""
    deployment: str = "shop"
    selector: str = ""
    """Of its pods; without it app=<deployment>."""
    journey: str = "visit"
    path: str = "/"
    """What customers ask for first."""
    url: str = ""
    rate: str = "10/s"


def files_of(choices: Choices) -> Mapping[Path, str]:
    """Return the workspace's files, relative to its folder; UsageError names every choice that cannot be meant."""
    _check(choices)
    selector = choices.selector or f"app={choices.deployment}"
    where = f"url: {json.dumps(choices.url)}" if choices.url else f"service: {choices.service}, namespace: {choices.namespace}"
    words = {
        "namespace": choices.namespace,
        "service": choices.service,
        "deployment": choices.deployment,
        "selector": json.dumps(selector),
        "selector_word": shlex.quote(selector),
        "journey": choices.journey,
        "path": json.dumps(choices.path),
        "rate": choices.rate,
        "target": where,
    }
    found = {path.relative_to(FILES): path.read_text(encoding="utf-8") for path in _templates()}
    named = {Path(f"journeys/{choices.journey}.yaml") if str(path) == _JOURNEY else path: text for path, text in found.items()}
    return {path: _filled(text, words) for path, text in named.items()}


def write(choices: Choices, folder: Path) -> list[Path]:
    """Write the workspace; return its files. UsageError where one of them is there already: then nothing is written."""
    wanted = {folder / path: text for path, text in files_of(choices).items()}
    there = [str(path) for path in wanted if path.exists()]
    if there:
        raise UsageError(f"expected {folder} to hold none of these files yet, but it has {', '.join(there)}; nothing was written")
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(wanted)


def _templates() -> list[Path]:
    return sorted(path for path in FILES.rglob("*") if path.suffix in {".yaml", ".md", ".py"})


def _filled(text: str, words: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: words[match[1]], text)


def _check(choices: Choices) -> None:
    problems = [
        f"expected --{name} to be a name of lower-case letters, digits and dashes, but got {value!r}"
        for name in ("namespace", "service", "deployment", "journey")
        if not _NAME.fullmatch(value := getattr(choices, name))
    ]
    if choices.selector and not _SELECTOR.fullmatch(choices.selector):
        problems.append(f"expected --selector to be a label selector such as app=web, but got {choices.selector!r}")
    if not choices.path.startswith("/") or re.search(r"\s", choices.path):
        problems.append(f"expected --path to begin with a slash, but got {choices.path!r}")
    if choices.url and not re.fullmatch(r"https?://[^\s/]+[^\s]*", choices.url):
        problems.append(f"expected --url to be like https://shop.example, but got {choices.url!r}")
    try:
        if not per_second(choices.rate) > 0:
            problems.append(f"expected --rate to be above zero, but got {choices.rate!r}")
    except ValueError as error:
        problems.append(f"--rate: {error}")
    if problems:
        raise UsageError("\n".join(problems))
