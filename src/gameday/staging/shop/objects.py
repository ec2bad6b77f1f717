"""The object store: a subset of S3 over HTTP, in a process of its own, on its own disk.

Path-style addresses; every request signed (see `s3_signature`) with the one access key pair that the store is given.
Buckets can be listed, created and headed, objects put, got, headed, deleted and listed (ListObjectsV2). Anything else of
S3 is answered with NotImplemented, never as if it had been done. Ranges are ignored, which HTTP allows.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from html import escape
from urllib.parse import unquote, unquote_plus

from gameday.staging.shop.object_files import Facts, KeyTooLongError, NoSuchBucketError, NoSuchKeyError, ObjectFiles
from gameday.staging.shop.s3_signature import BadSignatureError, Keys, Signable, verify
from gameday.staging.shop.server import Request, Response
from gameday.staging.shop.service import Service
from gameday.staging.shop.settings import Environment
from gameday.staging.shop.speech import say

MOST_LISTED = 1000
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LISTING = {"list-type", "prefix", "max-keys", "continuation-token", "start-after", "encoding-type", "fetch-owner"}
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_DOCUMENT = '<?xml version="1.0" encoding="UTF-8"?>\n'


class S3Error(Exception):
    """An answer that is an error in S3's words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


_SAID: dict[type[Exception], S3Error] = {
    NoSuchBucketError: S3Error(404, "NoSuchBucket", "The specified bucket does not exist"),
    NoSuchKeyError: S3Error(404, "NoSuchKey", "The specified key does not exist."),
    KeyTooLongError: S3Error(400, "KeyTooLongError", "Your key is too long"),
}


def build(environment: Environment) -> Service:
    """Return the object store."""
    sync = environment.choice("SYNC", "checkpoint", "commit")
    files = ObjectFiles(environment.folder("DATA_DIR"), sync=sync == "commit")
    keys = Keys(environment.text("S3_ACCESS_KEY_ID"), environment.text("S3_SECRET_ACCESS_KEY"))
    environment.check()

    async def handle(request: Request) -> Response:
        try:
            signable = Signable(request.method, request.raw_path, request.raw_query, request.headers, request.body)
            verify(keys, signable, time.time())
            return await _perform(files, request)
        except BadSignatureError as error:
            bucket = request.raw_path[1:].partition("/")[0]
            if "authorization" not in request.headers and bucket and bucket not in files.buckets():
                # As S3 does: a stranger is told that a bucket is not there, and nothing of those that are.
                return _error(request, _SAID[NoSuchBucketError])
            say("warning", "refused", code=error.code, path=request.raw_path)
            return _error(request, S3Error(403, error.code, str(error)))
        except S3Error as error:
            return _error(request, error)
        except (NoSuchBucketError, NoSuchKeyError, KeyTooLongError) as error:
            return _error(request, _SAID[type(error)])
        except OSError as error:
            say("error", "the disk failed", reason=error.strerror or str(error), path=request.raw_path)
            return _error(request, S3Error(500, "InternalError", "We encountered an internal error. Please try again."))

    return Service(handle)


async def _perform(files: ObjectFiles, request: Request) -> Response:
    bucket, _, key = request.raw_path[1:].partition("/")
    query = _query(request.raw_query)
    if request.headers.get("x-amz-content-sha256", "").startswith("STREAMING-"):
        raise S3Error(501, "NotImplemented", "A chunked signature is not implemented here.")
    if bucket and not _BUCKET_NAME.fullmatch(bucket):
        raise S3Error(400, "InvalidBucketName", "The specified bucket is not valid.")
    place = "service" if not bucket else "object" if key else "bucket"
    perform = _OPERATIONS.get((request.method, place))
    known = _LISTING if (request.method, place) == ("GET", "bucket") else set()
    if perform is None or not query.keys() <= known | {"x-id"} or "x-amz-copy-source" in request.headers:
        raise S3Error(501, "NotImplemented", f"{request.method} of {place} with {request.raw_query!r} is not implemented here.")
    # The disk may be slow, and the store must still answer its probes: only the disk's work leaves the loop.
    return await asyncio.to_thread(perform, files, request, bucket, unquote(key))


