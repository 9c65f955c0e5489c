"""Filters and orders of lists in PostgreSQL, against an oracle in plain Python over rows that are made to be nasty."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from cdr_exports.api import query
from cdr_exports.domain.filters import TimeFormat
from cdr_exports.domain.identity import AccountId, ExportId
from cdr_exports.domain.lifecycle import ExportState
from cdr_exports.projection.list_filters import ACCOUNT_FILTERS, FILTERS
from cdr_exports.projection.list_query import SORTABLE, list_query
from cdr_exports.projection.reads import Found, Reads, Viewer
from cdr_exports.projection.state_rows import row_of
from cdr_exports.projection.waiting import Waiting
from cdr_exports.runtime.metrics import Registry
from cdr_exports.runtime.postgres import Database
from tests.integration.projection.logs import (
    AT,
    EVENTS,
    REQUESTS,
    completed,
    delete_requested,
    failed,
    fold,
    log_of,
    new_id,
    requested,
)

ACCOUNTS = [AccountId(71), AccountId(72)]
OTHER = AccountId(81)
VIEWER = Viewer(customer=7, account_ids=ACCOUNTS)
ZONES = [
    None, "", "UTC", " UTC", "utc", "Europe/Kyiv", "EUROPE/KYIV", "50%_x", "50a_x", "50ax", "a\\b", "a\\", 'quo"te',
    "a,b", "ÄÖ", "äö", "'; DROP TABLE exports; --", "%(x)s",
]  # fmt: skip
TIMES = [AT, AT + timedelta(microseconds=1), AT + timedelta(milliseconds=1), AT + timedelta(days=1)]
COUNTS = [0, 1, 40, 2**40]
EXPORTS = 200


@dataclass(frozen=True)
class Row:
    """What an export holds, as the oracle knows it."""

    export_id: ExportId
    account_id: AccountId
    columns: dict[str, Any]


def rows_and_logs(seed: int) -> tuple[list[Row], list[Any], list[Any]]:
    choose = random.Random(seed)
    rows: list[Row] = []
    commands: list[Any] = []
    facts: list[Any] = []
    for _ in range(EXPORTS):
        export_id, account_id = new_id(), choose.choice([*ACCOUNTS, OTHER])
        zone, created, time_format = choose.choice(ZONES), choose.choice(TIMES), choose.choice(list(TimeFormat))
        status, count, updated = choose.choice(["Pending", "Completed", "Failed", "Deleted"]), None, created
        commands.append(
            requested(
                export_id, account_id=account_id, occurred_at=created, time_format=time_format, time_zone_name=zone
            )
        )
        if status == "Failed":
            facts.append(failed(export_id))
            updated = AT
        elif status != "Pending" and (status == "Completed" or choose.random() < 0.5):
            count = choose.choice(COUNTS)
            facts.append(completed(export_id, rows=count))
            updated = AT
        if status == "Deleted":
            commands.append(delete_requested(export_id))
            updated = AT
        columns = {
            "id": str(export_id), "status": status, "rows_count": count, "created_at": created, "updated_at": updated,
            "time_format": str(time_format), "time_zone_name": zone,
        }  # fmt: skip
        rows.append(Row(export_id, account_id, columns))
    return rows, commands, facts


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "not_eq": lambda a, b: bool(a != b),
    "gt": lambda a, b: bool(a > b),
    "gteq": lambda a, b: bool(a >= b),
    "lt": lambda a, b: bool(a < b),
    "lteq": lambda a, b: bool(a <= b),
    "cont": lambda a, b: b.lower() in a.lower(),
    "start": lambda a, b: a.lower().startswith(b.lower()),
    "end": lambda a, b: a.lower().endswith(b.lower()),
}


def matches(row: Row, column: str, operator: str, values: Sequence[Any]) -> bool:
    held = row.columns[column]
    if held is None:
        return False
    match operator:
        case "in":
            return held in values
        case "not_in":
            return held not in values
        case "cont_any":
            return any(COMPARISONS["cont"](held, each) for each in values)
    return COMPARISONS[operator](held, values[0])


def split(name: str) -> tuple[str, str]:
    """`rows_count_not_eq` is `rows_count` and `not_eq`."""
    if name in ("id", "time_format"):
        return name, "in"
    column = next(each for each in sorted(SORTABLE, key=len, reverse=True) if name.startswith(f"{each}_"))
    return column, name.removeprefix(f"{column}_")


def candidates(column: str, rows: Sequence[Row]) -> list[Any]:
    """Values that are held, and some that are not."""
    return {
        "id": [row.columns["id"] for row in rows[:3]] + ["7a108ca2-39c4-11f1-8c50-82ad38f4dd55", "abc"],
        "status": ["Pending", "Completed", "Failed", "Deleted"],
        "time_format": list(map(str, TimeFormat)),
        "rows_count": [*COUNTS, -1, 41],
        "created_at": [*TIMES, AT - timedelta(days=9)],
        "updated_at": [*TIMES, AT - timedelta(days=9)],
        "time_zone_name": ["UTC", "utc", "Europe/Kyiv", "kyiv", "%", "_", "50%_", "\\", '"', ",", "äö", "'", "", "x", "%("],
    }[column]  # fmt: skip


def written(value: Any) -> str:
    """As a member of a line of CSV."""
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return '"' + text.replace('"', '""') + '"'


@pytest.fixture
def reads(database: Database) -> Reads:
    return Reads(database, Waiting(database, Registry(service="test")))


async def listed(reads: Reads, text: str, *, limit: int = 1000, offset: int = 0) -> Found:
    asked = list_query(query.parse(text.encode()))
    return await reads.page(VIEWER, offset=offset, limit=limit, conditions=asked.conditions, order=asked.order)


def newest_first(rows: Sequence[Row]) -> list[Row]:
    return sorted(sorted(rows, key=lambda row: row.export_id), key=lambda row: row.columns["created_at"], reverse=True)


def ids(found: Sequence[ExportState] | Sequence[Row]) -> list[str]:
    return [str(each.export_id) for each in found]


async def test_every_filter_finds_what_plain_python_finds(database: Database, reads: Reads) -> None:
    rows, commands, facts = rows_and_logs(seed=4)
    await fold(database, log_of(REQUESTS, commands), log_of(EVENTS, facts))
    visible = newest_first([row for row in rows if row.account_id in ACCOUNTS])
    choose, found_some = random.Random(5), set()

    for name, each in FILTERS.items():
        if name in ACCOUNT_FILTERS:
            continue
        column, operator = split(name)
        values = candidates(column, rows)
        asked = [[one] for one in values]
        if each.takes_many:
            asked += [choose.sample(values, choose.randint(1, len(values))) for _ in range(4)]
        for some in asked:
            found = await listed(reads, f"filter[{name}]={quote(','.join(map(written, some)))}")

            expected = [row for row in visible if matches(row, column, operator, some)]
            assert ids(found.states) == ids(expected), (name, some)
            assert found.total == len(expected), (name, some)
            found_some |= {name} if 0 < len(expected) < len(visible) else set()

    assert found_some == FILTERS.keys() - ACCOUNT_FILTERS.keys()


async def test_filters_together_find_what_meets_all_of_them(database: Database, reads: Reads) -> None:
    rows, commands, facts = rows_and_logs(seed=6)
    await fold(database, log_of(REQUESTS, commands), log_of(EVENTS, facts))

    found = await listed(
        reads, "filter[status_in]=Completed,Deleted&filter[rows_count_gteq]=1&filter[rows-count-lt]=100&sort=id"
    )

    expected = [
        str(row.export_id)
        for row in sorted(rows, key=lambda row: row.export_id)
        if row.account_id in ACCOUNTS
        and row.columns["status"] in ("Completed", "Deleted")
        and row.columns["rows_count"] in (1, 40)
    ]
    assert ids(found.states) == expected
    assert expected


@pytest.mark.parametrize("is_descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("field", SORTABLE)
async def test_an_order_puts_nulls_last_ascending_and_equals_newest_first(
    database: Database, reads: Reads, field: str, is_descending: bool
) -> None:
    rows, commands, facts = rows_and_logs(seed=7)
    await fold(database, log_of(REQUESTS, commands), log_of(EVENTS, facts))
    visible = newest_first([row for row in rows if row.account_id in ACCOUNTS])

    sign = "-" if is_descending else ""
    pages = [await listed(reads, f"sort={sign}{field}", limit=37, offset=offset) for offset in range(0, EXPORTS, 37)]

    def key(row: Row) -> tuple[bool, Any]:
        held = row.columns[field]
        return (held is None, 0 if held is None else held.encode() if isinstance(held, str) else held)

    expected = sorted(visible, key=key, reverse=is_descending)
    assert [each for page in pages for each in ids(page.states)] == ids(expected)
    assert {page.total for page in pages} == {len(visible)}


async def test_a_state_stands_in_its_columns_as_it_is_shown(database: Database, reads: Reads) -> None:
    rows, commands, facts = rows_and_logs(seed=8)
    await fold(database, log_of(REQUESTS, commands), log_of(EVENTS, facts))
    by_id = {row.export_id: row.columns for row in rows}

    found = await listed(reads, "")

    for state in found.states:
        held = row_of(state)
        assert {name: held[name] for name in by_id[state.export_id] if name != "id"} == {
            name: value for name, value in by_id[state.export_id].items() if name != "id"
        }
