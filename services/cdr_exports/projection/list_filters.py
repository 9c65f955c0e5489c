"""The 42 filters of a list: one table of which column each looks at, how, and what its value may be (section 5.3 of the
customer API), and how the text of a value becomes a condition in SQL.

Conditions are made of the table's own words; what a client sent travels as a parameter only. NULLs follow SQL: they
match no comparison, `not_eq` and `not_in` included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NoReturn
from uuid import UUID

from cdr_exports.api import paths, query
from cdr_exports.api.casting import to_instant
from cdr_exports.api.errors import Catalogue, Error
from cdr_exports.api.spelling import underscored
from cdr_exports.domain.filters import TimeFormat
from cdr_exports.domain.lifecycle import Status

_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,19}\s*", re.ASCII)
_INT64 = range(-(2**63), 2**63)
_CSV_VALUE = re.compile(r'"((?:[^"]|"")*)"|([^",\r\n]*)')
_WHITE_SPACE = " \t\n\v\f\r"


class _Unfit(Exception):
    """A value that its filter cannot take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """`condition` is SQL with `{}` where the parameter stands; a filter that takes many values takes them as an array.

    `cast` turns one text into a value and raises `_Unfit`. `empty_matches_nothing`: an empty value is no value, and of no
    values there is nothing; for the other filters that take many it is no condition at all.
    """

    name: str
    condition: str
    cast: Callable[[str], object]
    takes_many: bool = False
    empty_matches_nothing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A filter as it was asked for: its name and its value or values, cast."""

    filter: Filter
    value: object

    @property
    def parameter(self) -> str:
        return f"filter_{self.filter.name}"

    @property
    def sql(self) -> str:
        return self.filter.condition.replace("{}", f"%({self.parameter})s")


def conditions_of(members: query.Members) -> list[Condition]:
    """In the order sent; of a name sent in two spellings the last value. To be called when all names are known.

    Raises ApiError (400, code 107) for the first value that is of no use.
    """
    asked = members.get("filter")
    named = {underscored(name): value for name, value in asked.items()} if isinstance(asked, dict) else {}
    found = (_condition(FILTERS[name], value) for name, value in named.items())
    return [each for each in found if each is not None]


def filter_errors(members: query.Members) -> list[Error]:
    """The first filter name that is not known, or a `filter` without names."""
    match members.get("filter"):
        case None:
            return []
        case dict(names):
            unknown = (name for name in map(underscored, names) if name not in FILTERS)
            return [Catalogue.FILTER_NOT_ALLOWED.error(name=name) for name in list(unknown)[:1]]
        case value:
            return [Catalogue.INVALID_FILTERS_SYNTAX.error(value=_flat(value))]


def csv_values(text: str) -> list[str]:
    """The values of one CSV line: commas separate, double quotes protect. A malformed line is one literal value."""
    if not text:
        return []
    values, at = [], 0
    while found := _CSV_VALUE.match(text, at):
        quoted, bare = found.groups()
        values.append(bare if quoted is None else quoted.replace('""', '"'))
        at = found.end() + 1
        if found.end() == len(text):
            return values
        if text[found.end()] != ",":
            break
    return [text]


def _condition(asked: Filter, value: query.Value) -> Condition | None:
    """None where an empty value asks for nothing."""
    if not isinstance(value, str):
        _refuse(asked, _flat(value))
    texts = csv_values(value)
    if asked.takes_many and not texts and not asked.empty_matches_nothing:
        return None
    if not asked.takes_many and len(texts) != 1:
        _refuse(asked, ",".join(texts))
    try:
        values = [asked.cast(text) for text in texts]
    except _Unfit:
        _refuse(asked, ",".join(texts))
    return Condition(filter=asked, value=values if asked.takes_many else values[0])


def _refuse(asked: Filter, value: str) -> NoReturn:
    raise Catalogue.INVALID_FILTER_VALUE.raised(value=value, filter=asked.name) from None


def _flat(value: query.Value) -> str:
    """All texts of a nested value, separated by commas."""
    if isinstance(value, str):
        return value
    return ",".join(map(_flat, value.values() if isinstance(value, dict) else value))


def _status(text: str) -> str:
    return _word(Status, text)


def _time_format(text: str) -> str:
    return _word(TimeFormat, text)


def _word(words: Iterable[str], text: str) -> str:
    if text not in [str(each) for each in words]:
        raise _Unfit
    return text


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or int(text) not in _INT64:
        raise _Unfit
    return int(text)


def _instant(text: str) -> datetime:
    instant = to_instant(text)
    if not isinstance(instant, datetime):
        raise _Unfit
    return instant


def _text(text: str) -> str:
    """Trimmed. PostgreSQL's texts hold no NUL."""
    if "\0" in text:
        raise _Unfit
    return text.strip(_WHITE_SPACE)


