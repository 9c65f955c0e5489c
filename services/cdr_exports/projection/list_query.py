"""What the query string of a list asks for, and which of its faults are reported together (section 5 of the customer API)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from cdr_exports.api import paging, query
from cdr_exports.api.errors import ApiError, Catalogue, Error
from cdr_exports.api.selection import ResourceType, Selection, fields_of, include_of
from cdr_exports.api.spelling import underscored
from cdr_exports.projection.list_filters import (
    ACCOUNT_FILTERS,
    AccountTest,
    Condition,
    conditions_of,
    csv_values,
    filter_errors,
)

SORTABLE: Mapping[str, str] = MappingProxyType({
    "id": "export_id", "status": "status", "rows_count": "rows_count", "created_at": "created_at",
    "updated_at": "updated_at", "time_format": "time_format", "time_zone_name": "time_zone_name",
})  # fmt: skip
"""Names of fields that a list can be sorted by, and their columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One column of an order. NULLs come last ascending and first descending, as is PostgreSQL's way."""

    column: str
    is_descending: bool = False

    @property
    def sql(self) -> str:
        return f"{self.column} DESC" if self.is_descending else self.column


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """`order` is what was asked for; empty, the newest come first. Equals always stand newest first, then by id."""

    page: paging.Page
    selection: Selection
    conditions: Sequence[Condition] = ()
    account_tests: Sequence[AccountTest] = ()
    order: Sequence[Term] = ()


def list_query(members: query.Members) -> ListQuery:
    """Raises ApiError (400): for bad `fields` or `sort` alone; for `include`, `filter` names and `page` together; for the
    first bad filter value when all of that is fine.
    """
    fields = fields_of(members)
    order = _order(members)
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
    conditions = conditions_of(members)
    return ListQuery(
        page=page,
        selection=Selection(fields=fields, include=include),
        conditions=[each for each in conditions if each.filter.name not in ACCOUNT_FILTERS],
        account_tests=[AccountTest.of(each) for each in conditions if each.filter.name in ACCOUNT_FILTERS],
        order=order,
    )


def _order(members: query.Members) -> list[Term]:
    """Each column once, where it comes first. Raises ApiError (400) for the first bad name."""
    asked = members.get("sort", "")
    names = csv_values(asked) if isinstance(asked, str) else [str(each) for each in asked]
    terms: dict[str, Term] = {}
    for name in filter(None, names):
        field = underscored(name.removeprefix("-"))
        if field not in SORTABLE:
            raise Catalogue.INVALID_SORT.raised(field=field)
        column = SORTABLE[field]
        terms.setdefault(column, Term(column=column, is_descending=name.startswith("-")))
    return list(terms.values())
