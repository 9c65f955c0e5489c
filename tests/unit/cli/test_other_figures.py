"""JSON Lines and Parquet files, whole and damaged."""

from __future__ import annotations

import gzip
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from cdr_exports.cli import jsonl_figures, parquet_figures
from cdr_exports.cli.output import Failed

LINES = (
    b'{"duration":60,"customer_price":"0.10000000000000000001","src_name_in":"a\\n}\\n{"}\n'
    b'{"duration":7,"customer_price":null,"src_name_in":null}\n'
)


def zipped(folder: Path, content: bytes) -> Path:
    path = folder / "file.jsonl.gz"
    path.write_bytes(gzip.compress(content, mtime=0))
    return path


def test_json_lines_are_counted_and_summed(tmp_path: Path) -> None:
    heard: list[int] = []
    path = zipped(tmp_path, LINES * 5_000)

    figures = jsonl_figures.measure(path, heard.append)

    assert (figures.rows, figures.duration_seconds, figures.raw_bytes) == (10_000, 335_000, len(LINES) * 5_000)
    assert figures.customer_price == Decimal("0.10000000000000000001") * 5_000
    assert figures.header == ("duration", "customer_price", "src_name_in")
    assert figures.customer_duration_seconds is None
    assert heard[-1] == figures.bytes == path.stat().st_size


def test_no_lines_are_a_file_without_rows(tmp_path: Path) -> None:
    figures = jsonl_figures.measure(zipped(tmp_path, b""))

    assert (figures.rows, figures.header) == (0, None)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (LINES[:-1], "line 2 does not end"),
        (LINES + b"Code: 159\n", "line 3 is no JSON"),
        (LINES + b"[1]\n", "line 3 is no object"),
        (LINES + b'{"duration":1}\n', "line 3 has other members"),
        (LINES + b'{"duration":"x","customer_price":null,"src_name_in":null}\n', "one of the lines 2 to 3"),
        (LINES + b'{"duration":[1],"customer_price":null,"src_name_in":null}\n', "one of the lines 2 to 3"),
        (LINES + b"\n", "line 3 is no JSON"),
    ],
    ids=["open end", "text", "list", "members", "no integer", "no number", "empty line"],
)
def test_json_lines_that_break_the_rules_are_told(tmp_path: Path, content: bytes, fault: str) -> None:
    with pytest.raises(Failed, match=fault):
        jsonl_figures.measure(zipped(tmp_path, content))


def test_a_cut_gzip_of_json_lines_is_told(tmp_path: Path) -> None:
    path = zipped(tmp_path, LINES)
    path.write_bytes(path.read_bytes()[:-3])

    with pytest.raises(Failed, match="cut off"):
        jsonl_figures.measure(path)


def parquet(folder: Path, columns: dict[str, Any] | None = None) -> Path:
    path, out = folder / "file.parquet", io.BytesIO()
    prices = pyarrow.array([Decimal("0.00000000000000000001"), None, Decimal(2)], pyarrow.decimal128(38, 20))
    table = pyarrow.table(columns or {"src_name_in": ["a", None, "b"], "customer_price": prices, "duration": [1, 2, 3]})
    pyarrow.parquet.write_table(table, out, row_group_size=2, compression="zstd", write_page_checksum=True)
    path.write_bytes(out.getvalue())
    return path


def test_a_parquet_is_counted_and_summed(tmp_path: Path) -> None:
    figures = parquet_figures.measure(parquet(tmp_path))

    assert (figures.rows, figures.duration_seconds, figures.customer_duration_seconds) == (3, 6, None)
    assert figures.customer_price == Decimal("2.00000000000000000001")
    assert figures.header == ("src_name_in", "customer_price", "duration")
    assert figures.raw_bytes == figures.bytes


def test_a_parquet_without_summed_columns_is_counted(tmp_path: Path) -> None:
    figures = parquet_figures.measure(parquet(tmp_path, {"src_name_in": ["a"] * 100_000}))

    assert (figures.rows, figures.duration_seconds) == (100_000, None)


def test_a_parquet_that_is_cut_anywhere_is_told(tmp_path: Path) -> None:
    path = parquet(tmp_path)
    whole = path.read_bytes()

    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])

        with pytest.raises(Failed, match="no whole Parquet file"):
            parquet_figures.measure(path)


def test_a_parquet_with_a_changed_page_is_told(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"duration": list(range(1_000))})
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 3] ^= 1
    path.write_bytes(whole)

    with pytest.raises(Failed, match="cannot be read"):
        parquet_figures.measure(path)
