"""The list of an account with a million exports: which index it reads, and, printed, how long PostgreSQL takes.

Times are printed and not judged: a test does not depend on speed.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import psycopg
import pytest

from cdr_exports.api import query
from cdr_exports.projection.list_query import list_query
from cdr_exports.projection.reads import listing
from cdr_exports.runtime.postgres import named_sql
from cdr_exports.runtime.settings import PostgresSettings

EXPORTS = 1_000_000
FILL = """
INSERT INTO exports (export_id, account_id, status, rows_count, created_at, updated_at, time_format, time_zone_name, state)
SELECT id, CASE WHEN n % 100 = 0 THEN 72 ELSE 71 END, (ARRAY['Completed', 'Failed', 'Deleted'])[1 + n % 3],
       CASE WHEN n % 3 = 0 THEN n END, timestamptz '2026-01-01 00:00Z' + n * interval '1 second',
       timestamptz '2026-01-01 00:01Z' + n * interval '1 second', 'with_timezone',
       CASE WHEN n % 2 = 0 THEN 'Europe/Kyiv' END, json_build_object('export_id', id, 'as wide as a state', repeat('x', 300))
  FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, %(exports)s) AS n) AS each
"""
PAGE = {"Index Only Scan: exports_listed", "Index Scan: exports_pkey"}
COUNT = {"Index Only Scan: exports_counted"}


class Case(NamedTuple):
    statement: str
    query: str
    offset: int = 0
    accounts: tuple[int, ...] = (71,)


FROM_THE_INDEX = {
    "first page": Case("page", ""),
    "first page of two accounts": Case("page", "", accounts=(71, 72)),
    "oldest first": Case("page", "sort=created-at"),
    "one status": Case("page", "filter[status_eq]=Failed"),
    "since a day": Case("page", "filter[created_at_gteq]=2026-01-11"),
    "count": Case("count", ""),
}
JUST_TIMED = {
    "a page in the middle": Case("page", "", offset=EXPORTS // 2),
    "a condition that few meet": Case("page", "filter[rows_count_gteq]=999000&filter[status_in]=Completed"),
    "another order": Case("page", "sort=-rows-count"),
    "count of one status": Case("count", "filter[status_eq]=Failed"),
    "count since a day": Case("count", "filter[created_at_gteq]=2026-01-11"),
}
"""Which way PostgreSQL takes for these depends on what is in its memory."""


@pytest.fixture
async def filled(settings: PostgresSettings) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    dsn = settings.postgres_dsn.get_secret_value()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("ALTER TABLE exports SET UNLOGGED")  # nothing is to survive here
        await connection.execute(FILL.replace("%(exports)s", str(EXPORTS)).encode())
        await connection.execute("VACUUM ANALYZE exports")
        yield connection


async def explained(connection: psycopg.AsyncConnection[Any], case: Case) -> dict[str, Any]:
    asked = list_query(query.parse(case.query.encode()))
    statement = listing(named_sql("cdr_exports.projection")[case.statement], asked.conditions, asked.order)
    values = {"account_ids": list(case.accounts)} | {each.parameter: each.value for each in asked.conditions}
    cursor = await connection.execute(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}".encode(),
        {**values, "offset": case.offset, "limit": 50, "through": case.offset + 50},
    )
    [[[plan]]] = await cursor.fetchall()
    return dict(plan)


def scans(node: dict[str, Any]) -> set[str]:
    """Which tables and indexes a plan reads, and how."""
    here = (
        {f"{node['Node Type']}: {node.get('Index Name') or node['Relation Name']}"}
        if "Relation Name" in node
        else set()
    )
    return here.union(*(scans(each) for each in node.get("Plans", [])))


def blocks(plan: dict[str, Any]) -> int:
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])


async def test_a_million_exports_are_listed_out_of_one_index(filled: psycopg.AsyncConnection[Any]) -> None:
    plans = {}
    for name, case in (FROM_THE_INDEX | JUST_TIMED).items():
        await explained(filled, case)  # into memory
        plans[name] = await explained(filled, case)
        milliseconds = plans[name]["Planning Time"] + plans[name]["Execution Time"]
        print(f"{name:28}{milliseconds:9.2f} ms{blocks(plans[name]):9} blocks", file=sys.stderr)  # noqa: T201

    for name, case in FROM_THE_INDEX.items():
        assert scans(plans[name]["Plan"]) == (PAGE if case.statement == "page" else COUNT), name
    assert blocks(plans["first page"]) < 1000
