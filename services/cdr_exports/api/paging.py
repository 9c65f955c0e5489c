"""Pages of a list: which one is asked for, and the links to its neighbours (section 5.1 of the customer API)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cdr_exports.api import query
from cdr_exports.api.errors import Catalogue, Error

DEFAULT_SIZE = 50
LARGEST_SIZE = 1000
LINKED = frozenset({"fields", "filter", "include", "page", "sort"})
"""The query parameters that links keep."""
FARTHEST_OFFSET = 2**63 - 1
"""A page beyond what a database can count is an empty page."""

_LEADING_INTEGER = re.compile(r"\s*([+-]?[0-9]{1,30})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`number` counts from 1."""

    number: int = 1
    size: int = DEFAULT_SIZE

    @property
    def offset(self) -> int:
        """How many records come before the page; within 64 bits."""
        return min((self.number - 1) * self.size, FARTHEST_OFFSET)


def page_of(members: query.Members, errors: list[Error]) -> Page:
    """The page that the query asks for. A bad value is added to `errors`, one at most, and a page comes back anyway.

    `page[number]=2&page[size]=10`, or bare `page=2`. Values are read as leading integers: `abc` is 0.
    """
    asked = members.get("page")
    if isinstance(asked, str):
        page = Page(number=_leading_integer(asked))
    else:
        named = asked if isinstance(asked, dict) else {}
        number, size = named.get("number"), named.get("size")
        page = Page(
            number=_leading_integer(number) if isinstance(number, str) else 1,
            size=_leading_integer(size) if isinstance(size, str) else DEFAULT_SIZE,
        )
    if page.size < 1:
        errors.append(Catalogue.INVALID_PAGE_VALUE.error(value=page.size, name="size"))
    elif page.size > LARGEST_SIZE:
        errors.append(Catalogue.PAGE_TOO_LARGE.error(limit=LARGEST_SIZE))
    elif page.number < 1:
        errors.append(Catalogue.INVALID_PAGE_VALUE.error(value=page.number, name="number"))
    else:
        return page
    return Page()


def links(url: str, members: query.Members, page: Page, *, total: int) -> dict[str, str]:
    """`first`, `prev`, `next`, `last` of a list of `total` records at the absolute `url`; those that there are, in this order."""
    pages = max(-(-total // page.size), 1)
    numbers = {"first": 1}
    if page.number > 1:
        numbers["prev"] = page.number - 1
    if page.number < pages:
        numbers["next"] = page.number + 1
    numbers["last"] = pages
    return {name: _link(url, members, number, page.size) for name, number in numbers.items()}


def _link(url: str, members: query.Members, number: int, size: int) -> str:
    kept = {name: value for name, value in members.items() if name in LINKED}
    kept["page"] = {"number": str(number), "size": str(size)}
    return f"{url}?{query.encode(kept)}"


def _leading_integer(text: str) -> int:
    found = _LEADING_INTEGER.match(text)
    return int(found[1]) if found else 0
