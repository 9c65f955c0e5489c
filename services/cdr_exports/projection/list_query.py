"""What the query string of a list asks for, and which of its faults are reported together (section 5 of the customer API).

Filters and orders other than the default are refused for now, for an answer that ignores them would be wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from cdr_exports.api import paging, query
from cdr_exports.api.errors import ApiError, Catalogue, Error
from cdr_exports.api.selection import ResourceType, Selection, fields_of, include_of

DEFAULT_ORDER = "-created-at"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    page: paging.Page
    selection: Selection


def list_query(members: query.Members) -> ListQuery:
    """Raises ApiError (400): for bad `fields` or `sort` alone; else for `include`, `filter` and `page` together."""
    fields = fields_of(members)
    _check_sort(members)
    errors: list[Error] = []
    include: frozenset[str] = frozenset()
    try:
        include = include_of(members, ResourceType.CDR_EXPORTS)
    except ApiError as error:
        errors += error.errors
    errors += filter_errors(members)
    page = paging.page_of(members, errors)
    if errors:
        raise ApiError(*errors)
    return ListQuery(page=page, selection=Selection(fields=fields, include=include))


def filter_errors(members: query.Members) -> list[Error]:
    """The first filter name that is not known; so far none is."""
    match members.get("filter"):
        case None:
            return []
        case dict(names):
            return [Catalogue.FILTER_NOT_ALLOWED.error(name=name.replace("-", "_")) for name in list(names)[:1]]
        case value:
            return [Catalogue.INVALID_FILTERS_SYNTAX.error(value=value)]


def _check_sort(members: query.Members) -> None:
    asked = members.get("sort") or DEFAULT_ORDER
    if asked != DEFAULT_ORDER:
        first = asked.split(",")[0] if isinstance(asked, str) else str(next(iter(asked)))
        raise Catalogue.INVALID_SORT.raised(field=first.removeprefix("-").replace("-", "_"))
