from __future__ import annotations

import asyncio

import psycopg
import pytest
from pydantic import SecretStr

from cdr_exports.domain.errors import Transient
from cdr_exports.runtime.postgres import Database
from cdr_exports.runtime.settings import PostgresSettings


async def count(database: Database) -> int:
    async with database.transaction() as transaction:
        [row] = await transaction.rows("SELECT count(*) AS n FROM projection_offsets")
    n: int = row["n"]
    return n


async def test_a_transaction_that_is_left_by_an_exception_leaves_nothing_behind(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO projection_offsets (topic, partition) VALUES ('t', 1)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()

    assert await count(database) == 0


async def test_a_mistake_in_a_statement_is_not_taken_for_an_outage(database: Database) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        async with database.transaction() as transaction:
            await transaction.rows("SELECT * FROM no_such_table")


async def test_a_server_that_is_away_is_transient() -> None:
    async with Database(PostgresSettings(postgres_dsn=SecretStr("postgresql://nobody@127.0.0.1:1/x"))) as database:
        with pytest.raises(Transient):
            await count(database)


async def test_times_come_back_in_utc(database: Database) -> None:
    async with database.transaction() as transaction:
        [row] = await transaction.rows("SELECT timestamptz '2026-07-01 12:00:00+03' AS t")

    assert row["t"].isoformat() == "2026-07-01T09:00:00+00:00"


async def test_a_notification_wakes_when_its_transaction_commits(database: Database) -> None:
    wakes = database.wakes("test", at_least_every_seconds=30)
    await anext(wakes)
    woken = asyncio.ensure_future(anext(wakes))

    async with database.transaction() as transaction:
        await transaction.rows("SELECT pg_notify('test', '')")

    await asyncio.wait_for(woken, timeout=5)
    await wakes.aclose()


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancellation_is_heeded_even_at_the_moment_a_connection_is_handed_out(
    settings: PostgresSettings, turns: int
) -> None:
    async def work() -> None:
        async with database.transaction():
            await asyncio.Event().wait()

    async with Database(settings.model_copy(update={"postgres_pool_size": 1})) as database:
        async with database.transaction():
            waiting = asyncio.create_task(work())
            await asyncio.wait([waiting], timeout=0.01)  # until it stands in line
        for _ in range(turns):
            await asyncio.sleep(0)

        waiting.cancel()

        done, _ = await asyncio.wait([waiting], timeout=5)
        assert done
        assert waiting.cancelled()
