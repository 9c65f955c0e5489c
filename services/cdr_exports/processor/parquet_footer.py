"""Reads the footers of Parquet files, checks that they account for every byte, and makes one of many.

A file is `PAR1`, row groups, footer, the footer's length, `PAR1`; the footer says where in the file each column of each
row group lies. So row groups of several files with one schema are one file when their footers are joined and the places
shifted. What the footer says besides is kept, but for smallest and largest values of texts: they serve nobody in a file
that is sorted by time, and let a caller's long texts swell every footer.
Format: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from cdr_exports.processor import thrift_compact
from cdr_exports.processor.thrift_compact import Encoded, Struct, Type

MAGIC = b"PAR1"
END_BYTES = 8
"""The footer's length and the magic."""
BYTE_ARRAY = 6
"""The physical type of texts."""


class File(IntEnum):
    """Fields of FileMetaData."""

    VERSION = 1
    SCHEMA = 2
    NUM_ROWS = 3
    ROW_GROUPS = 4
    COLUMN_ORDERS = 7


class RowGroup(IntEnum):
    COLUMNS = 1
    NUM_ROWS = 3
    FILE_OFFSET = 5
    ORDINAL = 7


class Chunk(IntEnum):
    """Fields of ColumnChunk: one column of one row group."""

    FILE_PATH = 1
    FILE_OFFSET = 2
    META_DATA = 3
    OFFSET_INDEX_OFFSET = 4
    COLUMN_INDEX_OFFSET = 6


class Column(IntEnum):
    """Fields of ColumnMetaData."""

    TYPE = 1
    NUM_VALUES = 5
    TOTAL_COMPRESSED_SIZE = 7
    DATA_PAGE_OFFSET = 9
    INDEX_PAGE_OFFSET = 10
    DICTIONARY_PAGE_OFFSET = 11
    STATISTICS = 12
    BLOOM_FILTER_OFFSET = 14