def _literal(text: str) -> str:
    """For LIKE, in which `%` and `_` then mean themselves."""
    return re.sub(r"([\\%_])", r"\\\1", _text(text))


def _contains(text: str) -> str:
    return f"%{_literal(text)}%"


def _starts(text: str) -> str:
    return f"{_literal(text)}%"


def _ends(text: str) -> str:
    return f"%{_literal(text)}"


def _uuid(text: str) -> UUID | None:
    """What is no UUID is the id of nothing."""
    return UUID(text) if paths.is_uuid(text) else None


_EQUALITY = {"eq": "=", "not_eq": "<>"}
_ORDER = {"gt": ">", "gteq": ">=", "lt": "<", "lteq": "<="}
_MEMBERSHIP = {"in": "= ANY", "not_in": "<> ALL"}
_PATTERNS = {"cont": _contains, "start": _starts, "end": _ends}


def _family(column: str, sql_type: str, cast: Callable[[str], object], single: Mapping[str, str]) -> list[Filter]:
    """`single` operators on a column, and membership."""
    return [
        *(
            Filter(name=f"{column}_{name}", condition=f"{column} {sign} {{}}::{sql_type}", cast=cast)
            for name, sign in single.items()
        ),
        *(
            Filter(
                name=f"{column}_{name}", condition=f"{column} {sign}({{}}::{sql_type}[])", cast=cast, takes_many=True
            )
            for name, sign in _MEMBERSHIP.items()
        ),
    ]


def _all() -> list[Filter]:
    zone = "time_zone_name"
    return [
        *_family("status", "text", _status, _EQUALITY),
        *_family("rows_count", "bigint", _integer, _EQUALITY | _ORDER),
        *_family("created_at", "timestamptz", _instant, _EQUALITY | _ORDER),
        *_family("updated_at", "timestamptz", _instant, _EQUALITY | _ORDER),
        *_family(zone, "text", _text, _EQUALITY),
        *(
            Filter(name=f"{zone}_{name}", condition=f"{zone} ILIKE {{}}::text", cast=cast)
            for name, cast in _PATTERNS.items()
        ),
        Filter(name=f"{zone}_cont_any", condition=f"{zone} ILIKE ANY({{}}::text[])", cast=_contains, takes_many=True),
        Filter(
            name="time_format", condition="time_format = ANY({}::text[])", cast=_time_format, takes_many=True,
            empty_matches_nothing=True,
        ),
        Filter(
            name="id", condition="export_id = ANY({}::uuid[])", cast=_uuid, takes_many=True, empty_matches_nothing=True
        ),
        *ACCOUNT_FILTERS.values(),
    ]  # fmt: skip


ACCOUNT_FILTERS: Mapping[str, Filter] = MappingProxyType(
    {each.name: each for each in _family("account_id", "uuid", _uuid, _EQUALITY)}
)
"""Of accounts' UUIDs, which the directory knows and the table does not: never run as SQL, see `AccountTest`."""
FILTERS: Mapping[str, Filter] = MappingProxyType({each.name: each for each in _all()})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTest:
    """One filter on accounts, to be asked of each account that whoever asks may see."""

    account_uuids: frozenset[str]
    keeps: bool

    @classmethod
    def of(cls, condition: Condition) -> AccountTest:
        values = condition.value if isinstance(condition.value, list) else [condition.value]
        return cls(
            account_uuids=frozenset(str(each) for each in values if each is not None),
            keeps="not_" not in condition.filter.name,
        )

    def admits(self, account_uuid: str) -> bool:
        return (account_uuid.lower() in self.account_uuids) is self.keeps
