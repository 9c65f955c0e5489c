"""How values of JSON become values of filters (section 4.3 of the customer API).

A value is cast to what it means, or is `ABSENT` (as if it had not been sent), or is `INVALID` (sent, and of no use).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal

from cdr_exports.domain.filters import EARLIEST, INT32, LATEST


class Unusable(Enum):
    ABSENT = "absent"
    INVALID = "invalid"


ABSENT: Literal[Unusable.ABSENT] = Unusable.ABSENT
INVALID: Literal[Unusable.INVALID] = Unusable.INVALID

TRUE_WORDS = frozenset({"1", "t", "T", "true", "TRUE", "on", "ON"})
FALSE_WORDS = frozenset({"0", "f", "F", "false", "FALSE", "off", "OFF"})

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DATETIME = re.compile(
    r"""
    (?: (?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d) | (?P<year_>\d{4})(?P<month_>\d\d)(?P<day_>\d\d) )
    (?:
        (?: T | \ + ) (?P<hour>\d\d) :? (?P<minute>\d\d)
        (?: :? (?P<second>\d\d) (?: [.,] (?P<fraction>\d+) )? )?
        \ * (?: Z | UTC | GMT | (?P<sign>[+-]) (?P<offset_hours>\d\d) (?: :? (?P<offset_minutes>\d\d) )? )?
    )?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_LARGEST = MappingProxyType({"month": 12, "day": 31, "hour": 24, "minute": 59, "second": 59})
"""A number beyond these makes a text no date at all; 30 February is one, that does not exist."""


def to_datetime(value: object) -> datetime | Unusable:
    """An instant in UTC, milliseconds truncated. Without a zone it is read as UTC, without a time as midnight.

    Named zones other than UTC, and instants that the CDR table cannot hold, are INVALID.
    """
    instant = to_instant(value)
    if isinstance(instant, Unusable):
        return instant
    instant = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    return instant if EARLIEST <= instant <= LATEST else INVALID


def to_instant(value: object) -> datetime | Unusable:
    """As `to_datetime`, but of any year, and to the microsecond."""
    if _is_blank(value):
        return ABSENT
    if not isinstance(value, str) or value.strip().lower() in ("infinity", "-infinity"):
        return INVALID
    found = _DATETIME.fullmatch(value.strip())
    if found is None:
        return INVALID if _names_a_zone(value) else ABSENT
    numbers = {name: int(found[name] or found.groupdict().get(f"{name}_") or 0) for name in ("year", *_LARGEST)}
    if any(numbers[name] > largest for name, largest in _LARGEST.items()):
        return ABSENT
    microseconds = int((found["fraction"] or "")[:6].ljust(6, "0"))
    try:
        return datetime(**numbers, microsecond=microseconds, tzinfo=UTC) - _offset(found)
    except (ValueError, OverflowError):
        return INVALID


def to_boolean(value: object) -> bool | Unusable:
    if _is_blank(value):
        return ABSENT
    if isinstance(value, bool):
        return value
    if isinstance(value, float) or not isinstance(value, int | str):
        return INVALID
    if str(value) in TRUE_WORDS | FALSE_WORDS:
        return str(value) in TRUE_WORDS
    return INVALID


def to_integer(value: object) -> int | Unusable:
    """Of 32 bits."""
    if _is_blank(value):
        return ABSENT
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value not in INT32:
        return INVALID
    return value


def to_text(value: object) -> str | Unusable:
    """As sent, blanks around it included. Numbers are taken as their text; NUL, which no CDR can hold, is INVALID."""
    if _is_blank(value):
        return ABSENT
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or "\0" in value:
        return INVALID
    return value


def to_list(value: object) -> list[Any] | Unusable:
    """Only whether there is anything in it: customers may not use filters that take lists."""
    if _is_blank(value) or value == []:
        return ABSENT
    return value if isinstance(value, list) else [value]


Cast = Callable[[object], object]


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _names_a_zone(text: str) -> bool:
    """`2019-01-01 00:00:00 EST`: good but for a zone that we do not read, and must not take for nothing."""
    start, _, zone = text.strip().rpartition(" ")
    return zone.isalpha() and _DATETIME.fullmatch(start) is not None


def _offset(found: re.Match[str]) -> timedelta:
    """How far the local time is ahead of UTC. Raises ValueError beyond a day."""
    if found["sign"] is None:
        return timedelta()
    hours, minutes = int(found["offset_hours"]), int(found["offset_minutes"] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError("no such offset")
    return timedelta(hours=hours, minutes=minutes) * (-1 if found["sign"] == "-" else 1)


CUSTOMER_FILTERS: Mapping[str, Cast] = MappingProxyType({
    "time_start_gteq": to_datetime, "time_start_lt": to_datetime, "success_eq": to_boolean, "duration_eq": to_integer,
    "duration_gteq": to_integer, "duration_lteq": to_integer, "src_prefix_routing_eq": to_text,
    "dst_prefix_routing_eq": to_text, "is_last_cdr_eq": to_boolean,
})  # fmt: skip
"""What customers may filter by, in the order of the API."""

_NUMBERS = (
    "customer_id_eq", "customer_acc_id_eq", "customer_auth_id_eq", "vendor_id_eq", "vendor_acc_id_eq",
    "orig_gw_id_eq", "term_gw_id_eq", "customer_external_id_eq", "customer_acc_external_id_eq",
    "customer_auth_external_id_eq", "vendor_external_id_eq", "vendor_acc_external_id_eq",
    "orig_gw_external_id_eq", "term_gw_external_id_eq", "failed_resource_type_id_eq", "src_country_id_eq",
    "dst_country_id_eq", "routing_tag_ids_include", "routing_tag_ids_exclude",
)  # fmt: skip
_TEXTS = (
    "customer_auth_external_type_eq", "customer_auth_external_type_not_eq", "src_prefix_in_eq", "src_prefix_out_eq",
    "dst_prefix_in_eq", "dst_prefix_out_eq", "src_prefix_in_contains", "src_prefix_routing_contains",
    "src_prefix_out_contains", "dst_prefix_in_contains", "dst_prefix_routing_contains", "dst_prefix_out_contains",
)  # fmt: skip
_LISTS = (
    "customer_auth_external_id_in", "src_prefix_in_in", "src_prefix_routing_in", "src_prefix_out_in",
    "dst_prefix_in_in", "dst_prefix_routing_in", "dst_prefix_out_in", "src_country_iso_in", "dst_country_iso_in",
)  # fmt: skip
OPERATOR_FILTERS: Mapping[str, Cast] = MappingProxyType({
    "time_start_lteq": to_datetime,
    **dict.fromkeys(_NUMBERS, to_integer),
    **dict.fromkeys(_TEXTS, to_text),
    **dict.fromkeys(_LISTS, to_list),
    "routing_tag_ids_empty": to_boolean,
})  # fmt: skip
"""Filters of the reference that customers may not use (section 14): known, so tolerated when they hold nothing."""
