"""The error catalogue: every error that the HTTP API gives, in one table, and the document it is given in.

Source: sections 0 and 1.3 of the customer API. A route raises `ApiError`; how it is written on the wire is left to
`responses`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

VALIDATION_CODE = "100"


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """One member of `errors`. `pointer` is set for validation errors (code 100) only."""

    status: int
    code: str
    title: str
    detail: str
    pointer: str | None = None

    def document(self) -> dict[str, Any]:
        source = {} if self.pointer is None else {"source": {"pointer": self.pointer}}
        return {
            "title": self.title,
            "detail": self.detail,
            "code": self.code,
            **source,
            "status": str(self.status),
        }


class ApiError(Exception):
    """One request, one answer: one error or several. `headers` go with the answer (`Retry-After`)."""

    def __init__(self, *errors: Error, headers: Mapping[str, str] | None = None) -> None:
        super().__init__("; ".join(error.detail for error in errors))
        self.errors: Sequence[Error] = errors
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """The HTTP status is that of the first error."""
        return self.errors[0].status

    def document(self) -> dict[str, Any]:
        return {"errors": [error.document() for error in self.errors]}


class _Row(NamedTuple):
    status: int
    code: str
    title: str
    detail: str


class Catalogue(Enum):
    """Name, HTTP status, code, title, detail. Words in braces are filled in by `error`.

    Validation errors (422, code 100) are not here: their texts are made of attribute and message, see `invalid`.
    """

    AUTHORIZATION_FAILED = _Row(401, "401", "Authorization failed", "Authorization token expired or incorrect.")
    AUTHENTICATION_FAILED = _Row(401, "401", "Authentication failed", "Incorrect login or password.")
    RECORD_NOT_FOUND = _Row(404, "404", "Record not found", "The record identified by {id} could not be found.")
    NO_ROUTE = _Row(404, "404", "Not found", "No route matches {method} {path}.")
    NOT_ACCEPTABLE = _Row(
        406,
        "406",
        "Not acceptable",
        "All requests must use the 'application/vnd.api+json' Accept without media type parameters. "
        "This request specified '{accept}'.",
    )
    UNSUPPORTED_MEDIA_TYPE = _Row(
        415,
        "415",
        "Unsupported media type",
        "All requests that create or update must use the 'application/vnd.api+json' Content-Type. "
        "This request specified '{media_type}'.",
    )
    PAYLOAD_TOO_LARGE = _Row(413, "413", "Payload too large", "Request body must not exceed {limit} bytes.")
    BAD_REQUEST = _Row(400, "400", "Bad Request", "{reason}")
    NOT_A_HASH = _Row(400, "400", "Bad Request", "Request must be a hash")
    BAD_IDEMPOTENCY_KEY = _Row(400, "400", "Bad Request", "Idempotency-Key must be 1 to 255 printable ASCII characters")
    MISSING_PARAMETER = _Row(400, "106", "Missing Parameter", "The required parameter, {name}, is missing.")
    INVALID_DATA_FORMAT = _Row(400, "122", "Invalid data format", "{name} must be a hash.")
    INVALID_RESOURCE = _Row(400, "101", "Invalid resource", "{type} is not a valid resource.")
    PARAM_NOT_ALLOWED = _Row(400, "105", "Param not allowed", "{name} is not allowed.")
    INVALID_LINKS_OBJECT = _Row(400, "115", "Invalid Links Object", "Data is not a valid Links Object.")
    TYPE_MISMATCH = _Row(400, "116", "Type Mismatch", "{type} is not a valid type for this operation.")
    INVALID_FIELD_VALUE = _Row(400, "103", "Invalid field value", "{value} is not a valid value for id.")
    FILTER_NOT_ALLOWED = _Row(400, "102", "Filter not allowed", "{name} is not allowed.")
    INVALID_FILTER_VALUE = _Row(400, "107", "Invalid filter value", "{value} is not a valid value for {filter}.")
    INVALID_FILTERS_SYNTAX = _Row(400, "120", "Invalid filters syntax", "{value} is not a valid syntax for filtering.")
    INVALID_SORT = _Row(400, "114", "Invalid sort criteria", "{field} is not a valid sort criteria for cdr-exports")
    INVALID_PAGE_VALUE = _Row(
        400, "118", "Invalid page value", "{value} is not a valid value for {name} page parameter."
    )
    PAGE_TOO_LARGE = _Row(400, "118", "Invalid page value", "size exceeds maximum page size of {limit}.")
    INVALID_FIELD_FORMAT = _Row(400, "119", "Invalid field format", "Fields must specify a type.")
    INVALID_FIELD = _Row(400, "104", "Invalid field", "{field} is not a valid field for {type}.")
    INVALID_INCLUDE = _Row(400, "112", "Invalid field", "{name} is not a valid relationship of {type}")
    TOO_MANY_REQUESTS = _Row(429, "429", "Too many requests", "Account has {limit} exports that have not ended.")
    SERVICE_UNAVAILABLE = _Row(503, "503", "Service unavailable", "{part} is unavailable, try again later.")
    INTERNAL = _Row(500, "500", "Internal Server Error", "Internal Server Error")

    def error(self, **words: object) -> Error:
        row: _Row = self.value
        return Error(status=row.status, code=row.code, title=row.title, detail=row.detail.format(**words))

    def raised(self, **words: object) -> ApiError:
        """The error alone, to be raised: `raise Catalogue.NOT_A_HASH.raised()`."""
        return ApiError(self.error(**words))


def invalid(attribute: str, message: str, *, pointer: str | None = None) -> Error:
    """A validation error. Without `pointer` it points to the attribute."""
    return Error(
        status=422,
        code=VALIDATION_CODE,
        title=message,
        detail=f"{attribute} - {message}",
        pointer=pointer or f"/data/attributes/{attribute}",
    )


def unavailable(part: str, *, retry_after_seconds: int) -> ApiError:
    """503. `part` says in general words what is down; its fate is unknown, so the client may try again."""
    error = Catalogue.SERVICE_UNAVAILABLE.error(part=part)
    return ApiError(error, headers={"Retry-After": str(retry_after_seconds)})
