"""`fields` and `include`: which members of which resources an answer shows (sections 4.1 and 5.4 of the customer API)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from cdr_exports.api import query
from cdr_exports.api.errors import ApiError, Catalogue


class ResourceType(StrEnum):
    CDR_EXPORTS = "cdr-exports"
    ACCOUNTS = "accounts"


FIELDS: Mapping[ResourceType, tuple[str, ...]] = MappingProxyType({
    ResourceType.CDR_EXPORTS: (
        "id", "account", "filters", "status", "rows-count", "created-at", "updated-at", "time-format", "time-zone-name",
    ),
    ResourceType.ACCOUNTS: (
        "id", "name", "balance", "min-balance", "max-balance", "destination-rate-limit", "origination-capacity",
        "termination-capacity", "total-capacity", "currency",
    ),
})  # fmt: skip
RELATIONSHIPS: Mapping[ResourceType, Mapping[str, ResourceType]] = MappingProxyType(
    {ResourceType.CDR_EXPORTS: {"account": ResourceType.ACCOUNTS}, ResourceType.ACCOUNTS: {}}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """`fields` by type, a type that is not in it shows all; `include` are the relationships to include."""

    fields: Mapping[ResourceType, frozenset[str]] = field(default_factory=dict)
    include: frozenset[str] = frozenset()

    def shows(self, resource_type: ResourceType, name: str) -> bool:
        chosen = self.fields.get(resource_type)
        return chosen is None or name in chosen


def fields_of(members: query.Members) -> dict[ResourceType, frozenset[str]]:
    """`fields[cdr-exports]=status,rows-count`. Raises ApiError for the first bad one: type, then name."""
    asked = members.get("fields")
    if asked is None:
        return {}
    if not isinstance(asked, dict):
        raise Catalogue.INVALID_FIELD_FORMAT.raised()
    return {_resource_type(name): _names(name, value) for name, value in asked.items()}


def include_of(members: query.Members, resource_type: ResourceType) -> frozenset[str]:
    """`include=account`. Raises ApiError for the first name that is no relationship of `resource_type`."""
    asked = members.get("include")
    if asked is None or asked == "":
        return frozenset()
    paths = _listed(asked) if isinstance(asked, str) else asked
    if not isinstance(paths, list):
        raise Catalogue.INVALID_INCLUDE.raised(name=next(iter(paths)), type=resource_type)
    return frozenset(_relationship(str(path), resource_type) for path in paths)


def selection_of(members: query.Members, resource_type: ResourceType) -> Selection:
    """Both parameters; `fields` is judged first. Lists, which report a bad `include` along with others, ask one by one."""
    fields = fields_of(members)
    return Selection(fields=fields, include=include_of(members, resource_type))


def _resource_type(name: str) -> ResourceType:
    try:
        return ResourceType(name)
    except ValueError:
        raise Catalogue.INVALID_RESOURCE.raised(type=name) from None


def _names(resource_type: str, value: query.Value) -> frozenset[str]:
    if value == "":
        raise _invalid_field(resource_type, "nil")
    names = [str(each) for each in value] if isinstance(value, list | dict) else value.rstrip(",").split(",")
    known = FIELDS[ResourceType(resource_type)]
    for name in names:
        if name not in known and names != [""]:
            raise _invalid_field(resource_type, name)
    return frozenset(names)


def _invalid_field(resource_type: str, name: str) -> ApiError:
    return Catalogue.INVALID_FIELD.raised(field=name, type=resource_type)


def _listed(text: str) -> list[str]:
    """The values of one CSV line; a malformed line is one value."""
    try:
        return [name for name in next(csv.reader([text], strict=True), []) if name]
    except csv.Error:
        return [text]


def _relationship(path: str, resource_type: ResourceType) -> str:
    """The first name of `account.customer`, all of whose names must be relationships."""
    name, _, rest = path.partition(".")
    target = RELATIONSHIPS[resource_type].get(name)
    if target is None:
        raise Catalogue.INVALID_INCLUDE.raised(name=name, type=resource_type)
    if rest:
        _relationship(rest, target)
    return name
