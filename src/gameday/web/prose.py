"""Markdown into a tree of plain values: what a page builds its elements from, one by one, and never by parsing HTML.

HTML in the Markdown stays text. Pictures become their description, since a page fetches nothing; a link is kept only where it
leads to the web, since a path relative to the runbook leads nowhere here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

Prose = list[Any]
"""Texts, and elements as {"tag", "children", "href"?, "class"?}."""

_TAGS: Final = {
    "paragraph": "p",
    "bullet_list": "ul",
    "ordered_list": "ol",
    "list_item": "li",
    "strong": "strong",
    "em": "em",
    "blockquote": "blockquote",
    "table": "table",
    "thead": "thead",
    "tbody": "tbody",
    "tr": "tr",
    "th": "th",
    "td": "td",
    # A page has its headings; those of a runbook's prose are only emphasis.
    "heading": "p",
}
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_WARNING: Final = "warning"


def prose(markdown: str) -> Prose:
    """Return the tree of a Markdown text; comments in it are left out."""
    root = SyntaxTreeNode(_parser().parse(_COMMENT.sub("", markdown)))
    return _children(root)


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _children(node: SyntaxTreeNode) -> Prose:
    return [made for child in node.children for made in _made(child)]


def _made(node: SyntaxTreeNode) -> Prose:
    make = _KINDS.get(node.type, _element)
    return make(node)


def _element(node: SyntaxTreeNode) -> Prose:
    tag = _TAGS.get(node.type)
    children = _children(node)
    # A paragraph of a tight list is none that is seen.
    if tag is None or node.hidden:
        return children
    if tag in {"table", "tr"} or (tag == "thead" and not _text(children).strip()):
        # A table whose head is empty is a list of pairs; an empty head only confuses those who have it read to them.
        return [] if tag == "thead" else [{"tag": tag, "children": children}]
    element: dict[str, Any] = {"tag": tag, "children": children}
    if tag == "th" and not _text(children).strip():
        element["tag"] = "td"
    if tag == "blockquote" and _text(children).lstrip().lower().startswith(_WARNING):
        element["class"] = _WARNING
    return [element]


def _link(node: SyntaxTreeNode) -> Prose:
    target = str(node.attrs.get("href", ""))
    children = _children(node)
    return [{"tag": "a", "href": target, "children": children}] if target.startswith(("https://", "http://")) else children


def _text(tree: Prose) -> str:
    return "".join(part if isinstance(part, str) else _text(part["children"]) for part in tree)


_KINDS: Final[Mapping[str, Callable[[SyntaxTreeNode], Prose]]] = {
    "inline": _children,
    "text": lambda node: [node.content],
    "image": lambda node: [node.content],
    "softbreak": lambda _: [" "],
    "hardbreak": lambda _: [{"tag": "br", "children": []}],
    "code_inline": lambda node: [{"tag": "code", "children": [node.content]}],
    "fence": lambda node: [{"tag": "pre", "children": [node.content.rstrip("\n")]}],
    "code_block": lambda node: [{"tag": "pre", "children": [node.content.rstrip("\n")]}],
    "link": _link,
}
