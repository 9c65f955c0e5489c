"""Idempotency-Key: its form, and what an equal request is (section 0.6 of the customer API).

A key makes the export's id, so that one key is one export whichever process takes the request, also after a crash or a
503. Which request was the first is decided by the log, and told by the read model.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers

from cdr_exports.api.errors import VALIDATION_CODE, ApiError, Catalogue, Error
from cdr_exports.domain.events import ExportRequested
from cdr_exports.ingress.request_judge import Wanted

HEADER = "idempotency-key"
REPLAYED_HEADER = "Idempotency-Replayed"

_KEY = re.compile(r"[\x20-\x7e]{1,255}")


class KeyUsed(ApiError):
    """The key belongs to another request."""

    def __init__(self) -> None:
        title = "Idempotency-Key was used with another request"
        super().__init__(
            Error(status=422, code=VALIDATION_CODE, title=title, detail=f"data - {title}", pointer="/data")
        )


def key_of(headers: Headers) -> str | None:
    """The key that was sent; None where none was. Raises ApiError (400)."""
    sent = headers.getlist(HEADER)
    if not sent:
        return None
    key = ", ".join(sent)
    if not _KEY.fullmatch(key):
        raise Catalogue.BAD_IDEMPOTENCY_KEY.raised()
    return key


def is_repeated(request: ExportRequested, wanted: Wanted) -> bool:
    """Whether `wanted` is what `request` asked for: values count as they were cast, and the settings of then and now do not."""
    return (
        request.account_id == wanted.account.account_id
        and request.filters == wanted.filters
        and request.time_format is wanted.time_format
        and request.time_zone_name == wanted.time_zone_name
        and request.file_format is wanted.file_format
        and request.csv_dialect is wanted.csv_dialect
    )
