"""A request's body as JSON, within limits that no honest client meets (section 0.10 of the customer API)."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from starlette.requests import Request

from cdr_exports.api.errors import Catalogue

DEEPEST = 16
"""Containers within one another."""
LONGEST_INTEGER_DIGITS = 19
MOST_MEMBERS = 256
"""Members of one object."""

_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""A string that does not end is one, too, and nothing is tried twice: else a few KB of `\\"` would take seconds."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


async def read(request: Request, *, limit_bytes: int) -> bytes:
    """The body. Raises ApiError (413) as soon as it is known to be longer than `limit_bytes`."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:LONGEST_INTEGER_DIGITS]) > limit_bytes:
        raise Catalogue.PAYLOAD_TOO_LARGE.raised(limit=limit_bytes)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit_bytes:
            raise Catalogue.PAYLOAD_TOO_LARGE.raised(limit=limit_bytes)
    return bytes(body)


def parse(body: bytes) -> dict[str, Any]:
    """The object that `body` is, members in the order sent. Raises ApiError (400) that says what is wrong."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        _refuse(f"The request body is not valid UTF-8 at byte {error.start}.")
    if _depth(text) > DEEPEST:
        _refuse(f"The request body nests deeper than {DEEPEST} levels.")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=lambda name: _refuse(f"{name} is not JSON."),
        )
    except json.JSONDecodeError as error:
        _refuse(f"The request body is not JSON: {error}.")
    _check_text(value)
    if not isinstance(value, dict):
        raise Catalogue.NOT_A_HASH.raised()
    return value


def _depth(text: str) -> int:
    """How deep the brackets of `text` nest, whether it is JSON or not: the parser is not let near what could overflow it."""
    depth = deepest = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        bracket = match[0]
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif bracket in "]}":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_MEMBERS:
        _refuse(f"An object of the request body has more than {MOST_MEMBERS} members.")
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            _refuse(f"The member {json.dumps(name)} occurs twice in an object of the request body.")
        members[name] = value
    return members


def _integer(digits: str) -> int:
    if len(digits.removeprefix("-")) > LONGEST_INTEGER_DIGITS:
        _refuse(f"An integer of the request body has more than {LONGEST_INTEGER_DIGITS} digits.")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        _refuse("A number of the request body is too large.")
    return value


def _check_text(value: Any) -> None:
    """JSON can escape half of a surrogate pair, which no UTF-8 can hold. Depth is limited already."""
    match value:
        case str() if _LONE_SURROGATE.search(value):
            _refuse("The request body is not valid UTF-8: it escapes half of a surrogate pair.")
        case list():
            for each in value:
                _check_text(each)
        case dict():
            for name, inner in value.items():
                _check_text(name)
                _check_text(inner)


def _refuse(reason: str) -> NoReturn:
    raise Catalogue.BAD_REQUEST.raised(reason=reason)
