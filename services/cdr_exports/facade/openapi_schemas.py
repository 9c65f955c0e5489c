"""The schemas of the OpenAPI description: what goes in and what comes out, with an example of each."""

from __future__ import annotations

from typing import Any

from cdr_exports.api.casting import FALSE_WORDS, TRUE_WORDS
from cdr_exports.api.documents import DIALECT_WORDS
from cdr_exports.api.selection import FIELDS, ResourceType
from cdr_exports.domain.errors import FailureCode
from cdr_exports.domain.filters import INT32, FileFormat, TimeFormat
from cdr_exports.domain.lifecycle import Stage, Status
from cdr_exports.facade.openapi_answers import ACCOUNT_UUID, EXPORT_ID, Json

BASE = "http://127.0.0.1:8080/api/rest/customer/v1"
"""Of the links in examples."""

FILTERS_EXAMPLE = {"time_start_gteq": "2026-10-01T00:00:00.000Z", "time_start_lt": "2026-11-01T00:00:00.000Z"}
ACCOUNT_EXAMPLE: Json = {
    "id": ACCOUNT_UUID,
    "type": "accounts",
    "links": {"self": f"{BASE}/accounts/{ACCOUNT_UUID}"},
    "attributes": {
        "name": "Main", "balance": "100.50", "min-balance": "0.0", "max-balance": "1000.0",
        "destination-rate-limit": None, "origination-capacity": 10, "termination-capacity": None,
        "total-capacity": None, "currency": "USD",
    },
}  # fmt: skip
_URL = f"{BASE}/cdr-exports/{EXPORT_ID}"
LINKS_EXAMPLE = {"self": f"{_URL}/relationships/account", "related": f"{_URL}/account"}
EXPORT_EXAMPLE: Json = {
    "id": EXPORT_ID,
    "type": "cdr-exports",
    "links": {"self": _URL},
    "attributes": {
        "filters": FILTERS_EXAMPLE, "status": "Completed", "rows-count": 240_100,
        "created-at": "2026-11-24T10:00:00.118Z", "updated-at": "2026-11-24T10:00:04.701Z",
        "time-format": "with_timezone", "time-zone-name": None,
    },
    "relationships": {"account": {"links": LINKS_EXAMPLE}},
    "meta": {
        "stage": "completed",
        "progress": {"percent": 100, "rows-exported": 240_100, "rows-total": 240_100, "bytes": 21_500_321},
        "failure": None,
        "file-format": "csv",
        "csv-dialect": "raw",
        "file": {
            "name": f"{EXPORT_ID}.csv.gz", "bytes": 21_500_321, "sha256": "ab" * 32, "rows": 240_100, "parts": 2,
            "totals": {"duration": 14_230_881, "customer-duration": 14_301_120, "customer-price": "9417.31550000"},
        },
        "expires-at": None,
    },
}  # fmt: skip
PENDING_EXAMPLE = EXPORT_EXAMPLE | {
    "attributes": EXPORT_EXAMPLE["attributes"]
    | {"status": "Pending", "rows-count": None, "updated-at": "2026-11-24T10:00:00.118Z"},
    "meta": EXPORT_EXAMPLE["meta"]
    | {
        "stage": "accepted",
        "progress": {"percent": 0, "rows-exported": 0, "rows-total": None, "bytes": 0},
        "file": None,
    },
}
NEW_EXPORT_EXAMPLE: Json = {
    "data": {
        "type": "cdr-exports",
        "attributes": {"filters": {"time_start_gteq": "2026-10-01T00:00:00Z", "time_start_lt": "2026-11-01T00:00:00Z"}},
        "relationships": {"account": {"data": {"type": "accounts", "id": ACCOUNT_UUID}}},
    }
}


