"""Figures of real gzip files, whole and damaged."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from decimal import Decimal
from pathlib import Path

import pytest

from cdr_exports.cli.file_figures import measure
from cdr_exports.cli.output import Failed

HEADER = b"Time Start,Duration,Customer Price,Customer Duration,Src Name In\n"
ROWS = (
    b'"2026-07-01 00:00:02+00","60","0.10000000000000000001","60","plain"\n'
    b'"2026-07-01 00:00:01+00","7",,,"a ""quoted"" name,\nwith a line break\rand a return"\n'
    b'"2026-07-01 00:00:00+00","0","0.2","60",\n'
)


def written(folder: Path, *members: bytes) -> Path:
    path = folder / "file.csv.gz"
    path.write_bytes(b"".join(gzip.compress(each, mtime=0) for each in members))
    return path


def test_rows_and_sums_are_exact(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + ROWS)

    figures = measure(path)

    assert figures.rows == 3
    assert figures.duration_seconds == 67
    assert figures.customer_duration_seconds == 120
    assert figures.customer_price == Decimal("0.30000000000000000001")
    assert figures.header == ("Time Start", "Duration", "Customer Price", "Customer Duration", "Src Name In")


def test_sizes_and_digests_are_of_both_sides(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + ROWS)
    heard: list[int] = []

    figures = measure(path, heard.append)

    assert figures.bytes == heard[-1] == path.stat().st_size
    assert figures.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert figures.raw_bytes == len(HEADER + ROWS)
    assert figures.crc32 == zlib.crc32(HEADER + ROWS)


def test_a_file_of_many_pieces_is_counted_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "file.csv.gz"
    path.write_bytes(gzip.compress(HEADER + ROWS * 20_000, compresslevel=0))

    figures = measure(path)

    assert figures.rows == 60_000
    assert figures.customer_price == Decimal("0.30000000000000000001") * 20_000


def test_a_header_alone_is_a_file_without_rows(tmp_path: Path) -> None:
    figures = measure(written(tmp_path, HEADER))

    assert figures.rows == 0
    assert figures.customer_price == 0


def test_a_column_that_is_not_there_has_no_sum(tmp_path: Path) -> None:
    figures = measure(written(tmp_path, b'Duration\n"5"\n'))

    assert figures.duration_seconds == 5
    assert figures.customer_price is None
    assert figures.customer_duration_seconds is None


def test_bytes_that_are_no_utf8_and_nul_are_values_like_others(tmp_path: Path) -> None:
    figures = measure(written(tmp_path, b'Src Name In\n"\xff\x00\xfe"\n'))

    assert figures.rows == 1


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ((HEADER + ROWS, ROWS), "bytes follow the gzip member"),
        ((b"",), "not even a header"),
        ((HEADER + b'"1","2"\n',), "row 1 has 2 values; the header has 5 titles"),
        ((HEADER + b'"t","x","1","1","n"\n',), "one of the rows 1 to 1"),
        ((HEADER + b'"t","1","x","1","n"\n',), "one of the rows 1 to 1"),
        ((HEADER + b'"t","1","1","1","never closed\n',), "is no CSV"),
        ((HEADER + b'"t"x,"1","1","1","n"\n',), "is no CSV"),
    ],
    ids=["two members", "empty", "short row", "no integer", "no decimal", "open quote", "text after a quote"],
)
def test_a_file_that_breaks_the_rules_is_told(tmp_path: Path, members: tuple[bytes, ...], fault: str) -> None:
    with pytest.raises(Failed, match=fault):
        measure(written(tmp_path, *members))


def test_a_file_that_is_cut_anywhere_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + ROWS)
    whole = path.read_bytes()

    for length in range(len(whole)):
        path.write_bytes(whole[:length])

        with pytest.raises(Failed, match="cut off"):
            measure(path)


def test_a_file_with_one_wrong_byte_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + ROWS)
    whole = path.read_bytes()
    header_of_member = 10  # time, level and system stand there and are nobody's promise

    for position in range(header_of_member, len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])

        with pytest.raises(Failed):
            measure(path)


def test_trailing_garbage_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + ROWS)
    path.write_bytes(path.read_bytes() + b"\0")

    with pytest.raises(Failed, match="1 bytes follow"):
        measure(path)
