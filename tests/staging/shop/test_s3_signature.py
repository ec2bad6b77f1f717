"""Signature Version 4, against the examples that Amazon publishes for S3."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from gameday.staging.shop.s3_signature import BadSignatureError, Keys, Signable, sign, verify

KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
NOW = dt.datetime(2013, 5, 24, tzinfo=dt.UTC).timestamp()
HOST = {"host": "examplebucket.s3.amazonaws.com"}


@pytest.mark.parametrize(
    ("request_", "signature"),
    [
        (
            Signable("GET", "/test.txt", "", {**HOST, "range": "bytes=0-9"}, b""),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            Signable(
                "PUT",
                "/test$file.text",
                "",
                {**HOST, "date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
                b"Welcome to Amazon S3.",
            ),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            Signable("GET", "/", "lifecycle", HOST, b""),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            Signable("GET", "/", "max-keys=2&prefix=J", HOST, b""),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_the_published_examples_get_the_published_signatures(request_: Signable, signature: str) -> None:
    headers = sign(KEYS, request_, NOW)
    assert headers["authorization"].endswith(f"Signature={signature}")
    verify(KEYS, dataclasses.replace(request_, headers=headers), NOW)


def signed(**changes: object) -> Signable:
    request = Signable("PUT", "/receipts/a.json", "", {"host": "h"}, b"{}")
    return dataclasses.replace(dataclasses.replace(request, headers=sign(KEYS, request, NOW)), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("request_", "keys", "now", "code"),
    [
        (signed(), Keys("AKIAIOSFODNN7EXAMPLE", "wrong"), NOW, "SignatureDoesNotMatch"),
        (signed(), Keys("SOMEBODY", KEYS.secret_key), NOW, "InvalidAccessKeyId"),
        (signed(path="/receipts/b.json"), KEYS, NOW, "SignatureDoesNotMatch"),
        (signed(method="DELETE"), KEYS, NOW, "SignatureDoesNotMatch"),
        (signed(query="versions="), KEYS, NOW, "SignatureDoesNotMatch"),
        (signed(body=b"{ }"), KEYS, NOW, "XAmzContentSHA256Mismatch"),
        (signed(), KEYS, NOW + 3600, "RequestTimeTooSkewed"),
        (signed(headers={"host": "h"}), KEYS, NOW, "AccessDenied"),
        (signed(headers={"authorization": "Basic YTpi"}), KEYS, NOW, "AccessDenied"),
    ],
)
def test_a_request_that_was_not_rightly_signed_is_refused(request_: Signable, keys: Keys, now: float, code: str) -> None:
    with pytest.raises(BadSignatureError) as refusal:
        verify(keys, request_, now)
    assert refusal.value.code == code


def test_a_secret_key_does_not_show_in_a_representation() -> None:
    assert "wJalr" not in repr(KEYS)
