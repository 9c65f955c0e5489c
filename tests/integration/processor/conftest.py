"""A table of its own for each test that asks for one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cdr_exports.runtime.clickhouse import ClickHouse
from cdr_exports.runtime.settings import ClickHouseSettings
from tests.integration.processor.exports import Workshop, workshop

Make = Callable[..., Workshop]


@pytest.fixture(scope="session")
def database(clickhouse: Any) -> Iterator[ClickHouse]:
    client = ClickHouse(ClickHouseSettings(clickhouse_url=clickhouse.url))
    yield client
    client.close()


@pytest.fixture
async def table(database: ClickHouse) -> AsyncIterator[str]:
    name = f"cdrs_{uuid4().hex[:8]}"
    ddl = files("cdr_exports.local").joinpath("cdrs.sql").read_text()
    await database.command(ddl.replace("IF NOT EXISTS cdrs", f"IF NOT EXISTS {name}"))
    yield name
    await database.command(f"DROP TABLE {name}")


@pytest.fixture
def make_workshop(database: ClickHouse, table: str, tmp_path: Path) -> Iterator[Make]:
    opened = []

    def make(**settings: Any) -> Workshop:
        context = workshop(database, tmp_path / "store", table=table, **settings)
        opened.append(context)
        return context.__enter__()

    yield make
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture
def insert(database: ClickHouse, table: str) -> Callable[[list[Mapping[str, Any]]], Any]:
    async def put(rows: list[Mapping[str, Any]]) -> None:
        lines = "\n".join(json.dumps(each) for each in rows)
        await database.command(f"INSERT INTO {table} FORMAT JSONEachRow\n{lines}")

    return put


@pytest.fixture
def fill(database: ClickHouse, table: str) -> Callable[..., Any]:
    """Many plain CDRs: `rows` of them, `step_micros` apart from the day's start on."""

    async def put(
        rows: int, *, step_micros: int = 1_000_000, first_id: int = 1, start: str = "2026-03-01 00:00:00"
    ) -> None:
        await database.command(
            f"INSERT INTO {table} (id, customer_acc_id, time_start, success, duration, customer_duration, customer_price, "
            f"src_prefix_routing, src_name_in) SELECT {first_id} + number, 71, "
            f"toDateTime64('{start}', 6, 'UTC') + toIntervalMicrosecond(number * {step_micros}), number % 2, number % 100, "
            "number % 100 + 1, toDecimal128(number, 20) / 7, toString(number), "
            f"if(number % 10 = 0, 'x\\n\"y\",z', NULL) FROM numbers({rows})"
        )

    return put
