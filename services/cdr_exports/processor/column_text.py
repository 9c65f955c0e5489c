"""A column as the text that stands in a file, in ClickHouse's SQL. NULL where the file says that there is nothing.

Constant text of the domain's names of columns; the zone alone is a value, and travels as a parameter. The text is that
of PostgreSQL's `COPY … CSV FORCE QUOTE *`, which is what customers know (customer API, 11); decimals alone drop trailing
zeros.
"""

from __future__ import annotations

from typing import assert_never

from cdr_exports.domain.columns import COLUMNS, Kind
from cdr_exports.domain.filters import TimeFormat

FORMULA_STARTS = ("=", "+", "-", "@", "\\t", "\\r", "\\n", "\\0")
"""How a value starts that a spreadsheet may run instead of showing, as ClickHouse spells it."""
WIDE_FORMULA_STARTS = ("＝", "＋", "－", "＠")
PLAIN_NUMBER = "^(-[0-9]+([.][0-9]+)?|[+][0-9]+)$"
"""What starts like a formula and is none: a negative number, a telephone number. `+12.5` is neither."""


def text(column: str, time_format: TimeFormat) -> str:
    """The column as it stands between the quotes of a CSV."""
    match kind := COLUMNS[column]:
        case Kind.INSTANT:
            return instant(column, time_format)
        case Kind.BOOLEAN:
            return f"if({column}, 't', 'f')"
        case Kind.INTEGER | Kind.DECIMAL:
            return f"toString({column})"
        case Kind.ADDRESS:
            return address(column)
        case Kind.TEXT:
            return column
        case _:
            assert_never(kind)


def disarmed(column: str, time_format: TimeFormat) -> str:
    """As `text`, with a `'` before what a spreadsheet would take for a formula (customer API, 0.9).

    Only what others wrote can be one: instants, booleans and numbers are ours.
    """
    value = text(column, time_format)
    if COLUMNS[column] not in (Kind.TEXT, Kind.ADDRESS):
        return value
    narrow, wide = (", ".join(f"'{start}'" for start in each) for each in (FORMULA_STARTS, WIDE_FORMULA_STARTS))
    starts = f"(substring({value}, 1, 1) IN ({narrow}) OR substring({value}, 1, 3) IN ({wide}))"
    return f"if({starts} AND NOT match({value}, '{PLAIN_NUMBER}'), concat('''', {value}), {value})"


def address(column: str) -> str:
    return f"nullIf(toString({column}), '')"


def unicode(expression: str) -> str:
    """For formats whose text is UTF-8 by definition: what a SIP message holds need not be, a stray byte becomes U+FFFD."""
    return f"toValidUTF8({expression})"


def instant(column: str, time_format: TimeFormat) -> str:
    """`2025-02-03 22:21:32.118457+02`: up to six digits of fraction without trailing zeros, minutes of the offset only
    where there are any, seconds of it likewise (historic zones).
    """
    local = f"toTimeZone({column}, {{time_zone:String}})"
    if time_format is TimeFormat.ROUND_TO_SECONDS:
        return f"substring(toString({local}), 1, 19)"
    wall_clock = f"trimRight(trimRight(toString({local}), '0'), '.')"
    if time_format is TimeFormat.WITHOUT_TIMEZONE:
        return wall_clock
    offset = f"timeZoneOffset({local})"
    pair = "leftPad(toString(intDiv(abs({offset}) % {of}, {by})), 2, '0')"
    hours = pair.format(offset=offset, of=86400, by=3600)
    minutes = f"if({offset} % 3600 = 0, '', concat(':', {pair.format(offset=offset, of=3600, by=60)}))"
    seconds = f"if({offset} % 60 = 0, '', concat(':', {pair.format(offset=offset, of=60, by=1)}))"
    return f"concat({wall_clock}, if({offset} < 0, '-', '+'), {hours}, {minutes}, {seconds})"
