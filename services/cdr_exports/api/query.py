"""The query string: `a[b][c]=d` read into nested members in the order they were sent, and written back for links.

Brackets nest as they do for the clients of the reference: `name[key]=value` is a member, `name[]=value` an element.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote_plus, unquote_to_bytes

from cdr_exports.api.errors import Catalogue

Value = str | list["Value"] | dict[str, "Value"]
Members = dict[str, Value]

DEEPEST = 8
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_KEY = re.compile(r"\[([^\[\]]*)\]")


def parse(query: bytes) -> Members:
    """`fields[accounts]=name&page=2` is `{"fields": {"accounts": "name"}, "page": "2"}`.

    A name sent twice keeps its first place and its last value. Raises ApiError (400) for what is not UTF-8, nests too
    deeply, or gives one name two shapes.
    """
    members: Members = {}
    for pair in filter(None, query.split(b"&")):
        name, _, value = pair.partition(b"=")
        _put(members, _decoded(name), _decoded(value))
    return members


def encode(members: Mapping[str, Value]) -> str:
    """A query string with the names in alphabetical order, percent-encoded."""
    pairs = [f"{quote_plus(name)}={quote_plus(value)}" for name, value in _flat(members)]
    return "&".join(sorted(pairs))


def _decoded(encoded: bytes) -> str:
    try:
        return unquote_to_bytes(encoded.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise Catalogue.BAD_REQUEST.raised(reason="The query string is not valid UTF-8.") from None


def _put(members: Members, name: str, value: str) -> None:
    match = _NAME.fullmatch(name)
    first, keys = (match[1], _KEY.findall(match[2])) if match else (name, [])
    if len(keys) > DEEPEST:
        raise Catalogue.BAD_REQUEST.raised(reason=f"The query string nests deeper than {DEEPEST} levels.")
    place: dict[str, Value] | list[Value] = members
    for key, following in zip([first, *keys[:-1]], keys, strict=True) if keys else ():
        place = _inner(place, key, name, is_list=following == "")
    last = keys[-1] if keys else first
    if isinstance(place, list):
        place.append(value)
    elif isinstance(place.get(last, ""), str):
        place[last] = value
    else:
        raise _two_shapes(name)


def _inner(
    place: dict[str, Value] | list[Value], key: str, name: str, *, is_list: bool
) -> dict[str, Value] | list[Value]:
    """The container under `key`, made if there is none yet."""
    empty: dict[str, Value] | list[Value] = [] if is_list else {}
    if isinstance(place, list):
        place.append(empty)
        return empty
    found = place.setdefault(key, empty)
    if isinstance(found, str) or isinstance(found, list) is not is_list:
        raise _two_shapes(name)
    return found


def _two_shapes(name: str) -> Exception:
    return Catalogue.BAD_REQUEST.raised(reason=f"The query parameter {name} contradicts an earlier one.")


def _flat(members: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    for name, value in members.items():
        yield from _flat_value(name, value)


def _flat_value(name: str, value: Value) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield name, value
        case list():
            for element in value:
                yield from _flat_value(f"{name}[]", element)
        case dict():
            for key, inner in value.items():
                yield from _flat_value(f"{name}[{key}]", inner)
