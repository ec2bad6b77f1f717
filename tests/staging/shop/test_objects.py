"""The object store as a process, spoken to over its S3 API."""

from __future__ import annotations

import hashlib
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest

from gameday.staging.shop.alone import ShopAlone
from gameday.staging.shop.s3_signature import Keys, Signable, sign
from gameday.staging.shop.settings import PORTS

KEYS = Keys("DEMOACCESSKEY", "demo-secret-of-the-object-store")
S3 = Callable[..., Any]
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@pytest.fixture
def s3(closed_shop: ShopAlone, customer: Any) -> S3:
    closed_shop.start("objects")

    def ask(method: str, path: str, body: bytes = b"", *, keys: Keys = KEYS, **headers: str) -> Any:
        raw_path, _, query = path.partition("?")
        named = {"host": f"{closed_shop.host('objects')}:{PORTS['objects']}", **headers}
        signed = sign(keys, Signable(method, raw_path, query, named, body), time.time())
        return customer.ask(method, path, body or None, service="objects", headers=signed)

    return ask


def code_of(reply: Any) -> str:
    return str(ET.fromstring(reply.body).findtext("Code"))  # noqa: S314 - our own server's answer


def test_an_object_comes_back_as_it_was_put(s3: S3) -> None:
    assert s3("PUT", "/receipts").status == 200
    put = s3("PUT", "/receipts/2026/a%20b.json", b'{"a":1}', **{"content-type": "application/json"})
    etag = '"' + hashlib.md5(b'{"a":1}', usedforsecurity=False).hexdigest() + '"'
    assert (put.status, put.headers["etag"]) == (200, etag)
    got = s3("GET", "/receipts/2026/a%20b.json")
    assert (got.status, got.body, got.headers["etag"]) == (200, b'{"a":1}', etag)
    assert got.headers["content-type"] == "application/json"
    head = s3("HEAD", "/receipts/2026/a%20b.json")
    assert (head.status, head.headers["content-length"], head.body) == (200, "7", b"")


def test_a_deleted_object_is_gone_and_deleting_it_again_succeeds(s3: S3) -> None:
    s3("PUT", "/receipts")
    s3("PUT", "/receipts/a", b"1")
    assert [s3("DELETE", "/receipts/a").status for _ in range(2)] == [204, 204]
    missing = s3("GET", "/receipts/a")
    assert (missing.status, code_of(missing)) == (404, "NoSuchKey")


def test_objects_are_listed_in_order_and_in_pages(s3: S3) -> None:
    s3("PUT", "/receipts")
    for name in ("b", "a/2", "a/1", "a/3"):
        s3("PUT", f"/receipts/{name}", b"1")
    seen: list[str] = []
    token = ""
    while True:
        page = ET.fromstring(s3("GET", f"/receipts?list-type=2&max-keys=2&prefix=a%2F{token}").body)  # noqa: S314
        seen += [str(item.findtext(f"{NAMESPACE}Key")) for item in page.iter(f"{NAMESPACE}Contents")]
        following = page.findtext(f"{NAMESPACE}NextContinuationToken")
        if not following:
            break
        token = f"&continuation-token={following.replace('/', '%2F')}"
    assert seen == ["a/1", "a/2", "a/3"]


def test_an_object_that_is_removed_while_its_bucket_is_listed_is_not_listed(s3: S3, closed_shop: ShopAlone) -> None:
    s3("PUT", "/receipts")
    for name in ("a", "c", "d"):
        s3("PUT", f"/receipts/{name}", b"1")
    # What is found in the folder, and is not there any more when it is looked at.
    (closed_shop.folder / "objects" / "receipts" / "b").symlink_to("gone")
    for query, names, truncated in (("", ["a", "c", "d"], "false"), ("&max-keys=2", ["a", "c"], "true")):
        reply = s3("GET", f"/receipts?list-type=2{query}")
        page = ET.fromstring(reply.body)  # noqa: S314 - our own server's answer
        assert [item.findtext(f"{NAMESPACE}Key") for item in page.iter(f"{NAMESPACE}Contents")] == names
        assert page.findtext(f"{NAMESPACE}IsTruncated") == truncated


def test_a_bucket_is_created_once(s3: S3) -> None:
    assert s3("HEAD", "/receipts").status == 404
    assert s3("PUT", "/receipts").status == 200
    again = s3("PUT", "/receipts")
    assert (again.status, code_of(again)) == (409, "BucketAlreadyOwnedByYou")
    assert s3("HEAD", "/receipts").status == 200
    assert code_of(s3("PUT", "/nowhere/a", b"1")) == "NoSuchBucket"


def test_a_wrong_secret_is_refused_and_changes_nothing(s3: S3) -> None:
    s3("PUT", "/receipts")
    refused = s3("PUT", "/receipts/a", b"1", keys=Keys(KEYS.access_key, "guessed"))
    assert (refused.status, code_of(refused)) == (403, "SignatureDoesNotMatch")
    assert s3("GET", "/receipts/a").status == 404


def test_an_unsigned_request_is_refused(customer: Any, s3: Any) -> None:
    s3("PUT", "/receipts")
    refused = customer.ask("GET", "/receipts/a", service="objects")
    assert (refused.status, code_of(refused)) == (403, "AccessDenied")


@pytest.mark.usefixtures("s3")
def test_a_stranger_is_told_that_a_bucket_is_not_there_as_s3_tells(customer: Any) -> None:
    missing = customer.ask("GET", "/no-such-bucket", service="objects")
    assert (missing.status, code_of(missing)) == (404, "NoSuchBucket")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/receipts?acl="), ("PUT", "/receipts?versioning="), ("POST", "/receipts/a?uploads="), ("GET", "/receipts")],
)
def test_what_is_not_implemented_says_so(s3: S3, method: str, path: str) -> None:
    s3("PUT", "/receipts")
    reply = s3(method, path)
    assert (reply.status, code_of(reply)) == (501, "NotImplemented")


def test_a_key_cannot_leave_its_bucket(s3: S3, closed_shop: ShopAlone) -> None:
    s3("PUT", "/receipts")
    assert s3("PUT", "/receipts/..%2F..%2Fescaped", b"1").status == 200
    assert s3("PUT", "/receipts/..", b"2").status == 200
    assert s3("GET", "/receipts/..").body == b"2"
    assert not list(closed_shop.folder.glob("escaped*"))
    assert s3("PUT", "/..%2Fx/a", b"1").status == 400


def test_a_key_that_is_too_long_for_a_file_is_refused(s3: S3) -> None:
    s3("PUT", "/receipts")
    assert code_of(s3("PUT", "/receipts/" + "k" * 500, b"1")) == "KeyTooLongError"


def test_objects_outlive_their_process(s3: S3, closed_shop: ShopAlone) -> None:
    s3("PUT", "/receipts")
    s3("PUT", "/receipts/a", b"kept")
    closed_shop.kill("objects")
    closed_shop.start("objects")
    assert s3("GET", "/receipts/a").body == b"kept"
