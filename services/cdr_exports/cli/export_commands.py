"""`cdr-exports export …`: what a customer can do, by the customer's own door, HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cdr_exports.cli.connection import TokenOption, UrlOption, customer
from cdr_exports.cli.output import Failed, bar, figure, human_bytes, remark, say, say_json, say_table

if TYPE_CHECKING:
    from cdr_exports.cli.customer import Customer
    from cdr_exports.cli.export_resource import Export

app = typer.Typer()

Id = Annotated[str, typer.Argument(metavar="ID", help="The export's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the resource object.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Where to put the file; by default its own name, here.")
]


@app.command(
    epilog="Example: cdr-exports export create --account 7a108ca2-39c4-11f1-8c50-82ad38f4dd55 --from 2026-07-01 "
    "--to 2026-08-01 --filter success_eq=true --wait --output july.csv.gz"
)
def create(
    account: Annotated[str, typer.Option(help="UUID of the account.")],
    time_from: Annotated[str, typer.Option("--from", help="First instant, UTC unless it has an offset.")],
    time_to: Annotated[str, typer.Option("--to", help="The instant before which the export ends.")],
    conditions: Annotated[
        list[str] | None,
        typer.Option("--filter", metavar="KEY=VALUE", help="duration_gteq=60 and the like; repeatable."),
    ] = None,
    file_format: Annotated[str, typer.Option("--format", help="csv, parquet or jsonl.")] = "csv",
    dialect: Annotated[str, typer.Option(help="raw or spreadsheet-safe.")] = "raw",
    time_zone: Annotated[str | None, typer.Option(help="Zone of the times in the file, such as Europe/Kyiv.")] = None,
    time_format: Annotated[
        str | None, typer.Option(help="with_timezone, without_timezone or round_to_seconds.")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key gives the same export, however often it is asked for.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until the export has ended.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Wait and download to this file.")] = None,
    as_json: AsJson = False,
    url: UrlOption = None,
    token: TokenOption = None,
) -> None:
    """Ask for an export; print its id, or with --wait how it ended."""
    filters = {"time_start_gteq": time_from, "time_start_lt": time_to, **_pairs(conditions or [])}
    wanted = {
        "file-format": file_format,
        "csv-dialect": dialect,
        "time-zone-name": time_zone,
        "time-format": time_format,
    }
    defaults = {"file-format": "csv", "csv-dialect": "raw"}
    attributes = {name: value for name, value in wanted.items() if value is not None and defaults.get(name) != value}
    with customer(url, token) as client:
        export = client.create(account=account, filters=filters, attributes=attributes, idempotency_key=idempotency_key)
        if wait or output is not None:
            remark(f"export {export.id}")
            export = ended(client, export)
        if output is not None:
            fetched(client, export, output)
    if as_json:
        say_json(export.resource)
    elif wait or output is not None:
        _describe(export)
    else:
        say(export.id)


@app.command(epilog="Example: cdr-exports export show 01981c2e-6f2b-7000-8000-000000000001 --json")
def show(export_id: Id, as_json: AsJson = False, url: UrlOption = None, token: TokenOption = None) -> None:
    """Show one export as it stands."""
    with customer(url, token) as client:
        export = client.show(export_id)
    if as_json:
        say_json(export.resource)
    else:
        _describe(export)


@app.command("list", epilog="Example: cdr-exports export list --status Completed --size 10")
def list_exports(
    page: Annotated[int, typer.Option(min=1, help="Which page.")] = 1,
    size: Annotated[int, typer.Option(min=1, max=1000, help="Exports on a page.")] = 50,
    status: Annotated[str | None, typer.Option(help="Pending, Completed, Failed or Deleted.")] = None,
    as_json: AsJson = False,
    url: UrlOption = None,
    token: TokenOption = None,
) -> None:
    """List exports, newest first."""
    with customer(url, token) as client:
        found = client.exports(page=page, size=size, status=status)
    if as_json:
        say_json([export.resource for export in found.exports])
        return
    headings = ("id", "created", "stage", "percent", "rows", "bytes", "failure")
    say_table(
        headings,
        (
            (each.id, each.created_at, each.stage, each.percent, each.rows, each.bytes, each.failure)
            for each in found.exports
        ),
    )
    if len(found.exports) < found.total:
        remark(f"page {page}: {len(found.exports)} of {found.total} exports")


@app.command(epilog="Example: cdr-exports export watch 01981c2e-6f2b-7000-8000-000000000001")
def watch(export_id: Id, as_json: AsJson = False, url: UrlOption = None, token: TokenOption = None) -> None:
    """Follow an export until it ends. Exit code 1 unless it completed."""
    with customer(url, token) as client:
        export = ended(client, client.show(export_id))
    if as_json:
        say_json(export.resource)
    else:
        _describe(export)


@app.command(epilog="Example: cdr-exports export download 01981c2e-6f2b-7000-8000-000000000001 --output july.csv.gz")
def download(
    export_id: Id, output: Output = None, as_json: AsJson = False, url: UrlOption = None, token: TokenOption = None
) -> None:
    """Download the file of a completed export; goes on where an earlier try was cut, and checks the digest."""
    with customer(url, token) as client:
        export = client.show(export_id)
        path = fetched(client, export, output)
    if as_json:
        say_json({"file": str(path), **(export.resource.get("meta") or {}).get("file", {})})
    else:
        say(str(path))


@app.command(epilog="Example: cdr-exports export delete 01981c2e-6f2b-7000-8000-000000000001")
def delete(export_id: Id, url: UrlOption = None, token: TokenOption = None) -> None:
    """Delete an export: a running one is cancelled, the file of a finished one removed."""
    with customer(url, token) as client:
        client.delete(export_id)
    remark(f"deleted {export_id}")


def ended(client: Customer, export: Export) -> Export:
    """The export when it has ended, with a bar until then. Raises Failed unless it completed."""
    with bar("exporting", total=100) as progress:
        for export in client.watch(export.id):  # noqa: B020 -- the newest state is the one that counts
            progress.at(export.percent, note=f"{_rows(export)}, {human_bytes(export.bytes)}, {export.stage}")
    if export.status != "Completed":
        raise Failed(
            f"the export {export.id} ended as {export.status}{f': {export.failure}' if export.failure else ''}"
        )
    return export


def fetched(client: Customer, export: Export, output: Path | None) -> Path:
    """Downloads the export's file to `output`, or under its own name here; gives the path."""
    path = output if output is not None else Path(export.file_name)
    with bar("downloading", total=export.file.bytes if export.file else None, unit="bytes") as progress:
        client.download(export, path, on_bytes=progress.at)
    return path


def _pairs(conditions: list[str]) -> dict[str, str]:
    faults = [each for each in conditions if "=" not in each]
    if faults:
        raise typer.BadParameter(f"{', '.join(map(repr, faults))}: write KEY=VALUE", param_hint="'--filter'")
    return dict(each.split("=", 1) for each in conditions)


def _rows(export: Export) -> str:
    if export.rows_total is None:
        return figure(export.rows or 0, "rows")
    return f"{export.rows or 0:,} of {export.rows_total:,} rows"


def _describe(export: Export) -> None:
    lines: dict[str, object] = {
        "id": export.id,
        "status": export.status,
        "stage": export.stage,
        "percent": export.percent,
        "rows": export.rows,
        "created": export.created_at,
    }
    if export.failure:
        lines["failure"] = export.failure
    if export.file:
        lines |= {"file": export.file.name, "bytes": export.file.bytes, "sha256": export.file.sha256}
        lines |= dict(export.file.totals)
    for name, value in lines.items():
        say(f"{name}: {'' if value is None else value}")
