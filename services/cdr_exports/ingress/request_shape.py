"""The shape of a POST body: which members it may have, and where (section 4.2 of the customer API).

What the members hold is judged in `request_judge`. Only the first fault is told, in document order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdr_exports.api.errors import ApiError, Catalogue
from cdr_exports.api.paths import is_uuid
from cdr_exports.api.selection import ResourceType

ATTRIBUTES = frozenset({"filters", "time-format", "time-zone-name", "file-format", "csv-dialect"})
RELATIONSHIPS = frozenset({"account"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request of the right shape. `attributes` hold those that were sent, whatever they hold."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    account_uuid: str | None = None


def shape(body: Mapping[str, Any]) -> Asked:
    """What the body asks for. Raises ApiError (400)."""
    data = body.get("data")
    if data is None or data in ({}, []):
        raise Catalogue.MISSING_PARAMETER.raised(name="data")
    if not isinstance(data, dict):
        raise Catalogue.INVALID_DATA_FORMAT.raised(name="Data")
    _check_type(data.get("type"))
    for name in _members(data):
        raise Catalogue.PARAM_NOT_ALLOWED.raised(name=name)
    relationships = data.get("relationships") or {}
    return Asked(attributes=data.get("attributes") or {}, account_uuid=_linked_account(relationships.get("account")))


def _check_type(resource_type: object) -> None:
    if resource_type is None:
        raise Catalogue.MISSING_PARAMETER.raised(name="type")
    if resource_type != ResourceType.CDR_EXPORTS:
        raise Catalogue.INVALID_RESOURCE.raised(type=_shown(resource_type))


def _members(data: Mapping[str, Any]) -> Iterator[str]:
    """The names of members that are not allowed. Raises ApiError for `attributes` or `relationships` that are no objects."""
    for name, value in data.items():
        match name:
            case "type":
                pass
            case "attributes":
                yield from (each for each in _hash(value, "Attributes") if each not in ATTRIBUTES)
            case "relationships":
                yield from (each for each in _hash(value, "Relationships") if each not in RELATIONSHIPS)
            case _:
                yield name


def _hash(value: object, name: str) -> Mapping[str, Any]:
    """An empty array counts as an empty object, as some languages write one."""
    if value == []:
        return {}
    if not isinstance(value, dict):
        raise Catalogue.INVALID_DATA_FORMAT.raised(name=name)
    return value


def _linked_account(relationship: object) -> str | None:
    """The UUID that the relationship links to; None where it links to nothing."""
    if relationship is None:
        return None
    if not isinstance(relationship, dict):
        raise _no_links_object()
    linkage = relationship.get("data")
    if linkage is None:
        return None
    if not isinstance(linkage, dict) or linkage.keys() != {"type", "id"}:
        raise _no_links_object()
    return _identified(linkage["type"], linkage["id"])


def _identified(resource_type: object, uuid: object) -> str | None:
    if not isinstance(resource_type, str):
        raise _no_links_object()
    if resource_type != ResourceType.ACCOUNTS:
        raise Catalogue.TYPE_MISMATCH.raised(type=resource_type)
    if uuid is None:
        return None
    if isinstance(uuid, bool | list | dict):
        raise _no_links_object()
    if not isinstance(uuid, str) or not is_uuid(uuid):
        raise Catalogue.INVALID_FIELD_VALUE.raised(value=_shown(uuid))
    return uuid.lower()


def _no_links_object() -> ApiError:
    return Catalogue.INVALID_LINKS_OBJECT.raised()


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
