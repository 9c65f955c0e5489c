"""Rows are counted exactly, and what is no row is found, whatever callers have written into the CDRs."""

from __future__ import annotations

import csv
import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdr_exports.processor.scrutiny import CsvScrutiny

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
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        scrutiny.feed(data[start:end])
    return scrutiny


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
