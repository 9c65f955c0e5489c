"""Which media types are taken and given: `Accept` and `Content-Type` (section 1.4 of the customer API)."""

from __future__ import annotations

from starlette.datastructures import Headers

from cdr_exports.api.errors import Catalogue
from cdr_exports.api.responses import MEDIA_TYPE


def check_content_type(headers: Headers) -> None:
    """The bare media type counts, in any case, whatever its parameters. Raises ApiError (415)."""
    media_type = headers.get("content-type", "").partition(";")[0].strip()
    if media_type.lower() != MEDIA_TYPE:
        raise Catalogue.UNSUPPORTED_MEDIA_TYPE.raised(media_type=media_type)


def check_accept(headers: Headers) -> None:
    """Absent, empty, `*/*…`, or the media type exactly, without parameters, in any element. Raises ApiError (406)."""
    accept = ", ".join(headers.getlist("accept"))
    elements = [element.strip() for element in accept.split(",")]
    if accept.strip() and not any(each == MEDIA_TYPE or each.startswith("*/*") for each in elements):
        raise Catalogue.NOT_ACCEPTABLE.raised(accept=accept)
