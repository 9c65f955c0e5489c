"""Demo CDRs as the engine makes them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any
from uuid import uuid4

import pytest

from cdr_exports.domain.identity import AccountId
from cdr_exports.local.cdr_generator import insert_statements
from cdr_exports.runtime import clickhouse as runtime
from cdr_exports.runtime.settings import ClickHouseSettings
from tests.stack import ClickHouse

ROWS = 30_000
ACCOUNTS = [AccountId(71), AccountId(72), AccountId(73)]
PERIOD = (datetime(2026, 7, 1, 5, 30, tzinfo=UTC), datetime(2026, 7, 4, 11, 0, tzinfo=UTC))
CONTENT = "SELECT count(), sum(cityHash64(toString(tuple(*)))) FROM"


class Table:
    """A CDR table of one test."""

    def __init__(self, client: runtime.ClickHouse, name: str) -> None:
        self.client, self.name = client, name

    async def fill(self, **changes: Any) -> None:
        wanted: dict[str, Any] = {"rows": ROWS, "seed": 1, "accounts": ACCOUNTS, "period": PERIOD}
        for statement in insert_statements(table=self.name, **(wanted | changes)):
            await self.client.command(statement)

    async def row(self, columns: str) -> Sequence[Any]:
        return (await self.client.rows(f"SELECT {columns} FROM {self.name}"))[0]

    async def content(self) -> Sequence[Any]:
        return (await self.client.rows(f"{CONTENT} {self.name}"))[0]


@pytest.fixture
async def tables(clickhouse: ClickHouse) -> AsyncIterator[list[Table]]:
    client = runtime.ClickHouse(ClickHouseSettings(clickhouse_url=clickhouse.url))
    tables = [Table(client, f"demo_{uuid4().hex[:8]}") for _ in range(2)]
    ddl = files("cdr_exports.local").joinpath("cdrs.sql").read_text()
    for table in tables:
        await client.command(ddl.replace("EXISTS cdrs", f"EXISTS {table.name}"))
    yield tables
    for table in tables:
        await client.command(f"DROP TABLE {table.name}")
    client.close()


async def test_the_same_seed_makes_the_same_cdrs_whatever_the_batches(tables: list[Table]) -> None:
    await tables[0].fill()
    await tables[1].fill(batch_rows=7_777)

    assert await tables[0].content() == await tables[1].content()


async def test_another_seed_makes_other_cdrs_with_other_ids(tables: list[Table]) -> None:
    await tables[0].fill()
    await tables[0].fill(seed=2)

    assert await tables[0].row("count(), uniqExact(id)") == (2 * ROWS, 2 * ROWS)


async def test_cdrs_lie_in_the_period_and_belong_to_the_accounts(tables: list[Table]) -> None:
    await tables[0].fill()

    first, last, accounts = await tables[0].row("min(time_start), max(time_start), groupUniqArray(customer_acc_id)")

    assert PERIOD[0] <= first.replace(tzinfo=UTC) <= last.replace(tzinfo=UTC) < PERIOD[1]
    assert sorted(accounts) == ACCOUNTS


async def test_days_are_busier_than_nights(tables: list[Table]) -> None:
    await tables[0].fill()

    day, night = await tables[0].row(
        "countIf(toHour(time_start) = 14 AND toDate(time_start) = '2026-07-02'),"
        " countIf(toHour(time_start) = 2 AND toDate(time_start) = '2026-07-02')"
    )

    assert day > 3 * night > 0


async def test_cdrs_hold_what_breaks_exports(tables: list[Table]) -> None:
    await tables[0].fill()

    found = await tables[0].row(
        "countIf(src_name_in IS NULL), countIf(src_name_in = ''), countIf(src_name_in LIKE '%\"%'),"
        " countIf(src_name_in LIKE '%\\n%'), countIf(src_name_in LIKE '%📞%'), countIf(auth_orig_ip = ''),"
        " countIf(auth_orig_ip LIKE '%:%'), countIf(customer_price IS NULL), countIf(time_connect IS NULL),"
        " countIf(customer_price * 1000000 != floor(customer_price * 1000000))"
    )

    assert all(count > ROWS / 1000 for count in found)


async def test_a_period_of_an_hour_and_one_account_will_do(tables: list[Table]) -> None:
    hour = (datetime(2026, 7, 1, 10, tzinfo=UTC), datetime(2026, 7, 1, 11, tzinfo=UTC))

    await tables[0].fill(accounts=[AccountId(5)], period=hour, rows=100)

    counted = await tables[0].row("count(), uniqExact(customer_acc_id), uniqExact(toHour(time_start))")
    assert counted == (100, 1, 1)
