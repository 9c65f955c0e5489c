"""Files written by pyarrow, taken apart as ClickHouse's answers are, are one file that pyarrow reads."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdr_exports.domain.events import NO_TOTALS
from cdr_exports.domain.filters import FileFormat
from cdr_exports.domain.parts import Part
from cdr_exports.processor import parquet_footer
from cdr_exports.processor.parquet_format import FOOTER_BYTES, ParquetFormat, ParquetPart
from tests.unit.plans import plan_of

SCHEMA = pyarrow.schema([pyarrow.field("n", pyarrow.int64(), nullable=False), ("text", pyarrow.string())])
ROWS = st.lists(st.tuples(st.integers(-(2**40), 2**40), st.none() | st.text(max_size=20)), max_size=20)
PLAN = replace(plan_of(slices=1, lanes=1), file_format=FileFormat.PARQUET)


def answer(rows: list[tuple[int, str | None]], *, row_group_size: int = 7, schema: Any = SCHEMA) -> bytes:
    columns = [list(each) for each in zip(*rows, strict=True)] or [[], []]
    out = io.BytesIO()
    table = pyarrow.table(columns, schema=schema)
    pyarrow.parquet.write_table(table, out, row_group_size=row_group_size, compression="zstd")
    return out.getvalue()


def made(data: bytes, piece_bytes: int = 1 << 20) -> tuple[bytes, Part]:
    """The part and its entry."""
    making = ParquetFormat().part(PLAN, PLAN.slices[0])
    stored = b"".join(making.feed(data[at : at + piece_bytes]) for at in range(0, len(data), piece_bytes))
    assert making.defect() is None
    stored += making.end()
    assert making.raw_bytes == len(stored)
    return stored, Part(
        slice=0, object_name="", rows=making.rows, raw_bytes=len(stored), stored_bytes=len(stored), crc32=making.crc32,
        sha256="", totals=NO_TOTALS, lane_slices_done=1, lane_rows=0, lane_bytes=0, footer=making.footer,
        finished_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def file_of(answers: list[bytes]) -> bytes:
    parts = [made(each) for each in answers]
    ends = ParquetFormat().ends([entry for _, entry in parts])
    return ends.head + b"".join(stored for stored, _ in parts) + ends.tail


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_answers_put_together_are_one_file_with_all_rows(slices: list[list[tuple[int, str | None]]]) -> None:
    file = file_of([answer(rows) for rows in slices])

    read = pyarrow.parquet.read_table(io.BytesIO(file), page_checksum_verification=True)
    assert read.schema == SCHEMA
    assert [(row["n"], row["text"]) for row in read.to_pylist()] == list(chain.from_iterable(slices))


def test_the_joined_footer_accounts_for_every_byte_of_the_file() -> None:
    file = file_of([answer([(n, "x") for n in range(30)]), answer([]), answer([(1, None)])])
    footer_bytes = parquet_footer.length(file[-8:])

    footer = parquet_footer.read(file[-8 - footer_bytes : -8], part_bytes=len(file) - footer_bytes - 12, is_joined=True)

    assert footer.rows == 31
    assert parquet_footer.column_names(footer.data) == ("n", "text")


@given(ROWS, st.integers(1, 50))
def test_a_part_does_not_depend_on_how_the_answer_is_cut(rows: list[tuple[int, str | None]], piece_bytes: int) -> None:
    data = answer(rows)

    assert made(data, piece_bytes) == made(data)


def test_smallest_and_largest_texts_are_forgotten_and_those_of_numbers_kept() -> None:
    file = file_of([answer([(1, "secret"), (5, None)])])

    row_group = pyarrow.parquet.ParquetFile(io.BytesIO(file)).metadata.row_group(0)
    number, text = row_group.column(0).statistics, row_group.column(1).statistics
    assert (number.min, number.max) == (1, 5)
    assert (text.has_min_max, text.null_count) == (False, 1)


def test_parts_with_other_columns_make_no_file() -> None:
    other = pyarrow.schema([pyarrow.field("n", pyarrow.int64(), nullable=False), ("text", pyarrow.binary())])

    with pytest.raises(ValueError, match="different columns"):
        file_of([answer([(1, "a")]), answer([(1, "a")], schema=other)])


def defect(data: bytes) -> str | None:
    making = ParquetPart()
    making.feed(data)
    return making.defect()


@given(ROWS, st.integers(0, 10_000))
def test_an_answer_that_is_cut_is_refused(rows: list[tuple[int, str | None]], cut: int) -> None:
    data = answer(rows)

    assert defect(data[: cut % len(data)]) is not None


ERRORS = [
    b"Code: 159. DB::Exception: x\n",
    b"\r\n__exception__\r\nabc\r\nCode: 159.\n9 abc\r\n__exception__\r\n",
    b"PAR1",
    b"\0",
]


@pytest.mark.parametrize("error", ERRORS, ids=["legacy", "tag", "magic", "nul"])
@given(rows=ROWS, place=st.integers(0, 10_000))
def test_bytes_put_in_anywhere_are_refused(error: bytes, rows: list[tuple[int, str | None]], place: int) -> None:
    data = answer(rows)
    at = place % (len(data) + 1)
    footer_bytes = parquet_footer.length(data[-8:])
    broken = data[:at] + error + data[at:]

    found = defect(broken)

    if (
        at <= len(data) - 8 - footer_bytes or at > len(data) - 8
    ):  # within the footer it may be told from a value, or not
        assert found is not None


@given(rows=ROWS.filter(bool), place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_changed_footer_is_refused_or_says_as_many_bytes(
    rows: list[tuple[int, str | None]], place: int, value: int
) -> None:
    data = bytearray(answer(rows))
    footer_bytes = parquet_footer.length(data[-8:])
    data[len(data) - 8 - place % footer_bytes - 1] = value

    found = defect(bytes(data))  # never another error than a refusal

    assert found is None or found.startswith("has a footer that does not fit it")


def test_memory_does_not_depend_on_the_answer() -> None:
    making = ParquetPart()
    piece = bytes(1 << 20)

    let_go = len(making.feed(b"PAR1")) + sum(len(making.feed(piece)) for _ in range(10))

    assert let_go == 10 * len(piece) - FOOTER_BYTES


def test_a_footer_larger_than_what_is_kept_back_is_refused() -> None:
    assert "a footer of" in (defect(b"PAR1" + (1000).to_bytes(4, "little") + b"PAR1") or "")
