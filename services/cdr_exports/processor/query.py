"""The SQL of an export: the SELECT whose bytes are the file, the counts and sums that it is held against, and the
settings that keep a server's profile from changing a byte.

The text depends on the table, the columns and which filters are used, never on a value: values travel as ClickHouse's
server-side parameters. Names of columns come from the domain's list only. What is selected is the format's to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdr_exports.domain.filters import Filters
from cdr_exports.domain.identity import AccountId
from cdr_exports.domain.slices import Plan

SQL_VERSION = 2
"""Raised when the same plan would give other bytes; parts of two versions never stand in one file."""

CONDITIONS: dict[str, tuple[str, str]] = {
    "success_eq": ("success = {success_eq:Bool}", "Bool"),
    "is_last_cdr_eq": ("is_last_cdr = {is_last_cdr_eq:Bool}", "Bool"),
    "duration_eq": ("duration = {duration_eq:Int32}", "Int32"),
    "duration_gteq": ("duration >= {duration_gteq:Int32}", "Int32"),
    "duration_lteq": ("duration <= {duration_lteq:Int32}", "Int32"),
    "src_prefix_routing_eq": ("src_prefix_routing = {src_prefix_routing_eq:String}", "String"),
    "dst_prefix_routing_eq": ("dst_prefix_routing = {dst_prefix_routing_eq:String}", "String"),
}
"""Filter, its condition, the parameter's type."""

CHECKED_SETTINGS: dict[str, Any] = {
    # a limit that is reached must be an error, never a shorter answer
    "timeout_overflow_mode": "throw",
    "result_overflow_mode": "throw",
    "read_overflow_mode": "throw",
    "sort_overflow_mode": "throw",
    "group_by_overflow_mode": "throw",
    "limit": 0,
    "offset": 0,
    "max_parallel_replicas": 1,
    "http_write_exception_in_output_format": 0,
}
READING_SETTINGS: dict[str, Any] = {
    "output_format_parallel_formatting": 0,  # slices run side by side; within one, fewer threads cost less
    "optimize_read_in_order": 1,  # reads the key backwards: no sort, memory flat in the number of rows
    "read_in_order_use_buffering": 0,
    "http_send_timeout": 300,  # a reader that waits for the store must not be dropped after the usual 30 s
    "cancel_http_readonly_queries_on_client_close": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """SQL text with the values of its parameters."""

    sql: str
    params: Mapping[str, Any]


def histogram(table: str, account_id: AccountId, filters: Filters, start: int, end: int, width: int) -> Query:
    """Matching CDRs by bucket of `width` microseconds from `start` on: rows of (bucket number, count), newest first."""
    where, params = _where(account_id, filters, start, end)
    return Query(
        sql=f"SELECT intDiv(toUnixTimestamp64Micro(time_start) - {{start:Int64}}, {{width:Int64}}) AS bucket, count() "  # noqa: S608
        f"FROM {table} WHERE {where} GROUP BY bucket ORDER BY bucket DESC",
        params=params | {"width": width},
    )


def totals(table: str, plan: Plan, start: int, end: int) -> Query:
    """One row: count, sum of duration, of customer_duration, of customer_price (as exact text) in [start, end)."""
    where, params = _where(plan.account_id, plan.filters, start, end)
    return Query(
        sql="SELECT count(), toInt64(sum(duration)), toInt64(ifNull(sum(customer_duration), 0)), "  # noqa: S608
        f"toString(ifNull(sum(customer_price), 0)) FROM {table} WHERE {where}",
        params=params,
    )


def rows(table: str, plan: Plan, expressions: Sequence[str], start: int, end: int) -> Query:
    """The data rows of [start, end) in file order: of each, what `expressions` say."""
    where, params = _where(plan.account_id, plan.filters, start, end)
    return Query(
        sql=f"SELECT {', '.join(expressions)} FROM {table} WHERE {where} "  # noqa: S608
        "ORDER BY time_start DESC, id DESC",
        params=params | {"time_zone": plan.time_zone},
    )


def _where(account_id: AccountId, filters: Filters, start: int, end: int) -> tuple[str, dict[str, Any]]:
    used = {name: value for name in CONDITIONS if (value := getattr(filters, name)) is not None}
    conditions = [
        "customer_acc_id = {account_id:UInt32}",
        "time_start >= fromUnixTimestamp64Micro({start:Int64}, 'UTC')",
        "time_start < fromUnixTimestamp64Micro({end:Int64}, 'UTC')",
        *(CONDITIONS[name][0] for name in used),
    ]
    return " AND ".join(conditions), {"account_id": account_id, "start": start, "end": end} | _plain(used.items())


def _plain(values: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Text filters are trimmed, as in the reference; what is echoed to the customer stays as it was sent."""
    return {name: value.strip() if isinstance(value, str) else value for name, value in values}
