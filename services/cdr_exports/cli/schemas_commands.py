"""`cdr-exports schemas …`: whether the published schemas keep their promise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cdr_exports.cli.output import Failed, remark, say, say_json

app = typer.Typer()


@app.callback()
def _group() -> None:
    """Keeps `check` a subcommand although it is the only one."""


@app.command(epilog="Example: cdr-exports schemas check")
def check(
    folder: Annotated[
        Path | None,
        typer.Option(help="A folder of schemas; this installation's by default.", exists=True, file_okay=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the faults as a JSON list.")] = False,
) -> None:
    """Check that every version reads every other (FULL_TRANSITIVE), and that all golden bytes decode."""
    from cdr_exports.contract.compatibility import check_schemas

    faults = check_schemas(folder)
    if as_json:
        say_json(faults)
    else:
        for fault in faults:
            remark(fault)
    if faults:
        raise Failed(f"{len(faults)} faults in the schemas")
    if not as_json:
        say("the schemas are compatible and their golden bytes decode")
