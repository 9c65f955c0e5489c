"""Query strings: nested names, the order they were sent in, and the pages and links made of them."""

from __future__ import annotations

import pytest

from cdr_exports.api import query
from cdr_exports.api.errors import ApiError, Error
from cdr_exports.api.paging import Page, links, page_of


@pytest.mark.parametrize(
    ("text", "members"),
    [
        (b"", {}),
        (b"page=2", {"page": "2"}),
        (b"page%5Bnumber%5D=1&page[size]=50", {"page": {"number": "1", "size": "50"}}),
        (b"filter[b]=2&filter[a]=1&sort=-id", {"filter": {"b": "2", "a": "1"}, "sort": "-id"}),
        (b"filter[status_in][]=Pending&filter[status_in][]=Failed", {"filter": {"status_in": ["Pending", "Failed"]}}),
        (b"filter[a][b][c]=1", {"filter": {"a": {"b": {"c": "1"}}}}),
        (b"a=1+2%2B3&b&c=", {"a": "1 2+3", "b": "", "c": ""}),
        (b"a=1&b=2&a=3", {"a": "3", "b": "2"}),
        (b"a[b=1&[c]=2&&d=x=y", {"a[b": "1", "[c]": "2", "d": "x=y"}),
        ("имя=%D1%8F".encode(), {"имя": "я"}),
    ],
)
def test_names_nest_and_keep_their_order(text: bytes, members: query.Members) -> None:
    parsed = query.parse(text)

    assert parsed == members
    assert list(parsed) == list(members)


@pytest.mark.parametrize(
    "text",
    [b"a=%ff", b"%ff=1", b"a=1&a[b]=2", b"a[b]=2&a=1", b"a[]=1&a[b]=2", b"a[b]=1&a[]=2", b"a" + b"[b]" * 9 + b"=1"],
)
def test_what_cannot_be_read_is_a_400(text: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        query.parse(text)

    assert (caught.value.status, caught.value.errors[0].code) == (400, "400")


@pytest.mark.parametrize(
    ("text", "page"),
    [
        (b"", Page(number=1, size=50)),
        (b"page=2", Page(number=2, size=50)),
        (b"page[number]=3&page[size]=1000", Page(number=3, size=1000)),
        (b"page[number]=3abc&page[size]=%2010", Page(number=3, size=10)),
        (b"page[offset]=3&page[number][]=4", Page(number=1, size=50)),
        (b"page=99999999999999999999", Page(number=99999999999999999999, size=50)),
    ],
)
def test_pages(text: bytes, page: Page) -> None:
    errors: list[Error] = []

    assert page_of(query.parse(text), errors) == page
    assert errors == []


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (b"page=abc", "0 is not a valid value for number page parameter."),
        (b"page=-3", "-3 is not a valid value for number page parameter."),
        (b"page[size]=0", "0 is not a valid value for size page parameter."),
        (b"page[number]=0&page[size]=-1", "-1 is not a valid value for size page parameter."),
        (b"page[size]=1001", "size exceeds maximum page size of 1000."),
    ],
)
def test_a_bad_page_is_reported_once_and_left_to_the_caller_to_raise(text: bytes, detail: str) -> None:
    errors: list[Error] = []

    page_of(query.parse(text), errors)

    assert [(error.code, error.title, error.detail) for error in errors] == [("118", "Invalid page value", detail)]


def test_the_offset_of_a_page_fits_a_database() -> None:
    assert (Page(number=3, size=50).offset, Page(number=10**30).offset) == (100, 2**63 - 1)


def test_links_keep_the_known_parameters_in_alphabetical_order() -> None:
    members = query.parse(
        b"sort=-id&foo=1&filter[status_in]=Pending,a%20b&include=account&fields[accounts]=name&page=2"
    )

    made = links("http://h:1/x", members, Page(number=2, size=50), total=101)

    rest = "&sort=-id"
    start = (
        "http://h:1/x?fields%5Baccounts%5D=name&filter%5Bstatus_in%5D=Pending%2Ca+b&include=account&page%5Bnumber%5D="
    )
    assert made == {
        name: f"{start}{number}&page%5Bsize%5D=50{rest}"
        for name, number in {"first": 1, "prev": 1, "next": 3, "last": 3}.items()
    }
    assert list(made) == ["first", "prev", "next", "last"]


@pytest.mark.parametrize(
    ("number", "total", "names"),
    [
        (1, 0, ["first", "last"]), (1, 50, ["first", "last"]), (1, 51, ["first", "next", "last"]),
        (2, 51, ["first", "prev", "last"]), (9, 51, ["first", "prev", "last"]),
    ],
)  # fmt: skip
def test_links_that_lead_nowhere_are_left_out(number: int, total: int, names: list[str]) -> None:
    assert list(links("http://h/x", {}, Page(number=number), total=total)) == names
