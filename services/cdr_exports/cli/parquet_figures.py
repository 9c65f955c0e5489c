"""What is in a `.parquet`. Its footer must account for every byte of the file, and says how many rows there are; what the
rows hold is read where pyarrow is installed, which checks the pages' own checksums as well.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from cdr_exports.cli.file_figures import PIECE_BYTES, ROWS_AT_ONCE, SUMMED, Figures, Sums
from cdr_exports.cli.output import Failed
from cdr_exports.processor import parquet_footer
from cdr_exports.processor.parquet_footer import END_BYTES, MAGIC


def measure(path: Path, on_bytes: Callable[[int], None] = lambda _: None) -> Figures:
    """All figures; sums only with pyarrow. `on_bytes` hears how many bytes of the file are read. Raises Failed, OSError."""
    digest, crc32, size = hashlib.sha256(), 0, 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
            crc32 = zlib.crc32(piece, crc32)
            size += len(piece)
            on_bytes(size)
    try:
        columns, rows = _footer(path, size)
    except ValueError as error:
        raise Failed(f"{path}: is no whole Parquet file: {error}") from error
    sums = _sums(path, columns, rows) if pyarrow_is_installed() else Sums(())
    return Figures(
        bytes=size,
        sha256=digest.hexdigest(),
        raw_bytes=size,
        crc32=crc32,
        header=columns,
        rows=rows,
        duration_seconds=sums.duration_seconds,
        customer_duration_seconds=sums.customer_duration_seconds,
        customer_price=sums.customer_price,
    )


def pyarrow_is_installed() -> bool:
    return find_spec("pyarrow") is not None


def _footer(path: Path, size: int) -> tuple[tuple[str, ...], int]:
    """Names of the columns, and how many rows. Raises ValueError."""
    with path.open("rb") as file:
        if size < len(MAGIC) + END_BYTES or file.read(len(MAGIC)) != MAGIC:
            raise ValueError("it does not begin with PAR1")
        file.seek(size - END_BYTES)
        end = file.read(END_BYTES)
        if not end.endswith(MAGIC):
            raise ValueError("it does not end with PAR1")
        part_bytes = size - len(MAGIC) - parquet_footer.length(end) - END_BYTES
        if part_bytes < 0:
            raise ValueError("its footer would be longer than the file")
        file.seek(len(MAGIC) + part_bytes)
        data = file.read(parquet_footer.length(end))
    return parquet_footer.column_names(data), parquet_footer.read(data, part_bytes=part_bytes, is_joined=True).rows


def _sums(path: Path, columns: tuple[str, ...], rows: int) -> Sums:
    """Over all rows, of which every column is read. Raises Failed, also where there are not `rows` of them."""
    import pyarrow
    import pyarrow.parquet

    summed = [name for name in SUMMED if name in columns]
    sums = Sums(summed)
    try:
        with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE * 4):
                values = [batch.column(name).to_pylist() for name in summed]
                sums.add(list(zip(*values, strict=True)) if summed else [()] * batch.num_rows)
    except (pyarrow.ArrowException, OSError) as error:
        raise Failed(f"{path}: cannot be read: {error}") from error
    if sums.rows != rows:
        raise Failed(f"{path}: the footer says {rows} rows, {sums.rows} can be read")
    return sums
