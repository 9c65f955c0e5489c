"""The 29 columns of a customer's CDR file, their order and their titles.

Source: section 11.4 of the customer API. How a column becomes text in ClickHouse is left to the processor.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from cdr_exports.domain.errors import FailureCode, Rejected


class Kind(Enum):
    """What a column holds, as far as its text in the file depends on it."""

    INSTANT = "instant"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TEXT = "text"
    ADDRESS = "address"
    """Text where the empty string in the table means NULL in the file."""


COLUMNS: dict[str, Kind] = {
    "time_start": Kind.INSTANT,
    "time_connect": Kind.INSTANT,
    "time_end": Kind.INSTANT,
    "success": Kind.BOOLEAN,
    "duration": Kind.INTEGER,
    "src_name_in": Kind.TEXT,
    "src_prefix_in": Kind.TEXT,
    "dst_prefix_in": Kind.TEXT,
    "from_domain": Kind.TEXT,
    "to_domain": Kind.TEXT,
    "ruri_domain": Kind.TEXT,
    "lega_disconnect_code": Kind.INTEGER,
    "lega_disconnect_reason": Kind.TEXT,
    "auth_orig_ip": Kind.ADDRESS,
    "auth_orig_port": Kind.INTEGER,
    "src_prefix_routing": Kind.TEXT,
    "dst_prefix_routing": Kind.TEXT,
    "destination_prefix": Kind.TEXT,
    "destination_initial_interval": Kind.INTEGER,
    "destination_next_interval": Kind.INTEGER,
    "destination_initial_rate": Kind.DECIMAL,
    "destination_next_rate": Kind.DECIMAL,
    "destination_fee": Kind.DECIMAL,
    "customer_price": Kind.DECIMAL,
    "customer_duration": Kind.INTEGER,
    "orig_call_id": Kind.TEXT,
    "local_tag": Kind.TEXT,
    "lega_user_agent": Kind.TEXT,
    "diversion_in": Kind.TEXT,
}
"""In file order."""


def title(column: str) -> str:
    """The heading of a column: words capitalised, a trailing `_id` dropped (`orig_call_id` is "Orig Call")."""
    return " ".join(word.capitalize() for word in column.removesuffix("_id").split("_"))


def header_line(columns: Iterable[str]) -> bytes:
    """The first line of a CSV file, titles unquoted, with its line end."""
    return (",".join(map(title, columns)) + "\n").encode()


def chosen_columns(asked: Iterable[str], hidden: Iterable[str] = ()) -> tuple[str, ...]:
    """The columns of a file: those asked for, else the 29 less the hidden ones.

    Raises Rejected for a name that is no column, for a repeated one, and when nothing is left.
    """
    asked = tuple(asked)
    if unknown := [name for name in asked if name not in COLUMNS]:
        raise Rejected(FailureCode.UNKNOWN_COLUMN, f"Unknown column: {unknown[0][:64]!r}.")
    if len(set(asked)) < len(asked):
        raise Rejected(FailureCode.UNKNOWN_COLUMN, "A column is asked for twice.")
    hidden = set(hidden)
    columns = tuple(name for name in asked or COLUMNS if name not in hidden)
    if not columns:
        raise Rejected(FailureCode.UNKNOWN_COLUMN, "No column is left: all that were asked for are hidden.")
    return columns
