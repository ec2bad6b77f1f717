"""Rules about links: what a runbook leads to is there when it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from gameday.errors import InvalidFileError
from gameday.runbook.linting.inline import anchors_of, parts_of
from gameday.runbook.linting.model import Hit, Subject
from gameday.runbook.linting.registry import rule
from gameday.runbook.markdown import sections, split_front_matter
from gameday.yamlfile import read_text


@rule("RB201", "A link to a file that is not there")
def dead_files(subject: Subject) -> Iterator[Hit]:
    """A relative link, or a picture's source, leads to a file of the repository.

    Links to other hosts are not tried: no network is asked. One that begins with `/` is looked for from the repository's root.
    """
    for line, path, _ in _links(subject):
        if path is not None and not path.exists():
            yield Hit(line, f"the link leads to {_shown(subject, path)}, which is not there", "correct the link, or take it out")


@rule("RB202", "A link to a heading that is not there")
def dead_anchors(subject: Subject) -> Iterator[Hit]:
    """The part of a link behind `#` is the anchor of a heading, in this file or in the Markdown file that it leads to.

    An anchor is the heading in lower case, without punctuation, with dashes for blanks, as GitHub and GitLab make it; where two
    headings are the same, the second one ends in `-1`.
    """
    for line, anchor, file, body in _anchors(subject):
        if anchor not in anchors_of(body) and anchor not in _step_ids(body):
            yield Hit(line, f"{file} has no heading with the anchor #{anchor}", "correct the link, or take it out")


@rule("RB203", "A link to a step's id, which no forge knows", severity="warning")
def only_an_id(subject: Subject) -> Iterator[Hit]:
    """A step that was renamed keeps its id by a comment, `<!-- id: … -->`. A forge makes anchors of headings alone.

    So a link to such an id leads to the top of the page there. Link to the heading's own anchor, or put `<a id="…"></a>` beside
    the heading.
    """
    for line, anchor, file, body in _anchors(subject):
        if anchor not in anchors_of(body) and anchor in _step_ids(body):
            told = f"#{anchor} is the id of a step of {file}, but no heading's anchor: a forge does not find it"
            yield Hit(line, told, "link to the anchor of the step's heading")


def _links(subject: Subject) -> Iterator[tuple[int, Path | None, str]]:
    """Yield the line of each link within the repository, the file that it leads to (None for this one), and its anchor."""
    for part in parts_of(subject.body):
        target = part.token.attrGet("href") if part.token.type == "link_open" else None
        target = part.token.attrGet("src") if part.token.type == "image" else target
        url = _split(str(target)) if target is not None else None
        if url is None or url.scheme or url.netloc:
            continue
        yield part.line, _file(subject, unquote(url.path)) if url.path else None, unquote(url.fragment)


def _split(target: str) -> SplitResult | None:
    """Return a link's parts; None for what no browser could follow either, such as a host in brackets."""
    try:
        return urlsplit(target)
    except ValueError:
        return None


def _file(subject: Subject, path: str) -> Path | None:
    folder = subject.path.absolute().parent
    if not path.startswith("/"):
        return folder / path
    root = next((above for above in (folder, *folder.parents) if (above / ".git").exists()), None)
    return None if root is None else root / path.lstrip("/")


def _anchors(subject: Subject) -> Iterator[tuple[int, str, str, str]]:
    """Yield the line, the anchor, and the name and body of the file that it should be in."""
    for line, path, anchor in _links(subject):
        if not anchor or anchor.lower() == "top":  # which every browser knows
            continue
        if path is None:
            yield line, anchor, "this file", subject.body
        elif path.suffix == ".md" and path.is_file():
            yield line, anchor, _shown(subject, path), _body_of(path)


def _body_of(path: Path) -> str:
    try:
        text = read_text(path).text
        return split_front_matter(text, file=str(path))[1]
    except InvalidFileError:
        return path.read_text(encoding="utf-8", errors="replace")


def _step_ids(body: str) -> set[str]:
    return {section.id_comment for section in sections(body) if section.id_comment}


def _shown(subject: Subject, path: Path) -> str:
    folder = subject.path.absolute().parent
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
