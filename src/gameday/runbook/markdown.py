"""A Markdown file into its front matter, its phases and its steps' raw parts, with lines; no meaning is given to them here.

The structure is CommonMark's (markdown-it-py), so that the file reads on any forge as it is read here: `##` is a phase,
`###` a step, and a fenced block belongs to the step it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from gameday.errors import InvalidFileError, Problem

_FENCE: Final = "---"
_ID_COMMENT = re.compile(r"<!--\s*id:\s*(?P<id>[^>]*?)\s*-->\s*")
_LINT_COMMENT = re.compile(r"\s*<!--\s*lint:[^>]*-->\s*")
_LABELS = re.compile(r"\*\*(?P<label>[^*:]+):\*\*\s*(?P<value>[^·|*\\\n]*)")
_ABOUT_STEP = re.compile(r"\*\*(Role|Expected):\*\*")
_WARNING: Final = re.compile(r"\*\*Warning:\*\*\s*(?P<text>.*)", re.DOTALL)
_WARNING_ID: Final = re.compile(r"<!--\s*id:\s*(?P<id>[^>]*?)\s*-->")
FORBIDS: Final = "yaml forbids"
_PHASE_TAG: Final = "h2"
_STEP_TAG: Final = "h3"
_OUTLINE: Final = ("h1", _PHASE_TAG, _STEP_TAG)
"""The headings that begin something; a smaller one is a part of the step that it stands in."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading's text without its markup, and its line."""

    tag: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its info string, what stands in it, and the line of its first line of content."""

    info: str
    text: str
    line: int
    closed: bool


@dataclass(slots=True)
class Section:
    """What stands below one heading #, ## or ###, up to the next one; smaller ones are part of it."""

    heading: Heading
    phase: Heading | None
    id_comment: str = ""
    labels: list[tuple[str, str, int]] = field(default_factory=list)
    """Each label of the line **Role:** … · **Expected:** …, its value, and the line."""
    blocks: list[Block] = field(default_factory=list)
    prose: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A quotation that begins with **Warning:**, and the block after it (or in it) that says what it forbids."""

    id: str
    text: str
    line: int
    step: Heading | None
    """The heading ### that it stands below; None at the top and in a phase."""
    block: Block | None


def split_front_matter(text: str, *, file: str) -> tuple[str, str]:
    """Return the front matter, and the rest with as many blank lines before it as keep the line numbers true."""
    lines = lines_of(text)
    if lines[0].strip() != _FENCE:
        raise InvalidFileError(
            [
                Problem(
                    file, 1, "expected front matter: a first line ---, then id, title and owner, then --- again", "front-matter"
                )
            ]
        )
    for number, line in enumerate(lines[1:], start=1):
        if line.strip() == _FENCE:
            return "\n".join(lines[1:number]), "\n" * (number + 1) + "\n".join(lines[number + 1 :])
    message = "the front matter is never closed: expected a second line ---"
    raise InvalidFileError([Problem(file, 1, message, "front-matter")])


def lines_of(text: str) -> list[str]:
    """Return the lines as CommonMark and YAML count them: a carriage return ends one too, with a line feed after it or not."""
    return re.split(r"\r\n?|\n", text)


def sections(body: str) -> list[Section]:
    """Return what stands below each heading of the body, in order."""
    tokens = MarkdownIt("commonmark").parse(body)
    lines = lines_of(body)
    found: list[Section] = []
    phase: Heading | None = None
    taken: set[int] = set()
    spans: list[int] = []
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag in _OUTLINE:
            heading = Heading(token.tag, _plain_text(tokens[index + 1]), _line(token))
            phase = _phase_after(heading, phase)
            found.append(Section(heading, phase))
            spans.append(_span(token)[1])
        elif found:
            taken.update(_take(token, found[-1], lines, tokens[index - 1]))
    for position, section in enumerate(found):
        end = found[position + 1].heading.line - 1 if position + 1 < len(found) else len(lines)
        left = "\n".join(lines[number] for number in range(spans[position], end) if number not in taken)
        section.prose = re.sub(r"\n{3,}", "\n\n", left).strip()
    return found


