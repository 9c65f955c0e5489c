"""`cdr-exports verify`: is this file the one that was made, and does it hold what was counted?

The file is measured by itself first and compared then. What it is compared with comes from a manifest in a file, from
the manifest in the store where this machine may read it, or from what the API says of the export.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol
from uuid import UUID

import typer

from cdr_exports.cli.connection import TokenOption, UrlOption, customer
from cdr_exports.cli.output import Failed, bar, remark, say, say_json
from cdr_exports.cli.surroundings import environment_and_local

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdr_exports.cli.file_figures import Figures
    from cdr_exports.domain.parts import Manifest

app = typer.Typer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a file was said to be. None: `told_by` does not say."""

    told_by: str
    format: str
    bytes: int
    sha256: str
    rows: int
    raw_bytes: int | None = None
    crc32: int | None = None
    header: tuple[str, ...] | None = None
    duration_seconds: int | None = None
    customer_duration_seconds: int | None = None
    customer_price: Decimal | None = None


COMPARED = (
    "bytes",
    "sha256",
    "raw_bytes",
    "crc32",
    "header",
    "rows",
    "duration_seconds",
    "customer_duration_seconds",
    "customer_price",
)
"""In the order in which they are compared."""


@app.command(epilog="Example: cdr-exports verify 01981c2e-6f2b-7000-8000-000000000001.csv.gz --manifest manifest.json")
def verify(
    file: Annotated[Path, typer.Argument(help="The file.", exists=True, dir_okay=False)],
    manifest: Annotated[Path | None, typer.Option(help="Its manifest.", exists=True, dir_okay=False)] = None,
    export: Annotated[
        str | None, typer.Option(metavar="ID", help="Its export; by default what the file's name says.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
    url: UrlOption = None,
    token: TokenOption = None,
) -> None:
    """Check a file: size, SHA-256, contents, rows and totals. Exit code 1 if anything differs.

    A gzipped file must be one whole member; what a Parquet file holds is read where pyarrow is installed.
    """
    if manifest is not None and export is not None:
        raise typer.BadParameter("give one of --manifest and --export")
    if manifest is not None:
        promise = promise_of_manifest(_manifest(manifest.read_bytes()), str(manifest))
    else:
        promise = promise_of_export(export or _id_in_name(file), url, token)
    found = check(file, promise)
    if as_json:
        say_json({"file": str(file), "told_by": promise.told_by, **found})
        return
    for name, value in found.items():
        say(f"{name}: {value}")
    if promise.format == "parquet" and not _reads_parquet():
        remark("totals were not compared: pyarrow, which would read them, is not installed")
    say(f"{file} is what {promise.told_by} says")


def check(file: Path, promise: Promise) -> dict[str, Any]:
    """What was compared and found equal. Raises Failed with the first figure that differs."""
    from cdr_exports.cli.file_figures import size_and_digest

    measure = _measure_of(promise.format)
    with bar("verifying", total=file.stat().st_size, unit="bytes") as progress:
        try:
            figures = measure(file, progress.at)
        except Failed:
            # What differs first is the size or the digest; that the content is odd as well follows from it.
            size, sha256 = size_and_digest(file)
            _compared({"bytes": size, "sha256": sha256}, promise, file)
            raise
    return _compared(_by_name(figures), promise, file)


class _Measure(Protocol):
    def __call__(self, path: Path, on_bytes: Callable[[int], None]) -> Figures: ...


def _measure_of(file_format: str) -> _Measure:
    from cdr_exports.cli import file_figures, jsonl_figures, parquet_figures

    measures: dict[str, _Measure] = {
        "csv": file_figures.measure,
        "jsonl": jsonl_figures.measure,
        "parquet": parquet_figures.measure,
    }
    try:
        return measures[file_format]
    except KeyError:
        raise Failed(f"the file's format is {file_format!r}, which this version does not know") from None


def promise_of_manifest(manifest: Manifest, told_by: str) -> Promise:
    from cdr_exports.domain.columns import title
    from cdr_exports.domain.filters import FileFormat

    names = map(title, manifest.columns) if manifest.file.format is FileFormat.CSV else manifest.columns
    return Promise(
        told_by=told_by,
        format=manifest.file.format.value,
        bytes=manifest.file.bytes,
        sha256=manifest.file.sha256,
        raw_bytes=manifest.file.raw_bytes,
        crc32=manifest.file.crc32,
        header=tuple(names),
        rows=manifest.rows,
        duration_seconds=manifest.totals.duration_seconds,
        customer_duration_seconds=manifest.totals.customer_duration_seconds,
        customer_price=manifest.totals.customer_price,
    )


def promise_of_export(export_id: str, url: str | None, token: str | None) -> Promise:
    """From the manifest in the store where one is configured, else from the API."""
    from cdr_exports.runtime.settings import PREFIX, StoreSettings, load

    environment = environment_and_local()
    if url is None and {f"{PREFIX}STORE_URL", f"{PREFIX}STORE_URL_FILE"} & environment.keys():
        store_url = load(StoreSettings, environment).store_url
        return asyncio.run(_promise_in_store(export_id, store_url))
    with customer(url, token) as client:
        export = client.show(export_id)
    if export.file is None:
        raise Failed(f"the export {export_id} has no file: it is {export.status}")
    totals = export.file.totals
    return Promise(
        told_by=f"the API of export {export_id}",
        format=(export.resource.get("meta") or {}).get("file-format", "csv"),
        bytes=export.file.bytes,
        sha256=export.file.sha256,
        rows=export.file.rows,
        duration_seconds=totals.get("duration"),
        customer_duration_seconds=totals.get("customer-duration"),
        customer_price=Decimal(totals["customer-price"]) if "customer-price" in totals else None,
    )


async def _promise_in_store(export_id: str, store_url: str) -> Promise:
    from cdr_exports.domain import object_names
    from cdr_exports.domain.identity import ExportId
    from cdr_exports.runtime.storage import Store

    try:
        name = object_names.manifest(ExportId(UUID(export_id)))
    except ValueError as error:
        raise Failed(f"{export_id}: not the id of an export") from error
    data = await Store.open(store_url).read(name)
    if data is None:
        raise Failed(f"the export {export_id} has no manifest in the store: it is not complete, or of another store")
    return promise_of_manifest(_manifest(data), f"the manifest of export {export_id}")


def _reads_parquet() -> bool:
    from cdr_exports.cli.parquet_figures import pyarrow_is_installed

    return pyarrow_is_installed()


def _manifest(data: bytes) -> Manifest:
    from cdr_exports.contract.ledger_format import load_manifest

    return load_manifest(data)


def _id_in_name(file: Path) -> str:
    name = file.name.split(".", 1)[0]
    try:
        return str(UUID(name))
    except ValueError:
        raise typer.BadParameter(f"{file.name} does not name its export: give --manifest or --export") from None


def _by_name(figures: Figures) -> dict[str, Any]:
    return {name: value for name in COMPARED if (value := getattr(figures, name)) is not None}


def _compared(found: dict[str, Any], promise: Promise, file: Path) -> dict[str, Any]:
    """The part of `found` that the promise speaks of. A sum whose column the file does not have is not compared."""
    compared = {}
    for name in (each for each in COMPARED if each in found):
        promised = getattr(promise, name)
        if promised is None:
            continue
        if found[name] != promised:
            raise Failed(f"{file}: {name} is {found[name]}; {promise.told_by} says {promised}")
        compared[name] = len(promised) if name == "header" else promised
    return compared
