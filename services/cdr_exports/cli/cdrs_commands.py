"""`cdr-exports cdrs …`: demo CDRs in ClickHouse, the same for the same seed, and how many there are."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cdr_exports.cli.output import quiet_logs, say, say_json
from cdr_exports.cli.surroundings import settings
from cdr_exports.domain.errors import Misconfigured
from cdr_exports.domain.identity import AccountId

if TYPE_CHECKING:
    from cdr_exports.domain.filters import Period

app = typer.Typer()

LARGEST_SEED = (1 << 20) - 1
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@app.command(epilog="Example: cdr-exports cdrs generate --rows 1000000 --account 71")
def generate(
    rows: Annotated[int, typer.Option(min=1, help="How many.")],
    account: Annotated[
        list[int] | None,
        typer.Option(min=1, max=2**32 - 1, metavar="ID", help="Whose; repeatable. All of the directory by default."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Another seed makes other CDRs.")] = 1,
    time_from: Annotated[datetime | None, typer.Option("--from", formats=FORMATS, help="UTC.")] = None,
    time_to: Annotated[datetime | None, typer.Option("--to", formats=FORMATS, help="UTC, exclusive.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Make demo CDRs, and their table where there is none. The same call makes the same CDRs: twice, they are double."""
    from cdr_exports.cli import demo_cdrs
    from cdr_exports.runtime.settings import ClickHouseSettings

    quiet_logs()
    clickhouse, period = settings(ClickHouseSettings), _period(time_from, time_to)
    accounts = [AccountId(each) for each in account] if account else _accounts_of_directory()

    async def make() -> float:
        await demo_cdrs.make_table(clickhouse)
        return await demo_cdrs.make_rows(clickhouse, rows=rows, accounts=accounts, seed=seed, period=period)

    seconds = asyncio.run(make())
    if as_json:
        say_json({"rows": rows, "accounts": accounts, "seconds": round(seconds, 3)})
    else:
        say(f"made {rows:,} CDRs in {seconds:.1f} s")


@app.command(epilog="Example: cdr-exports cdrs count --account 71")
def count(
    account: Annotated[
        int | None, typer.Option(min=1, max=2**32 - 1, metavar="ID", help="Of this account only.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figure as JSON.")] = False,
) -> None:
    """Count the CDRs in the table."""
    from cdr_exports.cli import demo_cdrs
    from cdr_exports.runtime.settings import ClickHouseSettings

    quiet_logs()
    clickhouse = settings(ClickHouseSettings)
    found = asyncio.run(demo_cdrs.count_rows(clickhouse, None if account is None else AccountId(account)))
    if as_json:
        say_json({"rows": found})
    else:
        say(str(found))


def _period(time_from: datetime | None, time_to: datetime | None) -> Period:
    from cdr_exports.cli.demo_cdrs import PERIOD
    from cdr_exports.domain.filters import Period

    start = PERIOD.start if time_from is None else time_from.replace(tzinfo=UTC)
    end = PERIOD.end if time_to is None else time_to.replace(tzinfo=UTC)
    if start >= end:
        raise typer.BadParameter(f"the period from {start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} is empty")
    return Period(start=start, end=end)


def _accounts_of_directory() -> list[AccountId]:
    from cdr_exports.cli.directory_commands import present_directory
    from cdr_exports.runtime.settings import KafkaSettings

    accounts = [each.account_id for each in present_directory(settings(KafkaSettings)).accounts()]
    if not accounts:
        raise Misconfigured(["the directory has no account yet: give --account, or `cdr-exports directory apply FILE`"])
    return accounts
