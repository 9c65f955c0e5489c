from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote
from uuid import UUID

import pytest

from cdr_exports.api import query
from cdr_exports.api.errors import ApiError
from cdr_exports.projection.list_filters import FILTERS
from cdr_exports.projection.list_query import ListQuery, Term, list_query
from cdr_exports.projection.reads import listing

ID = "01950000-0000-7000-8000-00000000000a"


def asked(text: str) -> ListQuery:
    return list_query(query.parse(text.encode()))


def value_of(text: str) -> object:
    [condition] = asked(text).conditions
    return condition.value


def test_without_parameters_it_is_the_first_page_with_everything_shown() -> None:
    everything = asked("")

    assert (everything.page.number, everything.page.size, everything.page.offset) == (1, 50, 0)
    assert not everything.selection.include
    assert not everything.selection.fields
    assert not everything.conditions
    assert not everything.order


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        pytest.param("include=x&filter[y]=1&page=0", ["112", "102", "118"], id="include, filter, page together"),
        pytest.param("filter=abc", ["120"], id="a filter without a name"),
        pytest.param("filter=", ["120"], id="an empty one"),
        pytest.param("filter[]=abc", ["120"], id="a list of filters"),
        pytest.param("filter[a]=Pending&filter[b]=1", ["102"], id="the first unknown filter only"),
        pytest.param("fields=x&page=0", ["119"], id="fields alone"),
        pytest.param("sort=foo,bar&page=0", ["114"], id="sort alone"),
        pytest.param("filter[status_eq]=x&page=0", ["118"], id="values only when all else is fine"),
        pytest.param("filter[status_eq]=x&filter[rows_count_eq]=x", ["107"], id="the first bad value only"),
    ],
)
def test_faults_are_reported_as_the_reference_does(text: str, codes: list[str]) -> None:
    with pytest.raises(ApiError) as raised:
        asked(text)

    assert [error.code for error in raised.value.errors] == codes


def test_there_are_42_filters() -> None:
    assert len(FILTERS) == 42
    assert sorted(FILTERS)[:3] == ["account_id_eq", "account_id_in", "account_id_not_eq"]


@pytest.mark.parametrize("name", ["status_not_eq", "status-not-eq", "statusNotEq", "StatusNotEq"])
def test_a_filter_may_be_spelled_with_dashes_or_humps(name: str) -> None:
    [condition] = asked(f"filter[{name}]=Pending").conditions

    assert condition.sql == "status <> %(filter_status_not_eq)s::text"


@pytest.mark.parametrize("name", ["foo-bar", "fooBar", "foo_bar"])
def test_an_unknown_filter_is_printed_with_underscores(name: str) -> None:
    with pytest.raises(ApiError, match=r"^foo_bar is not allowed\.$"):
        asked(f"filter[{name}]=1")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("Pending,Failed", ["Pending", "Failed"], id="commas separate"),
        pytest.param('"Pending",Failed', ["Pending", "Failed"], id="quotes may stand"),
        pytest.param("Pending", ["Pending"], id="one"),
    ],
)
def test_values_are_read_as_a_line_of_csv(text: str, value: list[str]) -> None:
    assert value_of(f"filter[status_in]={quote(text)}") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param('"a,b"', "a,b", id="quotes protect a comma"),
        pytest.param('"a""b"', 'a"b', id="a doubled quote is one"),
        pytest.param('a"b,c', 'a"b,c', id="malformed: one literal"),
        pytest.param('"a', '"a', id="an open quote: one literal"),
        pytest.param('"a"b', '"a"b', id="text after a quote: one literal"),
        pytest.param("  Europe/Kyiv ", "Europe/Kyiv", id="trimmed"),
        pytest.param('""', "", id="the empty string, quoted"),
    ],
)
def test_a_text_is_one_value(text: str, value: str) -> None:
    assert value_of(f"filter[time_zone_name_eq]={quote(text)}") == value


@pytest.mark.parametrize(
    ("operator", "pattern"),
    [("cont", r"%50\%\_\\%"), ("start", r"50\%\_\\%"), ("end", r"%50\%\_\\"), ("cont_any", [r"%50\%\_\\%"])],
)
def test_patterns_take_wildcards_literally(operator: str, pattern: str) -> None:
    assert value_of(f"filter[time_zone_name_{operator}]={quote('50%_' + chr(92))}") == pattern


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("filter[rows_count_eq]=-7", -7),
        ("filter[rows_count_in]=1,%2B2", [1, 2]),
        ("filter[created_at_eq]=2025-02-03T20:21:32.118457Z", datetime(2025, 2, 3, 20, 21, 32, 118457, tzinfo=UTC)),
        ("filter[created_at_lt]=2025-02-03", datetime(2025, 2, 3, tzinfo=UTC)),
        ("filter[updated_at_gt]=2025-02-03T02:00%2B02:00", datetime(2025, 2, 3, tzinfo=UTC)),
        ("filter[created_at_lt]=9999-12-31", datetime(9999, 12, 31, tzinfo=UTC)),
        (f"filter[id]={ID.upper()},abc", [UUID(ID), None]),
        ("filter[id]=", []),
        ("filter[time_format]=", []),
        ("filter[time_format]=with_timezone,round_to_seconds", ["with_timezone", "round_to_seconds"]),
    ],
)
def test_values_are_cast_to_what_their_column_holds(text: str, value: object) -> None:
    assert value_of(text) == value