def schemas() -> Json:
    """`components.schemas`."""
    export, account, included = _reference("Export"), _reference("Account"), _list(_reference("Account"))
    return {
        "NewExport": _new_export(),
        "NewFilters": _new_filters(),
        "Export": _export(),
        "ExportMeta": _export_meta(),
        "Account": _account(),
        "Linkage": _object({"type": {"const": "accounts"}, "id": _uuid()}),
        "AccountLinks": _object({"self": _uri(), "related": _uri()}),
        "PageLinks": _object({name: _uri() for name in ("first", "prev", "next", "last")}, optional=("prev", "next")),
        "ListMeta": _object({"total-count": _count()}),
        "ExportDocument": _object({"data": export, "included": included}, optional=("included",)),
        "ExportList": _object(
            {"data": _list(export), "included": included, "meta": _reference("ListMeta"), "links": _reference("PageLinks")},
            optional=("included",),
        ),
        "AccountDocument": _object({"data": account}),
        "AccountList": _object(
            {"data": _list(account), "meta": _reference("ListMeta"), "links": _reference("PageLinks")}
        ),
        "AccountLinkage": _object({"data": _reference("Linkage"), "links": _reference("AccountLinks")}),
        "Login": _login(),
        "Token": _object({"jwt": {"type": "string", "pattern": r"^[\w-]+\.[\w-]+\.[\w-]+$"}}),
        "Session": _object({"allow-rec": {"type": "boolean"}}),
        "Errors": _object({"errors": {"type": "array", "minItems": 1, "items": _reference("Error")}}),
        "Error": _error(),
    }  # fmt: skip


def _new_export() -> Json:
    attributes = _object(
        {
            "filters": _reference("NewFilters"),
            "time-format": {"enum": [each.value for each in TimeFormat], "default": TimeFormat.WITH_TIMEZONE.value},
            "time-zone-name": {
                "type": ["string", "null"],
                "description": "An IANA name, exact case, for the times in the file; null and blank are UTC.",
                "examples": ["Europe/Kyiv"],
            },
            "file-format": {"enum": [each.value for each in FileFormat], "default": FileFormat.CSV.value},
            "csv-dialect": {
                "enum": list(DIALECT_WORDS.values()),
                "default": "raw",
                "description": "`spreadsheet-safe` puts a `'` before values that a spreadsheet would take for a formula.",
            },
        },
        optional=("time-format", "time-zone-name", "file-format", "csv-dialect"),
    )
    account = _object({"account": _object({"data": _reference("Linkage")})})
    data = _object({"type": {"const": "cdr-exports"}, "attributes": attributes, "relationships": account})
    return _object({"data": data}) | {"additionalProperties": True, "examples": [NEW_EXPORT_EXAMPLE]}


def _new_filters() -> Json:
    instant = {
        "type": "string",
        "format": "date-time",
        "description": "Date and time, also `2019-01-01 00:00` or `2019-01-01`; without an offset UTC. To the millisecond.",
    }
    boolean = {"anyOf": [{"type": "boolean"}, {"enum": [0, 1, *sorted(TRUE_WORDS | FALSE_WORDS)]}, {"type": "null"}]}
    integer = {
        "anyOf": [
            {"type": "integer", "minimum": INT32.start, "maximum": INT32.stop - 1},
            {"type": "string", "pattern": r"^-?\d{1,9}$"},
            {"type": "null"},
        ]
    }
    text = {"type": ["string", "number", "null"], "description": "The whole value, case counts."}
    optional = {
        "success_eq": boolean,
        "duration_eq": integer,
        "duration_gteq": integer,
        "duration_lteq": integer,
        "src_prefix_routing_eq": text,
        "dst_prefix_routing_eq": text,
        "is_last_cdr_eq": boolean | {"description": "Only the attempts that an invoice counts, or only the others."},
    }
    described = {"description": "All hold at once. The period is half-open and no longer than 92 days."}
    return (
        _object({"time_start_gteq": instant, "time_start_lt": instant, **optional}, optional=tuple(optional))
        | described
    )