def _service(files: ObjectFiles, _request: Request, _bucket: str, _key: str) -> Response:
    names = "".join(f"<Bucket><Name>{escape(name)}</Name></Bucket>" for name in files.buckets())
    return _xml(200, f"<ListAllMyBucketsResult {_NAMESPACE}><Buckets>{names}</Buckets></ListAllMyBucketsResult>")


def _create_bucket(files: ObjectFiles, _request: Request, bucket: str, _key: str) -> Response:
    if not files.create_bucket(bucket):
        raise S3Error(409, "BucketAlreadyOwnedByYou", "The bucket that you tried to create exists, and you own it.")
    return Response(200, headers={"location": f"/{bucket}"})


def _head_bucket(files: ObjectFiles, _request: Request, bucket: str, _key: str) -> Response:
    files.list(bucket, "", "\U0010ffff", 1)
    return Response(200)


def _put(files: ObjectFiles, request: Request, bucket: str, key: str) -> Response:
    content_type = request.headers.get("content-type", "binary/octet-stream")
    facts = files.put(bucket, key, request.body, content_type)
    return Response(200, headers={"etag": f'"{facts.etag}"'})


def _get(files: ObjectFiles, _request: Request, bucket: str, key: str) -> Response:
    facts, body = files.get(bucket, key)
    return Response(200, body, facts.content_type, _headers(facts))


def _head(files: ObjectFiles, _request: Request, bucket: str, key: str) -> Response:
    facts, _ = files.get(bucket, key)
    return Response(200, b"", facts.content_type, _headers(facts), facts.size)


def _delete(files: ObjectFiles, _request: Request, bucket: str, key: str) -> Response:
    files.delete(bucket, key)
    return Response(204)


def _list(files: ObjectFiles, request: Request, bucket: str, _key: str) -> Response:
    query = _query(request.raw_query)
    if query.get("list-type") != "2":
        raise S3Error(501, "NotImplemented", "Only ListObjectsV2 (list-type=2) is implemented here.")
    wanted = query.get("max-keys", str(MOST_LISTED))
    if not wanted.isdecimal():
        raise S3Error(400, "InvalidArgument", "Expected max-keys as a whole number.")
    prefix, limit = query.get("prefix", ""), min(int(wanted), MOST_LISTED)
    after = query.get("continuation-token") or query.get("start-after", "")
    listed, more = files.list(bucket, prefix, after, limit)
    token = f"<NextContinuationToken>{escape(listed[-1].key)}</NextContinuationToken>" if more and listed else ""
    contents = "".join(_contents(facts) for facts in listed)
    return _xml(
        200,
        f"<ListBucketResult {_NAMESPACE}><Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix>"
        f"<KeyCount>{len(listed)}</KeyCount><MaxKeys>{limit}</MaxKeys>"
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}</ListBucketResult>",
    )


_OPERATIONS: dict[tuple[str, str], Callable[[ObjectFiles, Request, str, str], Response]] = {
    ("GET", "service"): _service,
    ("PUT", "bucket"): _create_bucket,
    ("HEAD", "bucket"): _head_bucket,
    ("GET", "bucket"): _list,
    ("PUT", "object"): _put,
    ("GET", "object"): _get,
    ("HEAD", "object"): _head,
    ("DELETE", "object"): _delete,
}


def _query(raw: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in raw.split("&") if part)
    return {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}


def _headers(facts: Facts) -> dict[str, str]:
    return {"etag": f'"{facts.etag}"', "last-modified": formatdate(facts.modified, usegmt=True)}


def _contents(facts: Facts) -> str:
    modified = datetime.fromtimestamp(facts.modified, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return (
        f"<Contents><Key>{escape(facts.key)}</Key><LastModified>{modified}</LastModified>"
        f"<ETag>&quot;{facts.etag}&quot;</ETag><Size>{facts.size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )


def _xml(status: int, text: str) -> Response:
    return Response(status, (_DOCUMENT + text).encode(), "application/xml")


def _error(request: Request, error: S3Error) -> Response:
    resource = escape(unquote(request.raw_path))
    said = f"<Code>{error.code}</Code><Message>{escape(str(error))}</Message><Resource>{resource}</Resource>"
    response = _xml(error.status, f"<Error>{said}</Error>")
    if request.method != "HEAD":
        return response
    return Response(error.status, b"", response.content_type, length=len(response.body))
