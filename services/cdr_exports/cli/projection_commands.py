"""`cdr-exports projection …`: the read model as it stands."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from cdr_exports.cli.output import quiet_logs, say
from cdr_exports.cli.surroundings import settings

if TYPE_CHECKING:
    from cdr_exports.runtime.settings import PostgresSettings

app = typer.Typer()


@app.callback()
def _group() -> None:
    """Keeps `dump` a subcommand although it is the only one."""


@app.command(epilog="Example: cdr-exports projection dump > before.jsonl")
def dump() -> None:
    """Print every export of the read model as sorted JSON lines: one log, one dump, byte for byte."""
    from cdr_exports.runtime.settings import PostgresSettings

    quiet_logs()
    asyncio.run(_dump(settings(PostgresSettings)))


async def _dump(postgres: PostgresSettings) -> None:
    from cdr_exports.projection.dump import dump as lines_of
    from cdr_exports.runtime.postgres import Database

    async with Database(postgres) as database:
        async for line in lines_of(database):
            say(line.decode().rstrip("\n"))
