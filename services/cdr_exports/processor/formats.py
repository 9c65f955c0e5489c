"""Which formats of file there are. A plan names its format; all of an export's files and queries follow from it."""

from __future__ import annotations

from typing import assert_never

from cdr_exports.domain.filters import FileFormat
from cdr_exports.processor.csv_format import CsvFormat
from cdr_exports.processor.file_format import Format
from cdr_exports.processor.jsonl_format import JsonlFormat
from cdr_exports.processor.parquet_format import ParquetFormat


def format_of(file_format: FileFormat) -> Format:
    match file_format:
        case FileFormat.CSV:
            return CsvFormat()
        case FileFormat.JSONL:
            return JsonlFormat()
        case FileFormat.PARQUET:
            return ParquetFormat()
        case _:
            assert_never(file_format)
