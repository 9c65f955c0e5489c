from __future__ import annotations

import pytest

from cdr_exports.api import query
from cdr_exports.api.errors import ApiError
from cdr_exports.projection.list_query import list_query


def test_without_parameters_it_is_the_first_page_with_everything_shown() -> None:
    asked = list_query(query.parse(b""))

    assert (asked.page.number, asked.page.size, asked.page.offset) == (1, 50, 0)
    assert not asked.selection.include
    assert not asked.selection.fields


@pytest.mark.parametrize("text", [b"sort=-created-at", b"sort="])
def test_the_default_order_may_be_named(text: bytes) -> None:
    assert list_query(query.parse(text)).page.number == 1


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        pytest.param(b"include=x&filter[y]=1&page=0", ["112", "102", "118"], id="include, filter, page together"),
        pytest.param(b"filter=abc", ["120"], id="a filter without a name"),
        pytest.param(b"filter[status-eq]=Pending&filter[b]=1", ["102"], id="the first filter only"),
        pytest.param(b"fields=x&page=0", ["119"], id="fields alone"),
        pytest.param(b"sort=status,id&page=0", ["114"], id="sort alone"),
    ],
)
def test_faults_are_reported_as_the_reference_does(text: bytes, codes: list[str]) -> None:
    with pytest.raises(ApiError) as raised:
        list_query(query.parse(text))

    assert [error.code for error in raised.value.errors] == codes


def test_a_filter_name_is_printed_with_underscores() -> None:
    with pytest.raises(ApiError, match="status_eq is not allowed"):
        list_query(query.parse(b"filter[status-eq]=Pending"))
