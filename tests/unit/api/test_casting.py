"""Section 4.3 of the customer API, row by row."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cdr_exports.api.casting import (
    ABSENT,
    CUSTOMER_FILTERS,
    INVALID,
    OPERATOR_FILTERS,
    to_boolean,
    to_datetime,
    to_integer,
    to_list,
    to_text,
)

MIDNIGHT = datetime(2019, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2019-01-01 00:00:00", "2019-01-01T00:00:00", "2019-01-01 00:00", "2019-01-01", "20190101", "20190101T000000Z",
        "2019-01-01T00:00:00Z", "2019-01-01T02:00:00+02:00", "2019-01-01T02:00:00+02", "2019-01-01T02:00:00+0200",
        "2019-01-01 00:00:00 UTC", "2019-01-01 02:00:00 +0200", "2018-12-31T20:30:00-03:30", "2019-01-01t00:00:00z",
        " 2019-01-01 ", "2019-01-01T00:00:00.000999Z", "2019-01-01T00:00:00,0001",
    ],
)  # fmt: skip
def test_a_datetime_is_read_in_every_accepted_spelling(text: str) -> None:
    assert to_datetime(text) == MIDNIGHT


@pytest.mark.parametrize(
    ("text", "microsecond"), [("59.999999Z", 999_000), ("59.1", 100_000), ("59.12", 120_000), ("59.0009", 0)]
)
def test_fractions_are_cut_to_milliseconds(text: str, microsecond: int) -> None:
    assert to_datetime(f"2019-01-01T00:00:{text}") == datetime(2019, 1, 1, 0, 0, 59, microsecond, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2019-13-01", "2019-01-32", "2019-01-01 25:00:00", "2019-01-01 00:60", "25:00:00", "abc", "now", "1546300800",
        "2019", "2019-01", "", "  ", None, "2019-0101", "٢٠١٩-01-01",
    ],
)  # fmt: skip
def test_what_is_no_datetime_counts_as_absent(value: object) -> None:
    assert to_datetime(value) is ABSENT


@pytest.mark.parametrize(
    "value",
    [
        "2019-02-30", "2019-02-29", "2019-04-31", "infinity", "-infinity", "Infinity", 1546300800, 2019.5, True, [],
        ["2019-01-01"], {}, "2019-01-01 00:00:00 EST", "2019-01-01T00:00:00+24:00", "2019-01-01T00:00:00+02:60",
        "0001-01-01T00:00:00+23:00", "1899-12-31", "2300-01-01", "9999-12-31T23:00:00-02:00",
    ],
)  # fmt: skip
def test_a_datetime_that_no_query_can_use_is_invalid(value: object) -> None:
    assert to_datetime(value) is INVALID


@pytest.mark.parametrize(
    ("value", "cast"),
    [
        *((word, True) for word in (True, 1, "1", "t", "T", "true", "TRUE", "on", "ON")),
        *((word, False) for word in (False, 0, "0", "f", "F", "false", "FALSE", "off", "OFF")),
        *((word, ABSENT) for word in ("", " ", None)),
        *((word, INVALID) for word in ("foo", "True", "yes", 2, -1, 1.0, 0.0, [1], [], {}, {"a": 1})),
    ],
)
def test_booleans(value: object, cast: object) -> None:
    assert to_boolean(value) is cast


@pytest.mark.parametrize(
    ("value", "cast"),
    [
        (60, 60), ("60", 60), ("-5", -5), ("+7", 7), (0, 0), (2**31 - 1, 2**31 - 1), (str(-(2**31)), -(2**31)),
        ("", ABSENT), (" ", ABSENT), (None, ABSENT),
    ],
)  # fmt: skip
def test_integers(value: object, cast: object) -> None:
    assert to_integer(value) == cast


@pytest.mark.parametrize(
    "value", [60.9, 60.0, "60.9", "12abc", "abc", True, [], [1], {}, 2**31, "1" * 19, "1" * 30, "٣", "6_0", " 60"]
)
def test_what_is_no_integer_of_32_bits_is_invalid(value: object) -> None:
    assert to_integer(value) is INVALID


@pytest.mark.parametrize(
    ("value", "cast"),
    [
        ("380", "380"), (" 380 ", " 380 "), ("%_", "%_"), (123, "123"), (1.5, "1.5"), (0, "0"),
        ("", ABSENT), ("  ", ABSENT), (None, ABSENT),
    ],
)  # fmt: skip
def test_strings(value: object, cast: object) -> None:
    assert to_text(value) == cast


@pytest.mark.parametrize("value", [True, False, [], ["380"], {}, {"a": 1}, "3\x0080"])
def test_what_is_no_string_is_invalid(value: object) -> None:
    assert to_text(value) is INVALID


@pytest.mark.parametrize("value", [[], "", " ", None])
def test_an_empty_list_is_absent(value: object) -> None:
    assert to_list(value) is ABSENT


def test_all_51_filters_of_the_reference_are_known_once() -> None:
    names = [*CUSTOMER_FILTERS, *OPERATOR_FILTERS]

    assert len(names) == len(set(names)) == 51
