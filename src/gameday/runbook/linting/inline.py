"""What stands inside of a Markdown file's paragraphs and headings: links, code, tags, each with its line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from gameday.runbook.markdown import slug

_NAMED = re.compile(r"""<\w+\s[^>]*(?<![\w-])(?:id|name)=["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a paragraph or heading."""

    line: int
    token: Token


def parts_of(body: str) -> Iterator[Part]:
    """Yield every part of every paragraph and heading, in the file's order; what stands in blocks of code is none."""
    for token in MarkdownIt("commonmark").parse(body):
        if token.type == "inline" and token.map:
            line = token.map[0] + 1
            for child in token.children or ():
                yield Part(line, child)
                line += child.type in {"softbreak", "hardbreak"}


def anchors_of(body: str) -> set[str]:
    """Return what a link's #anchor can lead to on a forge: each heading's slug, counted where it stands twice, and tags' ids."""
    tokens = MarkdownIt("commonmark").parse(body)
    found = set(_NAMED.findall(body))
    taken: Counter[str] = Counter()
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            children = tokens[index + 1].children or ()
            name = slug("".join(child.content for child in children if child.type in {"text", "code_inline"}))
            found.add(f"{name}-{taken[name]}" if taken[name] else name)
            taken[name] += 1
    return found
