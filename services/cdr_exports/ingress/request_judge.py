"""Whether an export can be made as it is asked for (sections 4.3, 4.4, 0.9 and 0.10 of the customer API).

All faults are told together, in the order of the contract's table. Pure: the directory is asked through the scope's
accounts, and nothing else is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from cdr_exports.api.casting import ABSENT, CUSTOMER_FILTERS, INVALID, OPERATOR_FILTERS, to_datetime
from cdr_exports.api.documents import DIALECT_WORDS
from cdr_exports.api.errors import ApiError, Error, invalid
from cdr_exports.domain.directory import Directory, Scope
from cdr_exports.domain.events import AccountChanged
from cdr_exports.domain.filters import CsvDialect, FileFormat, Filters, TimeFormat
from cdr_exports.ingress.request_shape import Asked

BLANK = "can't be blank"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An export that can be made. `time_zone_name` is as sent; null and blank mean UTC."""

    account: AccountChanged
    filters: Filters
    time_format: TimeFormat
    time_zone_name: str | None
    file_format: FileFormat
    csv_dialect: CsvDialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """`columns_left` says whether the settings leave any column to export."""

    directory: Directory
    zone_names: AbstractSet[str]
    longest_range: timedelta
    columns_left: bool

    def judge(self, asked: Asked, scope: Scope) -> Wanted:
        """Raises ApiError (422) with every fault."""
        errors: list[Error] = []
        if not self.columns_left:
            errors.append(invalid("fields", BLANK))
        attributes = asked.attributes
        filters = judge_filters(attributes.get("filters"), self.longest_range, errors)
        zone = self._zone(attributes.get("time-zone-name"), errors)
        account = self._account(asked.account_uuid, scope, errors)
        time_format = _time_format(attributes, errors)
        file_format = _chosen("file-format", {each.value: each for each in FileFormat}, attributes, errors)
        dialect = _chosen("csv-dialect", {word: each for each, word in DIALECT_WORDS.items()}, attributes, errors)
        if errors or filters is None or account is None or not (time_format and file_format and dialect):
            raise ApiError(*errors)
        return Wanted(
            account=account,
            filters=filters,
            time_format=time_format,
            time_zone_name=zone,
            file_format=file_format,
            csv_dialect=dialect,
        )

    def _zone(self, name: object, errors: list[Error]) -> str | None:
        if name is None or (isinstance(name, str) and (name in self.zone_names or not name.strip())):
            return name
        errors.append(invalid("time-zone-name", "is not included in the list"))
        return None

    def _account(self, uuid: str | None, scope: Scope, errors: list[Error]) -> AccountChanged | None:
        account = None if uuid is None else self.directory.account_by_uuid(uuid)
        if account is not None and scope.admits(account):
            return account
        message = BLANK if uuid is None else "is invalid"
        errors.append(invalid("account", message, pointer="/data/relationships/account"))
        return None


def judge_filters(sent: object, longest_range: timedelta, errors: list[Error]) -> Filters | None:
    """The filters, or None with at least one error added."""
    values = _cast(sent) if isinstance(sent, dict) else {}
    if all(value is ABSENT or value is False for value in values.values()):
        errors.append(invalid("filters", BLANK))
        return None
    filters = {name: value for name, value in values.items() if name in CUSTOMER_FILTERS}
    messages = [*_names_at_fault(sent, values), *_values_at_fault(filters)]
    start, end = filters.get("time_start_gteq"), filters.get("time_start_lt")
    if isinstance(start, datetime) and isinstance(end, datetime):
        if end - start > longest_range:
            messages.append(f"range must not exceed {longest_range.days} days")
        if not messages:
            return Filters(**{name: value for name, value in filters.items() if value is not ABSENT})
    errors += [invalid("filters", message) for message in messages]
    return None


def _cast(sent: Mapping[str, Any]) -> dict[str, Any]:
    """The values of all known filters that were sent, in document order."""
    casts = {**CUSTOMER_FILTERS, **OPERATOR_FILTERS}
    return {name: casts[name](value) for name, value in sent.items() if name in casts}


def _names_at_fault(sent: Any, values: Mapping[str, Any]) -> list[str]:
    """Unknown filters, missing bounds, filters that customers may not use: in this order."""
    messages = []
    if unknown := [name for name in sent if name not in values]:
        messages.append(f"{', '.join(unknown)} not allowed")
    if not isinstance(values.get("time_start_gteq"), datetime):
        messages.append("requires time_start_gteq")
    if not any(isinstance(values.get(name), datetime) for name in ("time_start_lt", "time_start_lteq")):
        messages.append("requires time_start_lt")
    if forbidden := [name for name, value in values.items() if name in OPERATOR_FILTERS and value is not ABSENT]:
        messages.append(f"{', '.join(forbidden)} not allowed")
    return messages


def _values_at_fault(filters: Mapping[str, Any]) -> list[str]:
    """Of a bound that is no datetime it is said already that it is required."""
    return [
        f"{name} is invalid"
        for name, value in filters.items()
        if value is INVALID and CUSTOMER_FILTERS[name] is not to_datetime
    ]


def _time_format(attributes: Mapping[str, Any], errors: list[Error]) -> TimeFormat | None:
    value = attributes.get("time-format", TimeFormat.WITH_TIMEZONE.value)
    if value is None or (isinstance(value, str) and not value.strip()):
        errors.append(invalid("time-format", BLANK))
    return _chosen("time-format", {each.value: each for each in TimeFormat}, attributes, errors)


def _chosen(name: str, choices: Mapping[str, T], attributes: Mapping[str, Any], errors: list[Error]) -> T | None:
    """The choice that the attribute names; the first where it was not sent."""
    word = attributes.get(name, next(iter(choices)))
    if isinstance(word, str) and word in choices:
        return choices[word]
    errors.append(invalid(name, f"is not included in the list: {', '.join(choices)}"))
    return None
