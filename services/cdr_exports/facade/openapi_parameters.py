"""The parameters of the OpenAPI description: path, query (`fields`, `include`, the 42 filters, `sort`, `page`), headers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from cdr_exports.api.paging import DEFAULT_SIZE, LARGEST_SIZE
from cdr_exports.api.responses import POSITION_HEADER
from cdr_exports.api.selection import FIELDS, ResourceType
from cdr_exports.domain.filters import TimeFormat
from cdr_exports.domain.lifecycle import Status
from cdr_exports.facade.openapi_answers import ACCOUNT_UUID, EXPORT_ID, Json

EQUALITY = ("eq", "not_eq", "in", "not_in")
ORDER = ("eq", "not_eq", "gt", "gteq", "lt", "lteq", "in", "not_in")
TEXT = ("eq", "not_eq", "cont", "start", "end", "in", "not_in", "cont_any")
SEVERAL = frozenset({"in", "not_in", "cont_any"})
"""Operators that take any number of values, separated by commas; the others take one."""

_STATUS = {"type": "string", "enum": [each.value for each in Status]}
_UUID = {"type": "string", "format": "uuid"}
_INSTANT = {"type": "string", "description": "ISO 8601; without an offset it is UTC."}
FAMILIES: Mapping[str, tuple[tuple[str, ...], Json]] = MappingProxyType({
    "status": (EQUALITY, _STATUS),
    "rows_count": (ORDER, {"type": "integer"}),
    "created_at": (ORDER, _INSTANT),
    "updated_at": (ORDER, _INSTANT),
    "time_zone_name": (TEXT, {"type": "string"}),
    "account_id": (EQUALITY, _UUID),
})  # fmt: skip
"""Operators and kind of value of each family of filters (section 5.3 of the customer API)."""
EXAMPLES: Mapping[str, object] = MappingProxyType({
    "status": "Pending", "rows_count": 1000, "created_at": "2025-02-03T00:00:00Z", "updated_at": "2025-02-03T00:00:00Z",
    "time_zone_name": "Europe/Kyiv", "account_id": ACCOUNT_UUID,
})  # fmt: skip
SORTED_BY = ("id", "status", "rows-count", "created-at", "updated-at", "time-format", "time-zone-name")


def parameters() -> Json:
    """`components.parameters`, by the names that `references` takes."""
    return {
        "export_id": _parameter("path", "export_id", _UUID, "The export.", example=EXPORT_ID),
        "account_uuid": _parameter("path", "account_uuid", _UUID, "The account.", example=ACCOUNT_UUID),
        "fields_exports": _fields(ResourceType.CDR_EXPORTS, "status,rows-count"),
        "fields_accounts": _fields(ResourceType.ACCOUNTS, "name,currency"),
        "include": _parameter(
            "query", "include", {"type": "string", "enum": ["account", ""]}, "`account` adds the account's object."
        ),
        "include_nothing": _parameter("query", "include", {"type": "string", "const": ""}, "Accounts have nothing to include."),
        "sort": _parameter(
            "query",
            "sort",
            {"type": "array", "items": {"type": "string", "enum": [*SORTED_BY, *(f"-{name}" for name in SORTED_BY)]}},
            "By one or several, `-` is descending. Nulls come last ascending, first descending. Default: `-created-at`.",
            style="form",
            explode=False,
        ),
        "page_number": _parameter(
            "query", "page[number]", {"type": "integer", "minimum": 1, "default": 1}, "From 1. Bare `page=2` means it too."
        ),
        "page_size": _parameter(
            "query",
            "page[size]",
            {"type": "integer", "minimum": 1, "maximum": LARGEST_SIZE, "default": DEFAULT_SIZE},
            "Records of one page.",
        ),
        **{f"filter_{name}": _filter(name, schema, text, shown) for name, schema, text, shown in _filters()},
        **_headers(),
    }  # fmt: skip


def filter_names() -> tuple[str, ...]:
    """The 42, in the underscore form."""
    return tuple(name for name, *_ in _filters())


def references(*names: str) -> list[Json]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def filter_references() -> list[Json]:
    return references(*(f"filter_{name}" for name in filter_names()))


def _filters() -> Iterator[tuple[str, Json, str, object]]:
    """Name, kind of value, meaning, example."""
    for family, (operators, schema) in FAMILIES.items():
        for operator in operators:
            several = operator in SEVERAL
            text = "Any number of values; an empty one makes it no condition." if several else "One value."
            yield f"{family}_{operator}", {"type": "string"} if several else schema, text, EXAMPLES[family]
    formats = ", ".join(each.value for each in TimeFormat)
    yield "time_format", {"type": "string"}, f"One or several of {formats}.", TimeFormat.WITH_TIMEZONE.value
    yield "id", {"type": "string"}, "One or several UUIDs of exports.", EXPORT_ID


def _filter(name: str, schema: Json, text: str, shown: object) -> Json:
    return _parameter(
        "query", f"filter[{name}]", schema, f"{text} Dashes serve as well: `{name.replace('_', '-')}`.", example=shown
    )


def _fields(resource_type: ResourceType, shown: str) -> Json:
    schema = {"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(FIELDS[resource_type])}}
    text = f"Which members of `{resource_type}` to show; `id`, `type`, `links` and `meta` always stay."
    made = _parameter("query", f"fields[{resource_type}]", schema, text, style="form", explode=False)
    return made | {"example": shown.split(",")}


def _headers() -> Json:
    return {
        "idempotency_key": _parameter(
            "header",
            "Idempotency-Key",
            {"type": "string", "pattern": "^[ -~]{1,255}$", "minLength": 1, "maxLength": 255},
            "Scoped to the account: the same key with an equal request gives the same export.",
        ),
        "position": _parameter(
            "header", POSITION_HEADER, {"type": "string", "pattern": r"^\d+:\d+$"},
            "From the answer to a write: the read waits until it sees that write. What makes no sense is not looked at.",
        ),
        "if_none_match": _parameter(
            "header", "If-None-Match", {"type": "string"}, "ETags; if the document still has one of them, 304."
        ),
        "range": _parameter(
            "header", "Range", {"type": "string"}, "One range of bytes, `bytes=0-99`, `bytes=100-`, `bytes=-100`.",
            example="bytes=0-99",
        ),
        "if_range": _parameter(
            "header", "If-Range", {"type": "string"}, "An ETag; the Range counts only for the file that has it."
        ),
        "last_event_id": _parameter(
            "header", "Last-Event-ID", {"type": "string"}, "The last event that was received: the stream goes on after it."
        ),
    }  # fmt: skip


def _parameter(place: str, name: str, schema: Json, description: str, **more: Any) -> Json:
    return {
        "name": name,
        "in": place,
        "description": description,
        **({"required": True} if place == "path" else {}),
        "schema": schema,
        **more,
    }
