"""Rows are counted exactly, and what is no row is found, whatever callers have written into the CDRs."""

from __future__ import annotations

import csv
import io
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdr_exports.processor.scrutiny import CsvScrutiny, JsonLinesScrutiny

NASTY = st.text(alphabet=st.sampled_from('",\n\r2aé\x00 '), max_size=12)
ROWS = st.lists(st.lists(st.none() | NASTY, min_size=2, max_size=4), max_size=30)
ERROR = "Code: 159. DB::Exception: Timeout exceeded. (TIMEOUT_EXCEEDED) (version 26.9.2.1)"
DIALECTS = {
    "legacy_or_break": f"{ERROR}\n",
    "tag": f"\r\n__exception__\r\nabcdefghijklmnop\r\n{ERROR}\n99 abcdefghijklmnop\r\n__exception__\r\n",
}


def encoded(rows: list[list[str | None]]) -> bytes:
    def value(each: str | None) -> str:
        return "" if each is None else '"' + each.replace('"', '""') + '"'

    return "".join(",".join(map(value, row)) + "\n" for row in rows).encode()


def read_through(data: bytes, cuts: list[int]) -> CsvScrutiny:
    scrutiny = CsvScrutiny()
    feed(scrutiny, data, cuts)
    return scrutiny


def feed(scrutiny: CsvScrutiny | JsonLinesScrutiny, data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        scrutiny.feed(data[start:end])


@given(ROWS, st.lists(st.integers(0, 10_000), max_size=20))
def test_every_row_is_counted_wherever_the_pieces_are_cut(rows: list[list[str | None]], cuts: list[int]) -> None:
    scrutiny = read_through(encoded(rows), cuts)

    assert scrutiny.rows == len(rows)
    assert scrutiny.defect() is None


def test_the_count_is_what_a_csv_parser_counts() -> None:
    data = encoded([["a\nb", None, 'c"\n"d'], ["", "\n\n", ","]])

    counted = len(list(csv.reader(io.StringIO(data.decode(), newline=""))))

    assert read_through(data, []).rows == counted == 2


@pytest.mark.parametrize("error", DIALECTS.values(), ids=DIALECTS)
@given(rows=ROWS)
def test_an_error_text_after_whole_rows_is_found(error: str, rows: list[list[str | None]]) -> None:
    scrutiny = read_through(encoded(rows) + error.encode(), [])

    assert "stray text" in (scrutiny.defect() or "")


@pytest.mark.parametrize("error", DIALECTS.values(), ids=DIALECTS)
@given(rows=ROWS.filter(bool), cut=st.integers(1, 200))
def test_an_error_text_in_the_middle_of_a_row_is_found(error: str, rows: list[list[str | None]], cut: int) -> None:
    data = encoded(rows)

    scrutiny = read_through(data[: cut % len(data)] + error.encode(), [])

    assert scrutiny.defect() is not None


def test_an_error_text_that_a_caller_wrote_into_a_cdr_is_data() -> None:
    scrutiny = read_through(encoded([["x\n" + error, None] for error in DIALECTS.values()]), [])

    assert (scrutiny.rows, scrutiny.defect()) == (2, None)


@pytest.mark.parametrize(
    "data", [b'"a","b"', b'"a","b', b'"a",', b'"a'], ids=["no line end", "in a value", "comma", "start"]
)
def test_an_answer_cut_inside_a_row_is_found(data: bytes) -> None:
    assert read_through(b'"a","b"\n' + data, []).defect() is not None


def test_an_error_after_more_than_the_tail_holds_is_found() -> None:
    rows = encoded([["x" * 1000, "y"]] * 200)

    scrutiny = read_through(rows + ERROR.encode(), [7, 100_000])

    assert scrutiny.rows == 200
    assert "DB::Exception" in (scrutiny.defect() or "")


COLUMNS = ("time_start", "name")
OBJECTS = st.lists(
    st.tuples(NASTY, st.none() | NASTY | st.sampled_from(["}\n{", '"}\n{"', *DIALECTS.values()])), max_size=30
)


def json_lines(rows: list[tuple[str, str | None]]) -> bytes:
    lines = (json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)
    return "".join(lines).encode()


def read_lines(data: bytes, cuts: list[int]) -> JsonLinesScrutiny:
    scrutiny = JsonLinesScrutiny(COLUMNS)
    feed(scrutiny, data, cuts)
    return scrutiny


@given(OBJECTS, st.lists(st.integers(0, 10_000), max_size=20))
def test_every_object_is_counted_wherever_the_pieces_are_cut(
    rows: list[tuple[str, str | None]], cuts: list[int]
) -> None:
    scrutiny = read_lines(json_lines(rows), cuts)

    assert (scrutiny.rows, scrutiny.defect()) == (len(rows), None)


@pytest.mark.parametrize("error", DIALECTS.values(), ids=DIALECTS)
@given(rows=OBJECTS, cut=st.integers(0, 300), cuts=st.lists(st.integers(0, 10_000), max_size=5))
def test_an_error_text_anywhere_among_json_lines_is_found(
    error: str, rows: list[tuple[str, str | None]], cut: int, cuts: list[int]
) -> None:
    data = json_lines(rows)

    scrutiny = read_lines(data[: cut % (len(data) + 1)] + error.encode(), cuts)

    assert scrutiny.defect() is not None


@given(rows=OBJECTS.filter(bool), cut=st.integers(1, 300))
def test_json_lines_cut_inside_a_row_are_found(rows: list[tuple[str, str | None]], cut: int) -> None:
    data = json_lines(rows)
    left = data[: cut % len(data)]

    assert (read_lines(left, []).defect() is None) == (left == b"" or left.endswith(b"\n"))


@pytest.mark.parametrize(
    "line",
    [
        '{"exception": "Code: 159"}',
        '{"time_start": 1}',
        '{"name": 1, "time_start": 2}',
        "[1]",
        "1",
        "",
        '{"time_start": 1',
    ],
)
def test_a_line_that_is_no_object_of_the_columns_is_found(line: str) -> None:
    assert "stray text" in (read_lines(json_lines([("a", "b")]) + line.encode() + b"\n", []).defect() or "")


def test_a_broken_line_far_before_the_end_is_found() -> None:
    rows = json_lines([("x" * 100, "y")] * 5_000)

    scrutiny = read_lines(rows + b'{"time_start": Code: 159.\n' + rows, [400_000])

    assert "are no objects" in (scrutiny.defect() or "")


def test_a_json_line_longer_than_the_tail_is_a_row() -> None:
    scrutiny = read_lines(json_lines([("x" * 300_000, "y")] * 3), [1, 70_000, 299_999, 500_000])

    assert (scrutiny.rows, scrutiny.defect()) == (3, None)
