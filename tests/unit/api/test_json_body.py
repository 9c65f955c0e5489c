"""The limits of section 0.10: a body outside of them is a 400 that says which."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from starlette.requests import Request

from cdr_exports.api import json_body
from cdr_exports.api.errors import ApiError


def refusal(body: bytes) -> str:
    with pytest.raises(ApiError) as caught:
        json_body.parse(body)
    (error,) = caught.value.errors
    assert (error.status, error.code, error.title) == (400, "400", "Bad Request")
    return error.detail


def nested(depth: int) -> bytes:
    """So many containers, the object around them included."""
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "not JSON"), (b"{", "not JSON"), (b"{'a':1}", "not JSON"), (b'{"a":1}x', "not JSON"), (b"]]]", "not JSON"),
        (b'{"a":"\n"}', "not JSON"), (b"\xef\xbb\xbf{}", "not JSON"), (b"1" * 65536, "19 digits"),
        (b'{"a":NaN}', "NaN is not JSON"), (b'{"a":Infinity}', "Infinity is not JSON"),
        (b'{"a":-Infinity}', "-Infinity is not JSON"), (b'{"a":1e999}', "too large"),
        (b'{"a":12345678901234567890}', "19 digits"), (b'{"a":-12345678901234567890}', "19 digits"),
        (b'{"a":1,"a":2}', '"a" occurs twice'), (b'{"a":{"b":1,"\\u0062":2}}', '"b" occurs twice'),
        (b'{"a":"\xff"}', "not valid UTF-8 at byte 6"), (b'{"a":"\\ud800"}', "surrogate"), (b'{"\\udfff":1}', "surrogate"),
        (b'{"a":["\\ud83d x"]}', "surrogate"), (nested(17), "deeper than 16"), (b"[" * 65536, "deeper than 16"),
        (b'{"a":' * 13107, "deeper than 16"), (b"[]", "Request must be a hash"), (b"null", "Request must be a hash"),
        (b'"text"', "Request must be a hash"), (b"5", "Request must be a hash"),
        (json.dumps({str(number): 1 for number in range(257)}).encode(), "more than 256 members"),
    ],
    ids=lambda value: str(value)[:24],
)  # fmt: skip
def test_a_body_outside_the_limits_is_refused_with_the_reason(body: bytes, text: str) -> None:
    assert text in refusal(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (nested(16), json.loads(nested(16))),
        (b'{"a":1234567890123456789,"b":-1234567890123456789}', {"a": 1234567890123456789, "b": -1234567890123456789}),
        (b'{"a":"\\ud83d\\ude00","b":"[[[[[[[[[[[[[[[[[[[[\\"[["}', {"a": "😀", "b": "[" * 20 + '"[['}),
        (b' {"a":{"a":1.5}} ', {"a": {"a": 1.5}}),
    ],
    ids=["empty", "16 deep", "19 digits", "text with brackets", "floats"],
)
def test_a_body_at_the_limits_is_read(body: bytes, value: object) -> None:
    assert json_body.parse(body) == value


def test_members_keep_the_order_they_were_sent_in() -> None:
    assert list(json_body.parse(b'{"z":1,"a":2,"m":3}')) == ["z", "a", "m"]


@pytest.mark.parametrize("piece", [b'\\"', b"\\", b'"', b"[", b'{"'], ids=repr)
def test_a_string_without_an_end_is_refused_as_fast_as_any_other_text(piece: bytes) -> None:
    body = b'"' + piece * (65_000 // len(piece))
    started = time.process_time()

    with pytest.raises(ApiError):
        json_body.parse(body)

    assert time.process_time() - started < 2  # where each quote was tried for itself it took half a minute


async def test_a_length_that_no_number_holds_is_too_long() -> None:
    async def receive() -> Any:
        raise AssertionError("the body is not read")

    request = Request({"type": "http", "headers": [(b"content-length", b"9" * 5000)]}, receive)

    with pytest.raises(ApiError, match="must not exceed 64 bytes"):
        await json_body.read(request, limit_bytes=64)
