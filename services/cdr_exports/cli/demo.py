"""`cdr-exports demo`: what `make demo` runs. The local stack, a million CDRs, one export through the API, checked.

It uses what every user has: the customer's client over HTTP, `verify`, and ClickHouse's own figures to hold it against.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cdr_exports.cli.output import Failed, human_bytes, quiet_logs, remark, say, say_json

if TYPE_CHECKING:
    from cdr_exports.cli.export_resource import Export
    from cdr_exports.local.folder import Folder

app = typer.Typer()

ACCOUNT, ACCOUNT_UUID, ACCESS = 71, "7a108ca2-39c4-11f1-8c50-82ad38f4dd55", 15
"""Of local/demo_directory.yaml."""
TOKEN_SECONDS = 86_400


@app.command(epilog="Example: cdr-exports demo --rows 200000 --once")
def demo(
    rows: Annotated[int, typer.Option(min=1, help="CDRs to make, where the account has none yet.")] = 1_000_000,
    port: Annotated[int | None, typer.Option(help="Of the customer API.  [default: as last time, or 8080]")] = None,
    once: Annotated[bool, typer.Option("--once", help="End when the export is checked.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Start the local stack, export a million CDRs, check the file, and stay up until Ctrl-C."""
    from cdr_exports.cli.local_commands import down
    from cdr_exports.local.folder import Folder
    from cdr_exports.runtime.settings import LocalSettings, load

    quiet_logs()
    folder = Folder(load(LocalSettings).local_dir)
    started = _started(folder, port)
    try:
        figures = _export_and_check(folder, rows)
        if as_json:
            say_json(figures)
        else:
            _report(figures)
        if not once:
            _stay()
    finally:
        if started:
            remark("stopping the stack")
            down()


def _started(folder: Folder, port: int | None) -> bool:
    """Whether a stack had to be started; one that runs already is used, and left running."""
    from importlib.resources import as_file, files

    from cdr_exports.cli.local_background import run_behind
    from cdr_exports.local.control import NotRunning, ask

    try:
        ask(folder, "status", timeout_seconds=10)
    except NotRunning:
        with as_file(files("cdr_exports.local") / "demo_directory.yaml") as directory:
            chosen = [] if port is None else ["--port", str(port)]
            run_behind(folder, ["--directory", str(directory), *chosen])
        return True
    remark("using the stack that runs already")
    return False


def _export_and_check(folder: Folder, rows: int) -> dict[str, Any]:
    from cdr_exports.cli import demo_cdrs, verify
    from cdr_exports.cli.connection import customer
    from cdr_exports.cli.export_commands import ended, fetched
    from cdr_exports.cli.surroundings import settings
    from cdr_exports.domain.identity import AccountId
    from cdr_exports.runtime.settings import ClickHouseSettings

    clickhouse = settings(ClickHouseSettings)
    if not asyncio.run(demo_cdrs.count_rows(clickhouse, AccountId(ACCOUNT))):
        asyncio.run(demo_cdrs.make_rows(clickhouse, rows=rows, accounts=[AccountId(ACCOUNT)]))
    period = demo_cdrs.PERIOD
    filters = {"time_start_gteq": period.start.isoformat(), "time_start_lt": period.end.isoformat()}
    files = folder.path / "demo"
    files.mkdir(exist_ok=True)
    with customer(None, None) as client:
        export = ended(client, client.create(account=ACCOUNT_UUID, filters=filters))
        file = fetched(client, export, files / export.file_name)
    found = verify.check(file, verify.promise_of_export(export.id, None, None))
    own = asyncio.run(_clickhouse_figures(clickhouse))
    compared = {name: (found[name], value) for name, value in own.items()}
    if unequal := [f"{name}: the file {a}, ClickHouse {b}" for name, (a, b) in compared.items() if a != b]:
        raise Failed("the file is not what ClickHouse says: " + "; ".join(unequal))
    seconds = _seconds(export)
    return {
        "export": export.id,
        "file": str(file),
        "seconds": seconds,
        "rows_per_second": round(found["rows"] / seconds) if seconds else None,
        **found,
    }


async def _clickhouse_figures(settings: Any) -> dict[str, Any]:
    """Rows and totals of the account as ClickHouse itself counts them, by a query that no part of the export uses."""
    from cdr_exports.runtime.clickhouse import ClickHouse

    sql = (
        "SELECT count(), sum(duration), sum(customer_duration), toString(sum(customer_price)) "  # noqa: S608
        f"FROM {settings.clickhouse_table} WHERE customer_acc_id = {ACCOUNT}"
    )
    with closing(ClickHouse(settings)) as clickhouse:
        ((rows, duration, customer_duration, price),) = await clickhouse.rows(sql)
    return {
        "rows": rows,
        "duration_seconds": duration,
        "customer_duration_seconds": customer_duration,
        "customer_price": Decimal(price),
    }


def _seconds(export: Export) -> float:
    """From the request to its completion, as the API tells them."""
    attributes = export.resource["attributes"]
    created, updated = (datetime.fromisoformat(attributes[name]) for name in ("created-at", "updated-at"))
    return round((updated - created).total_seconds(), 2)


def _report(figures: dict[str, Any]) -> None:
    from cdr_exports.cli.local_screen import where_everything_is
    from cdr_exports.cli.surroundings import local_status
    from cdr_exports.cli.token_commands import token_of_access
    from cdr_exports.domain.identity import ApiAccessId

    say("")
    say(f"{'rows':<23}{figures['rows']:,}")
    say(f"{'bytes':<23}{figures['bytes']:,} ({human_bytes(figures['raw_bytes'])} uncompressed)")
    say(f"{'seconds':<23}{figures['seconds']} from the request to its completion")
    say(f"{'rows a second':<23}{figures['rows_per_second']:,}")
    say(f"{'SHA-256':<23}{figures['sha256']}")
    say("checked                one whole gzip member; rows and totals equal ClickHouse's own")
    say(f"{'file':<23}{Path(figures['file'])}")
    say("")
    say(where_everything_is(local_status() or {"metrics": {}}))
    say(f"{'token (a day)':<23}{token_of_access(ApiAccessId(ACCESS), TOKEN_SECONDS)}")


def _stay() -> None:
    """Until Ctrl-C or SIGTERM."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    remark("everything stays up until Ctrl-C")
    try:
        over.wait()
    except KeyboardInterrupt:
        remark("")