@pytest.mark.parametrize("name", [each.name for each in FILTERS.values() if each.takes_many])
def test_an_empty_value_of_a_filter_that_takes_many_is_no_condition(name: str) -> None:
    found = asked(f"filter[{name}]=")

    assert len(found.conditions) == (1 if name in ("id", "time_format") else 0)
    assert not found.account_tests


@pytest.mark.parametrize("name", [each.name for each in FILTERS.values() if not each.takes_many])
def test_the_others_need_exactly_one_value(name: str) -> None:
    for text in "", "a,b":
        with pytest.raises(ApiError) as raised:
            asked(f"filter[{name}]={text}")

        [error] = raised.value.errors
        assert (error.code, error.detail) == ("107", f"{text} is not a valid value for {name}.")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("filter[status_eq]=pending", "pending is not a valid value for status_eq."),
        ("filter[status-in]=Pending,foo", "Pending,foo is not a valid value for status_in."),
        ("filter[status_in][]=Pending", "Pending is not a valid value for status_in."),
        ("filter[status_in][a]=Pending", "Pending is not a valid value for status_in."),
        ("filter[time_format]=foo", "foo is not a valid value for time_format."),
        ("filter[rows_count_eq]=abc", "abc is not a valid value for rows_count_eq."),
        ("filter[rows_count_eq]=1.5", "1.5 is not a valid value for rows_count_eq."),
        ("filter[rows_count_eq]=9223372036854775808", "9223372036854775808 is not a valid value for rows_count_eq."),
        ("filter[created_at_gt]=abc", "abc is not a valid value for created_at_gt."),
        ("filter[created_at_gt]=2019-02-30", "2019-02-30 is not a valid value for created_at_gt."),
        ("filter[created_at_gt]=infinity", "infinity is not a valid value for created_at_gt."),
        ("filter[time_zone_name_eq]=a%00", "a\0 is not a valid value for time_zone_name_eq."),
    ],
)
def test_a_value_of_no_use_is_named(text: str, detail: str) -> None:
    with pytest.raises(ApiError) as raised:
        asked(text)

    assert [(error.code, error.detail) for error in raised.value.errors] == [("107", detail)]


@pytest.mark.parametrize(
    ("text", "admits_it", "admits_another"),
    [
        (f"account_id_eq]={ID.upper()}", True, False),
        (f"account-id-in]={ID},x", True, False),
        (f"account_id_not_eq]={ID}", False, True),
        (f"account_id_not_in]={ID}", False, True),
        ("account_id_eq]=x", False, False),
        ("account_id_not_eq]=x", True, True),
    ],
)
def test_accounts_are_filtered_by_uuid(text: str, admits_it: bool, admits_another: bool) -> None:
    [test] = asked(f"filter[{text}").account_tests

    assert (test.admits(ID), test.admits("7a108ca2-39c4-11f1-8c50-82ad38f4dd55")) == (admits_it, admits_another)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("-created-at", [("created_at", True)]),
        ("created_at", [("created_at", False)]),
        ("createdAt", [("created_at", False)]),
        ("id,-status", [("export_id", False), ("status", True)]),
        ("status,-status,", [("status", False)]),
    ],
)
def test_an_order_is_a_list_of_columns(text: str, terms: list[tuple[str, bool]]) -> None:
    assert asked(f"sort={text}").order == [Term(column=name, is_descending=down) for name, down in terms]


@pytest.mark.parametrize(
    ("text", "field"),
    [("filters", "filters"), ("-fooBar,baz", "foo_bar"), ("-", ""), ("%20status", " status"), ("account", "account")],
)
def test_what_cannot_be_sorted_by_is_named(text: str, field: str) -> None:
    with pytest.raises(ApiError) as raised:
        asked(f"sort={text}")

    [error] = raised.value.errors
    assert (error.code, error.detail) == ("114", f"{field} is not a valid sort criteria for cdr-exports")


def test_what_a_client_sends_never_becomes_part_of_a_statement() -> None:
    nasty = quote("x'); DROP TABLE exports; --,%(y)s")

    found = asked(f"filter[time_zone_name_cont_any]={nasty}&sort=-status")
    statement = listing("SELECT 1 /* conditions */ ORDER BY /* order */ export_id", found.conditions, found.order)

    assert " ".join(statement.split()) == (
        "SELECT 1 AND time_zone_name ILIKE ANY(%(filter_time_zone_name_cont_any)s::text[])"
        " ORDER BY status DESC, export_id"
    )
