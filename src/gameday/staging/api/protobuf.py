"""Read the protobuf that newer kubectl sends with `create`: a generic reader over the field tables of `messages`.

Only reading: answers are JSON, which every client accepts as well. A field that no table has is refused rather than
dropped, because a field that silently disappears is worse than a request that fails.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from gameday.staging.api.messages import MESSAGES, Field
from gameday.staging.errors import BadRequest, UnsupportedMediaType
from gameday.staging.store import timestamp

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SCALARS = frozenset({"int", "bool"})
_EMPTY: tuple[Any, ...] = ("", 0, False)
_MAX_DEPTH = 32
_STRING_VALUE = 1


def read_protobuf(content: bytes) -> dict[str, Any]:
    """Return the object in a body of Kubernetes' protobuf; UnsupportedMediaType for a kind or field without a table."""
    if not content.startswith(_MAGIC):
        raise BadRequest("the body is not Kubernetes protobuf: it does not begin with its four bytes")
    try:
        return _read_envelope(content[len(_MAGIC) :])
    except (IndexError, UnicodeDecodeError, OverflowError, ValueError) as error:
        raise BadRequest(f"the protobuf body cannot be read: {error}") from error


def _read_envelope(content: bytes) -> dict[str, Any]:
    envelope = {number: value for number, _, value in _fields(content)}
    type_meta = {number: bytes(value).decode() for number, _, value in _fields(bytes(envelope.get(1, b"")))}
    version, kind = type_meta.get(1, ""), type_meta.get(2, "")
    head = {"apiVersion": version, "kind": kind}
    if kind not in MESSAGES:
        raise UnsupportedMediaType(f"{version} {kind} cannot be read as protobuf here; send application/json")
    return head | _message(kind, bytes(envelope.get(2, b"")), 0)


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that there is more
            return value, at
        shift += 7


def _fields(content: bytes) -> Iterator[tuple[int, int, Any]]:
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(content, at)
            yield number, wire, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(wire)
        if size is None:
            if wire != _BYTES:
                raise ValueError(f"wire type {wire} of field {number} is not one that Kubernetes uses")
            size, at = _varint(content, at)
        if at + size > len(content):
            raise ValueError(f"field {number} ends after the body does")
        yield number, wire, content[at : at + size]
        at += size


def _message(name: str, content: bytes, depth: int) -> dict[str, Any]:
    if depth > _MAX_DEPTH:
        raise ValueError("messages are nested too deeply")
    table = MESSAGES[name]
    result: dict[str, Any] = {}
    for number, wire, raw in _fields(content):
        field = table.get(number)
        if field is None:
            if raw in {b"", 0}:
                continue
            raise UnsupportedMediaType(f"field {number} of {name} cannot be read as protobuf here; send application/json")
        if (wire == _VARINT) != (field.type in _SCALARS):
            raise ValueError(f"{name}.{field.name} is not encoded as {field.type}")
        _take(result, field, raw, depth)
    return result


def _take(result: dict[str, Any], field: Field, raw: Any, depth: int) -> None:
    if field.mapped:
        entry = {number: value for number, _, value in _fields(raw)}
        key = bytes(entry.get(1, b"")).decode()
        result.setdefault(field.name, {})[key] = _value(field.type, entry.get(2, b""), depth)
        return
    value = _value(field.type, raw, depth)
    if field.name == "*":
        result.update(value)
    elif field.repeated:
        result.setdefault(field.name, []).append(value)
    elif field.keeps_zero or (value not in _EMPTY and value != {} and value is not None):
        result[field.name] = value


def _value(kind: str, raw: Any, depth: int) -> Any:
    read = _READERS.get(kind)
    return read(raw) if read else _message(kind, raw, depth + 1)


def _signed(raw: int) -> int:
    return raw - (1 << 64) if raw >> 63 else raw


def _time(raw: bytes) -> str | None:
    seconds = next((value for number, _, value in _fields(raw) if number == 1), 0)
    return timestamp(datetime.fromtimestamp(seconds, UTC)) if seconds else None


def _quantity(raw: bytes) -> str:
    return next((bytes(value).decode() for number, _, value in _fields(raw) if number == 1), "0")


def _int_or_str(raw: bytes) -> int | str:
    fields = {number: value for number, _, value in _fields(raw)}
    if fields.get(1) == _STRING_VALUE:
        return bytes(fields.get(3, b"")).decode()
    return _signed(fields.get(2, 0))


_READERS: dict[str, Callable[[Any], Any]] = {
    "int": _signed,
    "bool": bool,
    "str": lambda raw: raw.decode(),
    "bytes": lambda raw: base64.b64encode(raw).decode(),
    "int-or-str": _int_or_str,
    "quantity": _quantity,
    "time": _time,
}
