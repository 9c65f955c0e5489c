"""JSON Lines, gzipped: an object a CDR, members named like the columns and in their order (customer API, 0.9).

Instants are the strings that a CSV holds, decimals are strings too: a reader that takes numbers for floats would round
prices. Booleans and integers are JSON's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from cdr_exports.domain.columns import COLUMNS, Kind
from cdr_exports.domain.filters import TimeFormat
from cdr_exports.domain.parts import Part
from cdr_exports.domain.slices import Plan, Slice
from cdr_exports.processor import column_text, gzip_part
from cdr_exports.processor.file_format import FileEnds
from cdr_exports.processor.gzip_part import GzippedPart
from cdr_exports.processor.scrutiny import JsonLinesScrutiny

SETTINGS: Mapping[str, Any] = {
    "prefer_column_name_to_alias": 1,  # a member has its column's name, and WHERE means the column
    "output_format_json_array_of_rows": 0,
    "output_format_json_escape_forward_slashes": 0,
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_validate_utf8": 0,  # done in the query, where older servers do it too
    "output_format_decimal_trailing_zeros": 0,
    "date_time_output_format": "simple",
}


@dataclass(frozen=True, slots=True)
class JsonlFormat:
    clickhouse_name: str = "JSONEachRow"
    settings: Mapping[str, Any] = field(default_factory=lambda: SETTINGS)

    def expressions(self, plan: Plan) -> Sequence[str]:
        return [f"{_value(name, plan.time_format)} AS {name}" for name in plan.columns]

    def part(self, plan: Plan, piece: Slice) -> GzippedPart:
        return GzippedPart(JsonLinesScrutiny(plan.columns))

    def ends(self, parts: Sequence[Part]) -> FileEnds:
        return gzip_part.ends(parts)


def _value(column: str, time_format: TimeFormat) -> str:
    match kind := COLUMNS[column]:
        case Kind.BOOLEAN | Kind.INTEGER:
            return column
        case Kind.INSTANT | Kind.DECIMAL:
            return column_text.text(column, time_format)
        case Kind.TEXT | Kind.ADDRESS:
            return column_text.unicode(column_text.text(column, time_format))
        case _:
            assert_never(kind)
