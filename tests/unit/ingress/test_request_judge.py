"""Validation errors (sections 4.3, 4.4, 0.9, 0.10): all together, in the order of the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cdr_exports.api.errors import ApiError
from cdr_exports.api.zones import zone_names
from cdr_exports.domain.directory import Scope
from cdr_exports.domain.filters import CsvDialect, FileFormat, Filters, TimeFormat
from cdr_exports.domain.identity import AccountId
from cdr_exports.ingress.request_judge import Judge, Wanted
from cdr_exports.ingress.request_shape import Asked
from tests.unit.api.records import ACME, account, directory

DAY = {"time_start_gteq": "2025-01-01", "time_start_lt": "2025-01-02"}
ALL_OF_ACME = Scope(customer_id=ACME)
ZONES = zone_names()
FORMATS = "is not included in the list: with_timezone, without_timezone, round_to_seconds"


def judge(
    attributes: dict[str, Any], number: int | None = 71, scope: Scope = ALL_OF_ACME, *, columns_left: bool = True
) -> Wanted:
    bench = Judge(directory=directory(), zone_names=ZONES, longest_range=timedelta(days=92), columns_left=columns_left)
    uuid = None if number is None else account(number).account_uuid
    return bench.judge(Asked(attributes=attributes, account_uuid=uuid), scope)


def details(
    attributes: dict[str, Any], number: int | None = 71, scope: Scope = ALL_OF_ACME, **options: bool
) -> list[str]:
    with pytest.raises(ApiError) as caught:
        judge(attributes, number, scope, **options)
    for error in caught.value.errors:
        assert (error.status, error.code) == (422, "100")
        assert error.detail.endswith(f" - {error.title}")
    return [error.detail for error in caught.value.errors]


def filter_messages(filters: object) -> list[str]:
    found = details({"filters": filters})
    assert all(each.startswith("filters - ") for each in found)
    return [each.removeprefix("filters - ") for each in found]


@pytest.mark.parametrize(
    "filters",
    [
        None, {}, [], [1], 5, True, "", '{"time_start_gteq":"2025-01-01"}', {"success_eq": False}, {"foo": 1},
        {"is_last_cdr_eq": "f"}, {"time_start_gteq": "", "time_start_lt": None}, {"time_start_gteq": "abc"},
        {"src_prefix_routing_eq": "  ", "foo": 1}, {"customer_id_eq": ""}, {"duration_eq": None, "success_eq": 0},
    ],
)  # fmt: skip
def test_blank_filters_are_only_blank(filters: object) -> None:
    assert filter_messages(filters) == ["can't be blank"]


@pytest.mark.parametrize(
    ("filters", "messages"),
    [
        ({"success_eq": True}, ["requires time_start_gteq", "requires time_start_lt"]),
        ({"is_last_cdr_eq": True}, ["requires time_start_gteq", "requires time_start_lt"]),
        ({"duration_eq": 0}, ["requires time_start_gteq", "requires time_start_lt"]),
        ({"duration_eq": "x"}, ["requires time_start_gteq", "requires time_start_lt", "duration_eq is invalid"]),
        ({"customer_id_eq": 1}, ["requires time_start_gteq", "requires time_start_lt", "customer_id_eq not allowed"]),
        ({"time_start_lt": "2025-01-02"}, ["requires time_start_gteq"]),
        ({"time_start_gteq": 1735689600, "time_start_lt": {}}, ["requires time_start_gteq", "requires time_start_lt"]),
        ({"time_start_gteq": "2025-02-30", "time_start_lt": "infinity"},
         ["requires time_start_gteq", "requires time_start_lt"]),
        ({**DAY, "foo": None, "bar": 1}, ["foo, bar not allowed"]),
        ({**DAY, "customer_id_eq": 5, "customer_acc_id_eq": "6"}, ["customer_id_eq, customer_acc_id_eq not allowed"]),
        ({"time_start_gteq": "2025-01-01", "time_start_lteq": "2025-01-02"}, ["time_start_lteq not allowed"]),
        ({"customer_id_eq": 5, "foo": 1, "success_eq": "x", "duration_gteq": [], "dst_prefix_routing_eq": True},
         ["foo not allowed", "requires time_start_gteq", "requires time_start_lt", "customer_id_eq not allowed",
          "success_eq is invalid", "duration_gteq is invalid", "dst_prefix_routing_eq is invalid"]),
        ({"time_start_gteq": "2025-01-01", "time_start_lt": "2025-04-03T00:00:00.001Z"}, ["range must not exceed 92 days"]),
        ({"time_start_gteq": "2025-01-01", "time_start_lt": "2026-01-01", "foo": 1, "duration_eq": "x"},
         ["foo not allowed", "duration_eq is invalid", "range must not exceed 92 days"]),
    ],
)  # fmt: skip
def test_faults_of_filters_in_their_order(filters: dict[str, Any], messages: list[str]) -> None:
    assert filter_messages(filters) == messages


@pytest.mark.parametrize(
    "nothing", [{"customer_id_eq": None}, {"customer_id_eq": ""}, {"time_start_lteq": "abc"}, {"src_prefix_in_in": []}]
)
def test_a_known_filter_that_holds_nothing_is_tolerated(nothing: dict[str, Any]) -> None:
    assert judge({"filters": DAY | nothing}).filters.period.is_empty is False


def test_all_faults_are_told_together() -> None:
    sent = {
        "csv-dialect": "spreadsheet_safe", "file-format": None, "time-format": " ", "time-zone-name": "europe/kyiv",
        "filters": {"success_eq": True, "foo": 1},
    }  # fmt: skip

    assert details(sent, None, columns_left=False) == [
        "fields - can't be blank",
        "filters - foo not allowed",
        "filters - requires time_start_gteq",
        "filters - requires time_start_lt",
        "time-zone-name - is not included in the list",
        "account - can't be blank",
        "time-format - can't be blank",
        f"time-format - {FORMATS}",
        "file-format - is not included in the list: csv, parquet, jsonl",
        "csv-dialect - is not included in the list: raw, spreadsheet-safe",
    ]


def test_nothing_but_a_type_lacks_filters_and_account() -> None:
    assert details({}, None) == ["filters - can't be blank", "account - can't be blank"]


def test_pointers_name_the_attribute_or_the_relationship() -> None:
    with pytest.raises(ApiError) as caught:
        judge({"file-format": "xls"}, None)

    assert [error.pointer for error in caught.value.errors] == [
        "/data/attributes/filters",
        "/data/relationships/account",
        "/data/attributes/file-format",
    ]


@pytest.mark.parametrize(
    ("number", "scope"),
    [
        pytest.param(99, ALL_OF_ACME, id="unknown"),
        pytest.param(81, ALL_OF_ACME, id="of another customer"),
        pytest.param(71, Scope(customer_id=ACME, account_ids=frozenset({AccountId(72)})), id="not on the token's list"),
        pytest.param(
            81, Scope(customer_id=ACME, account_ids=frozenset({AccountId(81)})), id="listed but not the customer's"
        ),
    ],
)
def test_an_account_that_the_token_does_not_admit_is_invalid(number: int, scope: Scope) -> None:
    assert details({"filters": DAY}, number, scope) == ["account - is invalid"]


@pytest.mark.parametrize("zone", ["Europe/Kyiv", "Europe/Kiev", "UTC", "EST5EDT", "Zulu", "Factory", "", "  ", None])
def test_zones_of_the_list_and_blank_ones_are_kept_as_sent(zone: str | None) -> None:
    assert judge({"filters": DAY, "time-zone-name": zone}).time_zone_name == zone


@pytest.mark.parametrize(
    "zone",
    ["europe/kyiv", "localtime", "posix/UTC", "right/UTC", "posixrules", "+02:00", "Kyiv", "UTC ", 5, [], {}, False],
)
def test_other_zones_are_refused(zone: object) -> None:
    assert details({"filters": DAY, "time-zone-name": zone}) == ["time-zone-name - is not included in the list"]


def test_the_zone_list_is_as_long_as_the_reference_says() -> None:
    assert 590 <= len(ZONES) <= 610


@pytest.mark.parametrize("time_format", ["x", "WITH_TIMEZONE", 5, True, [], {}])
def test_a_time_format_of_no_list_is_one_fault(time_format: object) -> None:
    assert details({"filters": DAY, "time-format": time_format}) == [f"time-format - {FORMATS}"]


def test_what_is_not_sent_has_its_default() -> None:
    assert judge({"filters": DAY}) == Wanted(
        account=account(71),
        filters=Filters(
            time_start_gteq=datetime(2025, 1, 1, tzinfo=UTC), time_start_lt=datetime(2025, 1, 2, tzinfo=UTC)
        ),
        time_format=TimeFormat.WITH_TIMEZONE,
        time_zone_name=None,
        file_format=FileFormat.CSV,
        csv_dialect=CsvDialect.RAW,
    )


def test_all_filters_and_formats_are_cast() -> None:
    filters = {
        "time_start_gteq": "2025-01-01T02:00:00.123456+02:00", "time_start_lt": "20250401", "success_eq": "t",
        "duration_eq": "60", "duration_gteq": 0, "duration_lteq": "-1", "src_prefix_routing_eq": " 380 ",
        "dst_prefix_routing_eq": 44, "is_last_cdr_eq": 0,
    }  # fmt: skip

    wanted = judge({
        "filters": filters, "time-format": "round_to_seconds", "file-format": "jsonl", "csv-dialect": "spreadsheet-safe",
    })  # fmt: skip

    assert wanted.filters == Filters(
        time_start_gteq=datetime(2025, 1, 1, 0, 0, 0, 123_000, tzinfo=UTC),
        time_start_lt=datetime(2025, 4, 1, tzinfo=UTC),
        success_eq=True,
        duration_eq=60,
        duration_gteq=0,
        duration_lteq=-1,
        src_prefix_routing_eq=" 380 ",
        dst_prefix_routing_eq="44",
        is_last_cdr_eq=False,
    )
    assert (wanted.time_format, wanted.file_format) == (TimeFormat.ROUND_TO_SECONDS, FileFormat.JSONL)
    assert wanted.csv_dialect is CsvDialect.SPREADSHEET_SAFE


@pytest.mark.parametrize("end", ["2025-01-01", "2024-01-01", "2025-04-03"])
def test_empty_periods_and_the_longest_range_are_accepted(end: str) -> None:
    assert judge({"filters": DAY | {"time_start_lt": end}}).filters.time_start_lt.isoformat().startswith(end)