def notices(body: str) -> tuple[list[Notice], list[Block]]:
    """Return the warnings of the body in order, and the blocks `yaml forbids` that belong to none."""
    lines = lines_of(body)
    found: list[Notice] = []
    strays: list[Block] = []
    step: Heading | None = None
    is_open = False
    tokens = MarkdownIt("commonmark").parse(body)
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag in _OUTLINE:
            heading = Heading(token.tag, _plain_text(tokens[index + 1]), _line(token))
            step = heading if token.tag == _STEP_TAG else None
        elif token.type == "inline" and (quoted := _WARNING.match(token.content)) and _is_quoted(tokens[:index]):
            marked = _WARNING_ID.search(quoted["text"])
            text = " ".join(_WARNING_ID.sub("", quoted["text"]).split())
            found.append(Notice(marked["id"] if marked else "", text, _line(token), step, None))
            is_open = True
        elif token.type == "blockquote_close":
            is_open = False
        elif token.type == "html_block" and is_open and not found[-1].id and (marked := _WARNING_ID.search(token.content)):
            found[-1] = replace(found[-1], id=marked["id"])
        elif token.type == "fence" and token.info.strip() == FORBIDS:
            start, end = _span(token)
            closed = end - start > 1 and lines[end - 1].strip(" \t>").startswith(token.markup)
            block = Block(FORBIDS, token.content, start + 2, closed)
            if found and found[-1].block is None and found[-1].step == step:
                found[-1] = replace(found[-1], block=block)
            else:
                strays.append(block)
    return found, strays


def _is_quoted(before: list[Token]) -> bool:
    """Say whether what comes after these tokens stands at the beginning of a quotation."""
    return [token.type for token in before[-2:]] == ["blockquote_open", "paragraph_open"]


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def _phase_after(heading: Heading, phase: Heading | None) -> Heading | None:
    if heading.tag == _PHASE_TAG:
        return heading
    return None if heading.tag == "h1" else phase


def _take(token: Token, section: Section, lines: list[str], before: Token) -> Iterator[int]:
    """Add to the section what the token holds for us; yield the numbers of the lines that are then no prose."""
    start, end = _span(token)
    comment = _ID_COMMENT.fullmatch(token.content) if token.type == "html_block" and token.level == 0 else None
    if comment:
        section.id_comment = comment["id"]
        yield from range(start, end)
    elif token.type == "html_block" and _LINT_COMMENT.fullmatch(token.content):
        yield from range(start, end)
    elif token.type == "inline" and before.type == "paragraph_open" and _ABOUT_STEP.match(token.content):
        for number, line in enumerate(token.content.split("\n"), start=start):
            labels = [(match["label"], match["value"].strip(), number + 1) for match in _LABELS.finditer(line)]
            section.labels += labels
            if labels:
                yield number
    elif token.type == "fence":
        closed = end - start > 1 and lines[end - 1].strip(" \t>").startswith(token.markup)
        section.blocks.append(Block(token.info.strip(), token.content, start + 2, closed))
        if is_read(token.info):
            yield from range(start, end)


def is_read(info: str) -> bool:
    """Say whether a block with this info string is one that is read, and not only shown."""
    return info.strip() in ("sh", "yaml", "yaml check", FORBIDS)


def _plain_text(inline: Token) -> str:
    return "".join(child.content for child in inline.children or [] if child.type in ("text", "code_inline")).strip()


def _span(token: Token) -> tuple[int, int]:
    return (token.map[0], token.map[1]) if token.map else (0, 0)


def _line(token: Token) -> int:
    return _span(token)[0] + 1


def is_step(section: Section) -> bool:
    """Say whether the section is a step."""
    return section.heading.tag == _STEP_TAG


def is_phase(section: Section) -> bool:
    """Say whether the section is a phase."""
    return section.heading.tag == _PHASE_TAG
