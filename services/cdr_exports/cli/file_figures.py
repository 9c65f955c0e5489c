"""What is in a file, read once from its first byte to its last: sizes, digests, rows, sums.

Trusts nothing: the gzip must be one member that ends where the file ends, the CSV must parse by the rules of RFC 4180
and every line must have as many values as the header. Sums are exact. JSON Lines and Parquet are measured next door.
"""

from __future__ import annotations

import csv
import hashlib
import io
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdr_exports.cli.output import Failed
from cdr_exports.domain.columns import title

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE_BYTES = 1 << 20
ROWS_AT_ONCE = 4096
GZIP = 31
"""zlib's word for: one gzip member, header and trailer checked."""
EXACT = Context(prec=96)

SUMMED = ("duration", "customer_duration", "customer_price")
"""Columns: two of integers, one of decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """`header` are the names of the columns as the file has them; None where it has no place for them. A sum is None where
    the file has no such column, or nobody here can read it.
    """

    bytes: int
    sha256: str
    raw_bytes: int
    crc32: int
    header: tuple[str, ...] | None
    rows: int
    duration_seconds: int | None
    customer_duration_seconds: int | None
    customer_price: Decimal | None


def size_and_digest(path: Path) -> tuple[int, str]:
    """Of the file as it lies there, whatever it holds."""
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def measure(path: Path, on_bytes: Callable[[int], None] = lambda _: None) -> Figures:
    """All figures of a `.csv.gz`. `on_bytes` hears how many bytes of the file are read. Raises Failed, OSError."""
    csv.field_size_limit(sys.maxsize)
    with path.open("rb") as file:
        member = GzipMember(file, on_bytes)
        # Latin-1 takes any byte: text of a SIP message need not be UTF-8, and what matters here is ASCII.
        reader = csv.reader(
            io.TextIOWrapper(io.BufferedReader(member, PIECE_BYTES), "latin-1", newline="\n"), strict=True
        )
        try:
            header = next(reader, None)
            if header is None:
                raise Failed(f"{path}: is empty; not even a header line is in it")
            sums = _sum(reader, header, path)
        except csv.Error as error:
            raise Failed(f"{path}: line {reader.line_num} is no CSV: {error}") from error
        except zlib.error as error:
            raise Failed(f"{path}: is no whole gzip file: {error}") from error
        except EOFError as error:
            raise Failed(f"{path}: {error}") from error
    return figures(member, header, sums)


def figures(member: GzipMember, header: Sequence[str] | None, sums: Sums) -> Figures:
    """Of a gzipped text that was read to its end."""
    return Figures(
        bytes=member.stored_bytes,
        sha256=member.sha256.hexdigest(),
        raw_bytes=member.raw_bytes,
        crc32=member.crc32,
        header=None if header is None else tuple(header),
        rows=sums.rows,
        duration_seconds=sums.duration_seconds,
        customer_duration_seconds=sums.customer_duration_seconds,
        customer_price=sums.customer_price,
    )


class GzipMember(io.RawIOBase):
    """The uncompressed bytes of a file that is one gzip member; counts and digests both sides as they pass."""

    def __init__(self, file: io.BufferedReader, on_bytes: Callable[[int], None]) -> None:
        self._file, self._on_bytes = file, on_bytes
        self._inflater = zlib.decompressobj(GZIP)
        self.sha256 = hashlib.sha256()
        self.stored_bytes = self.raw_bytes = self.crc32 = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        room = memoryview(buffer).cast("B")
        data = self._next(len(room))
        room[: len(data)] = data
        self.raw_bytes += len(data)
        self.crc32 = zlib.crc32(data, self.crc32)
        return len(data)

    def _next(self, most: int) -> bytes:
        """Up to `most` uncompressed bytes; none at the end of the file."""
        while True:
            if data := self._inflater.decompress(self._inflater.unconsumed_tail or self._piece(), most):
                return data
            if self._inflater.eof:
                self._expect_the_end()
                return b""

    def _piece(self) -> bytes:
        if self._inflater.eof:
            return b""
        if not (piece := self._file.read(PIECE_BYTES)):
            raise EOFError(f"the gzip data is cut off after {self.stored_bytes} bytes")
        self._count(piece)
        return piece

    def _expect_the_end(self) -> None:
        trailing = len(self._inflater.unused_data)
        while piece := self._file.read(PIECE_BYTES):
            self._count(piece)
            trailing += len(piece)
        if trailing:
            raise EOFError(f"{trailing} bytes follow the gzip member; a file is exactly one")

    def _count(self, piece: bytes) -> None:
        self.sha256.update(piece)
        self.stored_bytes += len(piece)
        self._on_bytes(self.stored_bytes)


class Sums:
    """Over rows whose columns are `header`. `summed` is what SUMMED is called there."""

    def __init__(self, header: Sequence[str], summed: Sequence[str] = SUMMED) -> None:
        self.rows = 0
        places = [header.index(name) if name in header else None for name in summed]
        self._duration, self._customer_duration, self._price = places
        self.duration_seconds = None if self._duration is None else 0
        self.customer_duration_seconds = None if self._customer_duration is None else 0
        self.customer_price = None if self._price is None else Decimal(0)

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Raises ValueError or InvalidOperation for what is no number. NULL, be it None or nothing, adds nothing."""
        self.rows += len(rows)
        if self._duration is not None and self.duration_seconds is not None:
            self.duration_seconds += _integers(rows, self._duration)
        if self._customer_duration is not None and self.customer_duration_seconds is not None:
            self.customer_duration_seconds += _integers(rows, self._customer_duration)
        if self._price is not None and self.customer_price is not None:
            price = self.customer_price
            for row in rows:
                if row[self._price]:
                    price = EXACT.add(price, Decimal(row[self._price]))
            self.customer_price = price


def _integers(rows: Sequence[Sequence[Any]], place: int) -> int:
    return sum(int(row[place]) for row in rows if row[place])


def _sum(rows: Iterator[list[str]], header: Sequence[str], path: Path) -> Sums:
    sums, width = Sums(header, list(map(title, SUMMED))), len(header)
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        for offset, row in enumerate(batch, start=1):
            if len(row) != width:
                raise Failed(f"{path}: row {sums.rows + offset} has {len(row)} values; the header has {width} titles")
        try:
            sums.add(batch)
        except (ValueError, InvalidOperation) as error:
            raise Failed(f"{path}: one of the rows {sums.rows - len(batch) + 1} to {sums.rows}: {error}") from error
    return sums
