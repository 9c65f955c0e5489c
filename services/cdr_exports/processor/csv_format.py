"""CSV, gzipped: a line of titles, then every value that is not NULL in quotes (customer API, 11); raw, or disarmed for
spreadsheets (customer API, 0.9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdr_exports.domain.columns import header_line
from cdr_exports.domain.filters import CsvDialect
from cdr_exports.domain.parts import Part
from cdr_exports.domain.slices import Plan, Slice
from cdr_exports.processor import column_text, gzip_part
from cdr_exports.processor.file_format import FileEnds
from cdr_exports.processor.gzip_part import GzippedPart
from cdr_exports.processor.scrutiny import CsvScrutiny

SETTINGS: Mapping[str, Any] = {
    "format_csv_null_representation": "",
    "format_csv_delimiter": ",",
    "output_format_csv_crlf_end_of_line": 0,
    "output_format_decimal_trailing_zeros": 0,
    "date_time_output_format": "simple",
}


@dataclass(frozen=True, slots=True)
class CsvFormat:
    clickhouse_name: str = "CSV"
    settings: Mapping[str, Any] = field(default_factory=lambda: SETTINGS)

    def expressions(self, plan: Plan) -> Sequence[str]:
        match plan.csv_dialect:
            case CsvDialect.RAW:
                as_text = column_text.text
            case CsvDialect.SPREADSHEET_SAFE:
                as_text = column_text.disarmed
        return [as_text(name, plan.time_format) for name in plan.columns]

    def part(self, plan: Plan, piece: Slice) -> GzippedPart:
        """The first slice brings the titles with it."""
        return GzippedPart(CsvScrutiny(), header_line(plan.columns) if piece.number == 0 else b"")

    def ends(self, parts: Sequence[Part]) -> FileEnds:
        return gzip_part.ends(parts)
