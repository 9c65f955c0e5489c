"""`fields` and `include`: what is taken, and which fault is told."""

from __future__ import annotations

import pytest

from cdr_exports.api import query
from cdr_exports.api.errors import ApiError
from cdr_exports.api.selection import ResourceType, selection_of

EXPORTS, ACCOUNTS = ResourceType.CDR_EXPORTS, ResourceType.ACCOUNTS


@pytest.mark.parametrize(
    ("text", "code", "detail"),
    [
        (b"fields=status", "119", "Fields must specify a type."),
        (b"fields[cdr_exports]=status", "101", "cdr_exports is not a valid resource."),
        (b"fields[foo]=status&fields=x", "400", "The query parameter fields contradicts an earlier one."),
        (b"fields[foo]=status", "101", "foo is not a valid resource."),
        (b"fields[cdr-exports]=status,rows_count,foo", "104", "rows_count is not a valid field for cdr-exports."),
        (b"fields[accounts]=status", "104", "status is not a valid field for accounts."),
        (b"fields[cdr-exports]=", "104", "nil is not a valid field for cdr-exports."),
        (b"include=foo", "112", "foo is not a valid relationship of cdr-exports"),
        (b"include=account,foo", "112", "foo is not a valid relationship of cdr-exports"),
        (b"include=account.customer", "112", "customer is not a valid relationship of accounts"),
        (b"include=foo&fields=status", "119", "Fields must specify a type."),
    ],
)  # fmt: skip
def test_the_first_fault_is_told(text: bytes, code: str, detail: str) -> None:
    with pytest.raises(ApiError) as caught:
        selection_of(query.parse(text), EXPORTS)

    (error,) = caught.value.errors
    assert (error.status, error.code, error.detail) == (400, code, detail)


def test_nothing_asked_shows_all() -> None:
    selection = selection_of(query.parse(b"include="), EXPORTS)

    assert selection.shows(EXPORTS, "status")
    assert selection.include == frozenset()


def test_fields_are_chosen_for_each_type_and_include_names_relationships() -> None:
    selection = selection_of(query.parse(b"fields[cdr-exports]=status,account&include=account"), EXPORTS)

    assert [selection.shows(EXPORTS, name) for name in ("status", "account", "filters")] == [True, True, False]
    assert selection.shows(ACCOUNTS, "name")
    assert selection.include == {"account"}


def test_a_list_of_commas_chooses_nothing() -> None:
    assert not selection_of(query.parse(b"fields[cdr-exports]=,"), EXPORTS).shows(EXPORTS, "status")
