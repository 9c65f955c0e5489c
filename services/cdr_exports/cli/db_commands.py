"""`cdr-exports db …`: the schema of the read model."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cdr_exports.cli.output import say, say_json
from cdr_exports.cli.surroundings import settings

app = typer.Typer()

MIGRATIONS = "cdr_exports.projection"


@app.callback()
def _group() -> None:
    """Keeps `migrate` a subcommand although it is the only one."""


@app.command(epilog="Example: CDR_EXPORTS_POSTGRES_DSN_FILE=/run/secrets/dsn cdr-exports db migrate")
def migrate(as_json: Annotated[bool, typer.Option("--json", help="Print what was applied as JSON.")] = False) -> None:
    """Apply the migrations that are missing. Any number of these may run at once."""
    from cdr_exports.runtime import postgres
    from cdr_exports.runtime.settings import PostgresSettings

    dsn = settings(PostgresSettings).postgres_dsn.get_secret_value()
    applied = asyncio.run(postgres.migrate(dsn, postgres.migrations_of(MIGRATIONS)))
    if as_json:
        say_json(applied)
        return
    for name in applied:
        say(f"applied {name}")
    if not applied:
        say("the schema is current")
