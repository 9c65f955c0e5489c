"""Slices that ClickHouse never comes to an end with: no fault, a real query that runs until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from cdr_exports.runtime.clickhouse import ClickHouse
from tests.integration.processor.exports import Workshop


@asynccontextmanager
async def endless_view(database: ClickHouse, table: str) -> AsyncIterator[str]:
    """A name under which no row of `table` is ever found, nor found to be missing."""
    name = f"endless_{uuid4().hex[:8]}"
    await database.command(
        f"CREATE VIEW {name} AS SELECT {table}.* FROM {table} CROSS JOIN numbers(1000000000000) AS n "
        "WHERE sipHash64(n.number) = 0"
    )
    yield name
    await database.command(f"DROP VIEW {name}")


def make_slices_from(workshop: Workshop, view: str) -> None:
    """Plans are made of the table still."""
    workshop.exporter._maker._table = view


async def running(database: ClickHouse, view: str) -> int:
    """How many queries on it the server works on."""
    found = await database.rows(
        "SELECT count() FROM system.processes WHERE position(query, {view:String}) > 0 "
        "AND position(query, 'position(') = 0",  # this one has the name in it as well
        {"view": view},
    )
    return int(found[0][0])


async def until_running(database: ClickHouse, view: str, queries: int) -> None:
    while await running(database, view) != queries:
        await asyncio.sleep(0.02)
