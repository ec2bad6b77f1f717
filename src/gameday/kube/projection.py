"""Lists of which only some fields are wanted, decoded straight from the bytes: what is not asked for never becomes an object.

Of 10,000 pods whose JSON is 60 MB, what choosing targets needs is a few. Here a few paths become a msgspec struct, the decoder
skips the rest, and what comes out is the same JSON with less in it. Nothing here knows which fields anybody needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from gameday.cluster import Json

_Tree = dict[str, Any]
"""Key → the tree below it; an empty one stands for everything that is there."""


class ListMeta(msgspec.Struct, frozen=True):
    """What paging needs of a list."""

    continue_: str = msgspec.field(default="", name="continue")


@lru_cache
def page_of(only: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """Return a decoder for a page of a list; of each item only these paths are kept, such as `status.conditions[].type`.

    What an item lacks stays missing. Raises ValueError for a path that means an object in one place and a list in another.
    """
    item: Any = _struct("Item", _tree(only))
    fields: list[tuple[str, Any, Any]] = [("items", list[item] | None, None), ("metadata", ListMeta, ListMeta())]
    return msgspec.json.Decoder(msgspec.defstruct("Page", fields, frozen=True))


def as_json(item: Any) -> Json:
    """Return an item as the JSON that it was, without what was not asked for."""
    found: Json = msgspec.to_builtins(item)
    return found


def _tree(paths: Sequence[str]) -> _Tree:
    root: _Tree = {}
    for path in paths:
        node = root
        for key in path.split("."):
            node = node.setdefault(key, {})
    return root


def _struct(name: str, tree: _Tree) -> type[msgspec.Struct]:
    """Make a struct whose fields may each be missing or null, as in Kubernetes' JSON."""
    keys = [key.removesuffix("[]") for key in tree]
    if len(set(keys)) != len(keys):
        raise ValueError(f"expected each field to be a list or an object, but got both: {', '.join(tree)}")
    fields = [
        (f"f{number}", _type_of(key, below) | None | msgspec.UnsetType, msgspec.field(default=msgspec.UNSET, name=plain))
        for number, (plain, (key, below)) in enumerate(zip(keys, tree.items(), strict=True))
    ]
    return msgspec.defstruct(name, fields, frozen=True, gc=False)


def _type_of(key: str, below: _Tree) -> Any:
    inner: Any = _struct(key.removesuffix("[]").capitalize(), below) if below else Any
    return list[inner] if key.endswith("[]") else inner
