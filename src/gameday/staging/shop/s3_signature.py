"""AWS Signature Version 4, as the S3 API uses it: signing a request, and judging whether a signature is right.

Only signatures in the Authorization header, over a payload whose hash is named (or is UNSIGNED-PAYLOAD). Presigned
addresses and chunked signatures are not here; `objects` answers them with NotImplemented.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, unquote, unquote_plus

REGION = "us-east-1"
ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
LARGEST_SKEW_SECONDS = 15 * 60.0


class BadSignatureError(Exception):
    """The request was not signed, or not rightly; `code` is the S3 error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Keys:
    """An access key pair; its secret half never shows in a representation."""

    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"Keys({self.access_key!r}, …)"


@dataclass(frozen=True, slots=True)
class Signable:
    """The parts of a request that a signature is about; path and query as sent, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def sign(keys: Keys, request: Signable, now: float, *, region: str = REGION) -> dict[str, str]:
    """Return the request's headers with the date, the payload's hash and the signature added."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    payload_hash = hashlib.sha256(request.body).hexdigest()
    headers = {**request.headers, "x-amz-date": stamp, "x-amz-content-sha256": payload_hash}
    names = sorted(headers)
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    canonical = _canonical(request, headers, names, payload_hash)
    signature = _signature(keys.secret_key, stamp, scope, canonical)
    credential = f"{ALGORITHM} Credential={keys.access_key}/{scope}"
    return {**headers, "authorization": f"{credential}, SignedHeaders={';'.join(names)}, Signature={signature}"}


def verify(keys: Keys, request: Signable, now: float) -> None:
    """Raise `BadSignatureError` unless the request was signed with these keys, lately, over what was received."""
    fields = _fields(request.headers.get("authorization", ""))
    access_key, _, scope = fields["Credential"].partition("/")
    if not hmac.compare_digest(access_key.encode(), keys.access_key.encode()):
        raise BadSignatureError("InvalidAccessKeyId", "The access key id that was sent is not known here.")
    names = fields["SignedHeaders"].split(";")
    if "host" not in names or not all(name in request.headers for name in names):
        raise BadSignatureError("AccessDenied", "The signed headers must include host, and all of them must be sent.")
    stamp = request.headers.get("x-amz-date", "")
    _check_date(stamp, scope, now)
    payload_hash = request.headers.get("x-amz-content-sha256", "")
    canonical = _canonical(request, request.headers, names, payload_hash)
    if not hmac.compare_digest(fields["Signature"], _signature(keys.secret_key, stamp, scope, canonical)):
        message = "The signature that was calculated does not match the one that was sent. Check the secret key."
        raise BadSignatureError("SignatureDoesNotMatch", message)
    if payload_hash != UNSIGNED and payload_hash != hashlib.sha256(request.body).hexdigest():
        raise BadSignatureError("XAmzContentSHA256Mismatch", "The payload does not have the hash that was sent.")


def _fields(authorization: str) -> dict[str, str]:
    algorithm, _, rest = authorization.partition(" ")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if algorithm != ALGORITHM or not {"Credential", "SignedHeaders", "Signature"} <= fields.keys():
        raise BadSignatureError("AccessDenied", f"Expected a request that is signed with {ALGORITHM}.")
    return fields


def _check_date(stamp: str, scope: str, now: float) -> None:
    if len(stamp) != len("YYYYMMDDTHHMMSSZ") or not stamp.endswith("Z"):
        raise BadSignatureError("AccessDenied", "Expected x-amz-date as YYYYMMDDTHHMMSSZ.")
    try:
        signed = datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        raise BadSignatureError("AccessDenied", "Expected x-amz-date as YYYYMMDDTHHMMSSZ.") from None
    if not scope.startswith(stamp[:8] + "/"):
        raise BadSignatureError("SignatureDoesNotMatch", "The credential's date is not the request's.")
    if abs(signed - now) > LARGEST_SKEW_SECONDS:
        raise BadSignatureError("RequestTimeTooSkewed", "The request's time is too far from the server's.")


def _canonical(request: Signable, headers: Mapping[str, str], names: list[str], payload_hash: str) -> str:
    path = quote(unquote(request.path), safe="/-_.~")
    pairs = (part.partition("=") for part in request.query.split("&") if part)
    query = "&".join(
        sorted(f"{quote(unquote_plus(name), safe='-_.~')}={quote(unquote_plus(value), safe='-_.~')}" for name, _, value in pairs)
    )
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in names)
    return "\n".join((request.method, path, query, lines, ";".join(names), payload_hash))


def _signature(secret: str, stamp: str, scope: str, canonical: str) -> str:
    to_sign = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    return hmac.new(_signing_key(secret, scope), to_sign.encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=8)
def _signing_key(secret: str, scope: str) -> bytes:
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
