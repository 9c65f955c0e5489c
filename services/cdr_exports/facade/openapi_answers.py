"""The answers of the OpenAPI description: headers, and the documents of errors, derived from the catalogue.

Which errors a route can give is said by `openapi_operations`; their texts are those of `api.errors`, so that neither can
say what the other does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from cdr_exports.api import paths
from cdr_exports.api.errors import Catalogue, Error, invalid
from cdr_exports.api.responses import MEDIA_TYPE, POSITION_HEADER
from cdr_exports.api.tokens import ENDED_SESSION

Json = dict[str, Any]

EXPORT_ID = "01950000-0000-7000-8000-00000000000a"
ACCOUNT_UUID = "7a108ca2-39c4-11f1-8c50-82ad38f4dd55"

WORDS: Mapping[Catalogue, Mapping[str, object]] = MappingProxyType({
    Catalogue.RECORD_NOT_FOUND: {"id": EXPORT_ID},
    Catalogue.NO_ROUTE: {"method": "GET", "path": f"{paths.CDR_EXPORTS}/123"},
    Catalogue.NOT_ACCEPTABLE: {"accept": "application/json"},
    Catalogue.UNSUPPORTED_MEDIA_TYPE: {"media_type": "application/json"},
    Catalogue.PAYLOAD_TOO_LARGE: {"limit": 65536},
    Catalogue.BAD_REQUEST: {"reason": "The request body nests deeper than 16 levels."},
    Catalogue.MISSING_PARAMETER: {"name": "data"},
    Catalogue.INVALID_DATA_FORMAT: {"name": "Attributes"},
    Catalogue.INVALID_RESOURCE: {"type": "exports"},
    Catalogue.PARAM_NOT_ALLOWED: {"name": "time_format"},
    Catalogue.TYPE_MISMATCH: {"type": "account"},
    Catalogue.INVALID_FIELD_VALUE: {"value": "71"},
    Catalogue.FILTER_NOT_ALLOWED: {"name": "rows_count"},
    Catalogue.INVALID_FILTER_VALUE: {"value": "Done", "filter": "status_eq"},
    Catalogue.INVALID_FILTERS_SYNTAX: {"value": "Pending"},
    Catalogue.INVALID_SORT: {"field": "filters"},
    Catalogue.INVALID_PAGE_VALUE: {"value": 0, "name": "size"},
    Catalogue.PAGE_TOO_LARGE: {"limit": 1000},
    Catalogue.INVALID_FIELD: {"field": "rows_count", "type": "cdr-exports"},
    Catalogue.INVALID_INCLUDE: {"name": "customer", "type": "cdr-exports"},
    Catalogue.TOO_MANY_REQUESTS: {"limit": 20},
    Catalogue.SERVICE_UNAVAILABLE: {"part": "The request log"},
})  # fmt: skip
"""What the examples say where the catalogue has a word in braces."""

INVALID_EXPORT = (
    invalid("filters", "requires time_start_lt"),
    invalid("account", "is invalid", pointer="/data/relationships/account"),
)
KEY_USED = Error(
    status=422, code="100", title="Idempotency-Key was used with another request",
    detail="data - Idempotency-Key was used with another request", pointer="/data",
)  # fmt: skip

ALWAYS = (
    "X-Request-Id", "X-Runtime", "X-Content-Type-Options", "X-Frame-Options", "X-XSS-Protection",
    "X-Permitted-Cross-Domain-Policies", "Referrer-Policy",
)  # fmt: skip
"""On every answer, whatever its kind."""
OF_DOCUMENTS = ("Vary", "Cache-Control")


def headers() -> Json:
    """`components.headers`."""
    return {
        "X-Request-Id": _header("The caller's own, where it is a UUID, else a new one.", format="uuid"),
        "X-Runtime": _header("Seconds until the answer began.", pattern=r"^\d+\.\d+$"),
        "X-Content-Type-Options": _header("", const="nosniff"),
        "X-Frame-Options": _header("", const="SAMEORIGIN"),
        "X-XSS-Protection": _header("", const="0"),
        "X-Permitted-Cross-Domain-Policies": _header("", const="none"),
        "Referrer-Policy": _header("", const="strict-origin-when-cross-origin"),
        "Vary": _header("", const="Accept"),
        "Cache-Control": _header("", const="max-age=0, private, must-revalidate"),
        "ETag": _header("Weak; send it back as If-None-Match.", pattern='^W/"[0-9a-f]{32}"$'),
        "Location": _header("The export, equal to `links.self`.", format="uri"),
        POSITION_HEADER: _header(
            "Where the write stands in the log. A read that sends it back sees the write.",
            required=False,
            pattern=r"^\d+:\d+$",
        ),
        "Idempotency-Replayed": _header("The key was used before; this is that export.", required=False, const="true"),
        "Retry-After": _header("Seconds.", pattern=r"^\d+$"),
        "Set-Cookie": _header(
            "Where the token came from the cookie: the session, renewed. On every answer.", required=False
        ),
        "Session": _header("The session that begins.", required=False),
        "Session-End": _header("The session ends.", const=ENDED_SESSION),
        "File-ETag": _header("Strong: the SHA-256 of the file.", pattern='^"[0-9a-f]{64}"$'),
        "File-Cache-Control": _header("", const="private, no-cache"),
        "Stream-Cache-Control": _header("", const="no-store"),
        "Content-Disposition": _header("The name to save the file under.", pattern='^attachment; filename="[^"]+"$'),
        "Content-Length": _header("Bytes of this answer.", pattern=r"^\d+$"),
        "Content-Range": _header("Which bytes of how many.", pattern=r"^bytes (\d+-\d+|\*)/\d+$"),
        "Accept-Ranges": _header("", const="bytes"),
        "Repr-Digest": _header("SHA-256 of the whole file (RFC 9530).", pattern="^sha-256=:[A-Za-z0-9+/]{43}=:$"),
    }


def references(*names: str, **renamed: str) -> Json:
    """References to headers by name; `renamed` gives a header under a component of another name (`ETag="File-ETag"`)."""
    named = {name: name for name in names} | {name.replace("_", "-"): target for name, target in renamed.items()}
    return {name: {"$ref": f"#/components/headers/{target}"} for name, target in named.items()}


def answer(description: str, schema: str | None = None, *names: str, example: object = None, **renamed: str) -> Json:
    """A good answer: a document of that schema, or one without a body. `names` and `renamed` are its own headers."""
    made: Json = {
        "description": description,
        "headers": references(*ALWAYS, *names, "Set-Cookie") | references(**renamed),
    }
    if schema is not None:
        made["headers"] |= references(*OF_DOCUMENTS)
        shown = {} if example is None else {"example": example}
        made["content"] = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{schema}"}, **shown}}
    return made


def error_answers(entries: Iterable[Catalogue], *validation: Iterable[Error]) -> Json:
    """By status: what the entries say, and documents of validation errors; one example each."""
    examples: dict[int, Json] = {}
    for entry in entries:
        error = entry.error(**WORDS.get(entry, {}))
        examples.setdefault(error.status, {})[entry.name.lower()] = _example(error.title, [error])
    for errors in map(list, validation):
        name = "idempotency_key" if errors[0].pointer == "/data" else "validation"
        examples.setdefault(errors[0].status, {})[name] = _example(errors[0].title, errors)
    return {str(status): _error_answer(status, examples[status]) for status in sorted(examples)}


def _error_answer(status: int, examples: Json) -> Json:
    waits = ("Retry-After",) if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE) else ()
    return {
        "description": HTTPStatus(status).phrase,
        "headers": references(*ALWAYS, *OF_DOCUMENTS, *waits, "Set-Cookie"),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Errors"}, "examples": examples}},
    }


def _example(summary: str, errors: list[Error]) -> Json:
    return {"summary": summary, "value": {"errors": [error.document() for error in errors]}}


def _header(description: str, *, required: bool = True, **schema: str) -> Json:
    return {
        **({"description": description} if description else {}),
        "required": required,
        "schema": {"type": "string", **schema},
    }
