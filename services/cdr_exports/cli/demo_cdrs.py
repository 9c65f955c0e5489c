"""Demo CDRs put into ClickHouse: the table where it is missing, and rows that are the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from importlib.resources import files
from time import monotonic

from cdr_exports.cli.output import bar
from cdr_exports.domain.filters import Period
from cdr_exports.domain.identity import AccountId
from cdr_exports.local.cdr_generator import insert_statements
from cdr_exports.runtime.clickhouse import ClickHouse
from cdr_exports.runtime.settings import ClickHouseSettings

SEED = 1
PERIOD = Period(start=datetime(2026, 10, 1, tzinfo=UTC), end=datetime(2026, 11, 1, tzinfo=UTC))
"""A month: the same data on whatever day it is made."""
BATCH_ROWS = 250_000


async def make_table(settings: ClickHouseSettings) -> None:
    """The CDR table, unless it is there. Raises Transient, QueryFailed."""
    ddl = files("cdr_exports.local").joinpath("cdrs.sql").read_text(encoding="utf-8")
    with closing(ClickHouse(settings)) as clickhouse:
        await clickhouse.command(
            ddl.replace("IF NOT EXISTS cdrs", f"IF NOT EXISTS {settings.clickhouse_table}").strip().rstrip(";")
        )


async def make_rows(
    settings: ClickHouseSettings,
    *,
    rows: int,
    accounts: Sequence[AccountId],
    seed: int = SEED,
    period: Period = PERIOD,
) -> float:
    """`rows` CDRs, spread over the accounts and the period, with a progress bar; gives the seconds it took."""
    began, done = monotonic(), 0
    with closing(ClickHouse(settings)) as clickhouse, bar("making CDRs", total=rows, unit="rows") as progress:
        for statement in insert_statements(
            table=settings.clickhouse_table,
            rows=rows,
            seed=seed,
            accounts=accounts,
            period=(period.start, period.end),
            batch_rows=BATCH_ROWS,
        ):
            await clickhouse.command(statement)
            done = min(done + BATCH_ROWS, rows)
            progress.at(done)
    return monotonic() - began


async def count_rows(settings: ClickHouseSettings, account: AccountId | None = None) -> int:
    """CDRs in the table, of one account or of all."""
    with closing(ClickHouse(settings)) as clickhouse:
        where = "" if account is None else " WHERE customer_acc_id = {account:UInt32}"
        sql = f"SELECT count() FROM {settings.clickhouse_table}{where}"  # noqa: S608 -- the table is a checked setting
        ((count,),) = await clickhouse.rows(sql, {} if account is None else {"account": account})
        return int(count)