SCHEMA_NAME = 4
"""The field of SchemaElement that names a column."""
NULL_COUNT = 3
"""The field of Statistics that is kept for texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """`data` is the footer, without what is not kept; its places count from the head of the file it was read from."""

    rows: int
    data: bytes


def length(end: bytes | bytearray) -> int:
    """What the last END_BYTES of a file say."""
    return int.from_bytes(end[:4], "little")


def read(data: bytes, *, part_bytes: int, is_joined: bool = False) -> Footer:
    """The footer of a file with `part_bytes` between head and footer. Raises ValueError where it is none, or where the
    columns that it names are not exactly those bytes, one after another, with as many values as there are rows.

    ClickHouse writes behind each column a copy of what the footer says of it, as Parquet once wanted; nobody reads it.
    In a file that `is_joined` the copies are those of its parts, and of other lengths: there they are only allowed for.
    """
    file = thrift_compact.read(data)
    at, rows, copy_bytes = len(MAGIC), 0, 0

    def expect_next(start: int) -> None:
        gap = start - at
        if gap != copy_bytes and not (is_joined and copy_bytes and gap > 0):
            raise ValueError(
                f"at {at} a column ends, with a copy of {copy_bytes} bytes behind it; at {start} comes the next"
            )

    for row_group in file.structs(File.ROW_GROUPS):
        for chunk in row_group.structs(RowGroup.COLUMNS):
            column = _column(chunk)
            if column.integer(Column.NUM_VALUES) != row_group.integer(RowGroup.NUM_ROWS):
                raise ValueError("a column has more or fewer values than there are rows")
            expect_next(_start(column))
            at = _start(column) + column.integer(Column.TOTAL_COMPRESSED_SIZE)
            has_copy = chunk.integer(Chunk.FILE_OFFSET) == at
            copy_bytes = len(thrift_compact.write(chunk)) if has_copy else 0
        rows += row_group.integer(RowGroup.NUM_ROWS)
    expect_next(len(MAGIC) + part_bytes)
    if rows != file.integer(File.NUM_ROWS):
        raise ValueError(f"the row groups have {rows} rows, the file {file.integer(File.NUM_ROWS)}")
    _forget_texts(file)
    return Footer(rows=rows, data=thrift_compact.write(file))


def joined(footers: Sequence[tuple[bytes, int]]) -> bytes:
    """The footer of the file made of parts one after another, from each one's footer and length; there is one at least.

    One footer at a time is held as a tree. Raises ValueError for parts that do not fit together.
    """
    whole = thrift_compact.read(footers[0][0])
    ours, rows, shift = _layout(whole), 0, 0
    row_groups: list[thrift_compact.Value] = []
    for data, part_bytes in footers:
        file = thrift_compact.read(data)
        if _layout(file) != ours:
            raise ValueError("parts have different columns: the table was changed while they were made")
        for row_group in file.structs(File.ROW_GROUPS):
            _shift(row_group, shift)
            row_groups.append(Encoded(thrift_compact.write(row_group)))
        rows += file.integer(File.NUM_ROWS)
        shift += part_bytes
    whole.put(File.NUM_ROWS, rows)
    whole.put(File.ROW_GROUPS, thrift_compact.Sequence(Type.STRUCT, row_groups))
    return thrift_compact.write(whole)


def tail(footer: bytes) -> bytes:
    """What a file ends with."""
    return footer + len(footer).to_bytes(4, "little") + MAGIC


def column_names(data: bytes) -> tuple[str, ...]:
    """Of a file without nested columns. Raises ValueError for what is no footer."""
    _root, *columns = thrift_compact.read(data).structs(File.SCHEMA)
    return tuple(each.text(SCHEMA_NAME) for each in columns)


def _column(chunk: Struct) -> Struct:
    """Its metadata. Raises ValueError where anything of it lies elsewhere than in the row group."""
    column = chunk.struct(Chunk.META_DATA)
    if {Chunk.FILE_PATH, Chunk.OFFSET_INDEX_OFFSET, Chunk.COLUMN_INDEX_OFFSET} & chunk.fields.keys():
        raise ValueError("a column has an index, or lies in another file")
    if {Column.INDEX_PAGE_OFFSET, Column.BLOOM_FILTER_OFFSET} & column.fields.keys():
        raise ValueError("a column has an index page or a bloom filter")
    return column


def _start(column: Struct) -> int:
    """A dictionary, where there is one, comes before the data."""
    has_dictionary = Column.DICTIONARY_PAGE_OFFSET in column.fields
    return column.integer(Column.DICTIONARY_PAGE_OFFSET if has_dictionary else Column.DATA_PAGE_OFFSET)


def _layout(file: Struct) -> list[thrift_compact.Value | None]:
    """What must be the same in all parts."""
    return [file.fields[each][1] if each in file.fields else None for each in (File.SCHEMA, File.COLUMN_ORDERS)]


def _shift(row_group: Struct, by: int) -> None:
    """Moves every place that the row group names. Its ordinal is dropped: only encryption needs one."""
    row_group.fields.pop(RowGroup.ORDINAL, None)
    places: list[tuple[Struct, int]] = [(row_group, RowGroup.FILE_OFFSET)]
    for chunk in row_group.structs(RowGroup.COLUMNS):
        places.append((chunk, Chunk.FILE_OFFSET))
        column = chunk.struct(Chunk.META_DATA)
        places += [(column, Column.DATA_PAGE_OFFSET), (column, Column.DICTIONARY_PAGE_OFFSET)]
    for holder, field in places:
        if field in holder.fields and (place := holder.integer(field)) > 0:  # 0 is no place: nothing lies in the magic
            holder.put(field, place + by)


def _forget_texts(file: Struct) -> None:
    for row_group in file.structs(File.ROW_GROUPS):
        for chunk in row_group.structs(RowGroup.COLUMNS):
            column = chunk.struct(Chunk.META_DATA)
            if Column.STATISTICS in column.fields and column.integer(Column.TYPE) == BYTE_ARRAY:
                statistics = column.struct(Column.STATISTICS)
                statistics.fields = {id_: each for id_, each in statistics.fields.items() if id_ == NULL_COUNT}