def _export() -> Json:
    attributes = {
        "filters": {"type": "object", "examples": [FILTERS_EXAMPLE]},
        "status": {"enum": [each.value for each in Status]},
        "rows-count": {"type": ["integer", "null"], "minimum": 0},
        "created-at": _instant(),
        "updated-at": _instant(),
        "time-format": {"enum": [each.value for each in TimeFormat]},
        "time-zone-name": {"type": ["string", "null"]},
    }
    relationship = _object({"links": _reference("AccountLinks"), "data": _reference("Linkage")}, optional=("data",))
    members = {
        "id": _uuid(),
        "type": {"const": "cdr-exports"},
        "links": _object({"self": _uri()}),
        "attributes": _object(attributes, optional=tuple(attributes)),
        "relationships": _object({"account": relationship}),
        "meta": _reference("ExportMeta"),
    }
    return _object(members, optional=("attributes", "relationships")) | {"examples": [EXPORT_EXAMPLE]}


def _export_meta() -> Json:
    progress = {
        "percent": {"type": "number", "minimum": 0, "maximum": 100},
        "rows-exported": _count(),
        "rows-total": {"type": ["integer", "null"], "minimum": 0},
        "bytes": _count(),
    }
    failure = {
        "code": {"type": "string", "examples": [each.value for each in FailureCode]},
        "message": {"type": "string"},
    }
    totals = {
        "duration": _count(),
        "customer-duration": _count(),
        "customer-price": {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"},
    }
    file = {
        "name": {"type": "string"},
        "bytes": _count(),
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "rows": _count(),
        "parts": _count(),
        "totals": _object(totals),
    }
    return _object(
        {
            "stage": {"enum": [each.value for each in Stage]},
            "progress": _object(progress),
            "failure": _nullable(_object(failure)),
            "file-format": {"enum": [each.value for each in FileFormat]},
            "csv-dialect": {"enum": list(DIALECT_WORDS.values())},
            "file": _nullable(_object(file)),
            "expires-at": _nullable(_instant()),
        }
    )


def _account() -> Json:
    capacities = ("origination-capacity", "termination-capacity", "total-capacity")
    names = [name for name in FIELDS[ResourceType.ACCOUNTS] if name != "id"]
    attributes: Json = {name: {"type": ["string", "null"]} for name in names}
    attributes |= {name: {"type": ["integer", "null"]} for name in capacities}
    members = {
        "id": _uuid(),
        "type": {"const": "accounts"},
        "links": _object({"self": _uri()}),
        "attributes": _object(attributes, optional=tuple(attributes)),
    }
    return _object(members, optional=("attributes",)) | {"examples": [ACCOUNT_EXAMPLE]}


def _login() -> Json:
    login = {
        "login": {"type": "string"},
        "password": {"type": "string", "format": "password"},
        "cookie_auth": {"type": "boolean", "description": "Begin a session with a cookie instead of giving a token."},
    }
    example = {"auth": {"login": "acme", "password": "…"}}
    return _object({"auth": _object(login, optional=("cookie_auth",))}) | {"examples": [example]}


def _error() -> Json:
    words = {name: {"type": "string"} for name in ("title", "detail", "code")}
    source = _object({"pointer": {"type": "string", "pattern": "^/data"}})
    return _object(
        {**words, "source": source, "status": {"type": "string", "pattern": r"^[45]\d\d$"}}, optional=("source",)
    )


def _object(members: Json, *, optional: tuple[str, ...] = ()) -> Json:
    return {
        "type": "object",
        "properties": members,
        "required": [name for name in members if name not in optional],
        "additionalProperties": False,
    }


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _nullable(schema: Json) -> Json:
    return {"oneOf": [schema, {"type": "null"}]}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


def _count() -> Json:
    return {"type": "integer", "minimum": 0}


def _uuid() -> Json:
    return {"type": "string", "format": "uuid"}


def _uri() -> Json:
    return {"type": "string", "format": "uri"}


def _instant() -> dict[str, Any]:
    return {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
