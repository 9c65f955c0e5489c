"""One export in every format: the values are the same, the files are what their readers take."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable
from datetime import timedelta
from decimal import localcontext
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pyarrow
import pyarrow.parquet
import pytest

from cdr_exports.cli.verify import check, promise_of_manifest
from cdr_exports.domain.events import ExportCompleted
from cdr_exports.domain.filters import CsvDialect, FileFormat, TimeFormat
from cdr_exports.domain.parts import Manifest
from cdr_exports.runtime.clickhouse import ClickHouse
from tests.integration.processor import oracle
from tests.integration.processor.cdrs import nasty_cdrs
from tests.integration.processor.conftest import Make
from tests.integration.processor.exports import ACCOUNT, DAY, Workshop, request

Insert = Callable[..., Any]


async def exported(workshop: Workshop, **fields: Any) -> tuple[Manifest, bytes]:
    wanted = request(**fields)
    completed = await workshop.run(wanted)
    assert isinstance(completed, ExportCompleted), completed
    manifest = await workshop.ledger.manifest(wanted.export_id)
    assert manifest is not None
    return manifest, workshop.file(manifest)


def members(file: bytes) -> list[list[tuple[str, Any]]]:
    lines = gzip.decompress(file).decode().split("\n")
    assert lines.pop() == ""
    return [json.loads(line, object_pairs_hook=list) for line in lines]


def table_of(file: bytes) -> pyarrow.Table:
    return pyarrow.parquet.read_table(io.BytesIO(file))


@pytest.mark.parametrize("seed", range(3))
async def test_nasty_values_are_the_same_in_every_format(make_workshop: Make, insert: Insert, seed: int) -> None:
    workshop = make_workshop(slice_rows=40, lanes=3)
    rows = list(nasty_cdrs(250, DAY, seed=seed))
    await insert(rows)
    zone = ["UTC", "Europe/Kyiv", "America/St_Johns"][seed]
    formatted: dict[str, Any] = {"time_zone_name": zone, "time_format": list(TimeFormat)[seed]}
    in_words: dict[str, Any] = {"zone": zone, "time_format": list(TimeFormat)[seed].value}

    _, as_csv = await exported(workshop, **formatted)
    _, as_safe_csv = await exported(workshop, csv_dialect=CsvDialect.SPREADSHEET_SAFE, **formatted)
    _, as_jsonl = await exported(workshop, file_format=FileFormat.JSONL, **formatted)
    manifest, as_parquet = await exported(workshop, file_format=FileFormat.PARQUET, **formatted)

    assert len(manifest.objects) > 3
    assert gzip.decompress(as_csv) == oracle.csv_file(rows, **in_words)
    assert gzip.decompress(as_safe_csv) == oracle.csv_file(rows, **in_words, safe=True)
    assert members(as_jsonl) == list(oracle.json_members(rows, **in_words))
    assert table_of(as_parquet).to_pylist() == list(oracle.parquet_rows(rows))


async def test_a_parquet_of_many_parts_passes_verification(make_workshop: Make, insert: Insert, tmp_path: Path) -> None:
    workshop, path = make_workshop(slice_rows=20), tmp_path / "export.parquet"
    await insert(list(nasty_cdrs(400, DAY, seed=5)))

    manifest, file = await exported(workshop, file_format=FileFormat.PARQUET)

    assert len(manifest.objects) > 10
    path.write_bytes(file)
    found = check(path, promise_of_manifest(manifest, "the manifest"))
    assert (found["rows"], found["customer_price"]) == (400, manifest.totals.customer_price)


async def test_the_types_of_parquet_are_those_of_the_contract(make_workshop: Make, insert: Insert) -> None:
    workshop = make_workshop()
    await insert(list(nasty_cdrs(3, DAY, seed=1)))

    _, file = await exported(workshop, file_format=FileFormat.PARQUET, time_format=TimeFormat.ROUND_TO_SECONDS)

    schema = table_of(file).schema
    assert schema.names == oracle.COLUMNS
    for name in ("time_start", "time_connect", "time_end"):
        assert schema.field(name).type == pyarrow.timestamp("us", tz="UTC")
    for name, scale in oracle.DECIMALS.items():
        assert schema.field(name).type == pyarrow.decimal128(38 if scale == 20 else 18, scale)
    assert schema.field("success").type == pyarrow.bool_()
    assert schema.field("duration").type == pyarrow.int32()
    assert all(schema.field(name).type == pyarrow.string() for name in oracle.TEXTS)
    assert [each.name for each in schema if not each.nullable] == ["time_start", "success", "duration"]
    chunks = pyarrow.parquet.ParquetFile(io.BytesIO(file)).metadata.to_dict()["row_groups"][0]["columns"]
    assert {each["compression"] for each in chunks} == {"ZSTD"}


async def test_duckdb_and_pandas_read_what_pyarrow_reads(make_workshop: Make, insert: Insert, tmp_path: Path) -> None:
    workshop = make_workshop(slice_rows=40)
    rows = list(nasty_cdrs(200, DAY, seed=7))
    await insert(rows)
    expected = list(oracle.parquet_rows(rows))

    _, file = await exported(workshop, file_format=FileFormat.PARQUET)

    path = tmp_path / "export.parquet"
    path.write_bytes(file)
    with duckdb.connect(config={"autoload_known_extensions": False}) as database:  # it would ask the network for them
        cdrs = database.read_parquet(str(path))
        epochs = "epoch_us(time_start), epoch_us(time_connect), * EXCLUDE (time_start, time_connect, time_end)"
        read = cdrs.project(epochs).fetchall()
        (billed,) = cdrs.aggregate("sum(customer_price)").fetchall()[0]
    with localcontext(prec=60):
        assert billed == sum(row["customer_price"] for row in expected if row["customer_price"] is not None)
    assert read == [
        (micros(row["time_start"]), micros(row["time_connect"]), *list(row.values())[3:]) for row in expected
    ]
    frame = pandas.read_parquet(path)
    for name in ("time_start", "success", "duration"):
        assert frame[name].tolist() == [row[name] for row in expected]
    for name in ("src_name_in", "customer_price", "diversion_in"):
        assert [None if pandas.isna(value) else value for value in frame[name]] == [row[name] for row in expected]


def micros(instant: Any) -> int | None:
    return None if instant is None else (instant - oracle.EPOCH) // timedelta(microseconds=1)


async def test_bytes_that_are_no_utf8_stay_in_csv_and_are_replaced_where_text_is_unicode(
    make_workshop: Make, database: ClickHouse, table: str
) -> None:
    workshop = make_workshop()
    await database.command(
        f"INSERT INTO {table} (id, customer_acc_id, time_start, src_name_in, from_domain, auth_orig_ip) "
        f"SELECT 1, {ACCOUNT}, toDateTime64('2026-03-01 00:00:00', 6, 'UTC'), unhex('ff41'), unhex('42fe'), unhex('c3')"
    )

    _, as_csv = await exported(workshop)
    _, as_jsonl = await exported(workshop, file_format=FileFormat.JSONL)
    _, as_parquet = await exported(workshop, file_format=FileFormat.PARQUET)

    assert b'"\xff\x41"' in gzip.decompress(as_csv)
    replaced = {"src_name_in": "\ufffdA", "from_domain": "B\ufffd", "auth_orig_ip": "\ufffd"}
    assert replaced.items() <= dict(members(as_jsonl)[0]).items()
    assert replaced.items() <= table_of(as_parquet).to_pylist()[0].items()


@pytest.mark.parametrize("file_format", FileFormat)
@pytest.mark.parametrize("count", [0, 1, 2_500], ids=["empty", "one row", "slices"])
async def test_the_manifest_says_what_the_file_is(
    make_workshop: Make, fill: Callable[..., Any], file_format: FileFormat, count: int
) -> None:
    workshop = make_workshop(slice_rows=500, lanes=3)
    if count:
        await fill(count)

    manifest, file = await exported(workshop, file_format=file_format)

    raw = file if file_format is FileFormat.PARQUET else gzip.decompress(file)
    assert (manifest.file.format, manifest.rows) == (file_format, count)
    assert (manifest.file.bytes, manifest.file.raw_bytes, manifest.file.crc32) == (len(file), len(raw), zlib.crc32(raw))
    assert manifest.totals.duration_seconds == sum(n % 100 for n in range(count))
    assert rows_in(file_format, raw) == count


def rows_in(file_format: FileFormat, raw: bytes) -> int:
    match file_format:
        case FileFormat.CSV:
            return len(list(csv.reader(io.StringIO(raw.decode(), newline="")))) - 1
        case FileFormat.JSONL:
            return raw.count(b"\n")
        case FileFormat.PARQUET:
            return int(table_of(raw).num_rows)


@pytest.mark.parametrize("file_format", FileFormat)
async def test_chosen_columns_come_in_the_chosen_order(
    make_workshop: Make, fill: Callable[..., Any], file_format: FileFormat
) -> None:
    workshop = make_workshop(slice_rows=500)
    await fill(1_000)
    columns = ("customer_price", "time_start", "success")

    manifest, file = await exported(workshop, file_format=file_format, columns=columns, success_eq=True)

    assert manifest.rows == 500
    match file_format:
        case FileFormat.CSV:
            assert gzip.decompress(file).startswith(b"Customer Price,Time Start,Success\n")
        case FileFormat.JSONL:
            assert [name for name, _ in members(file)[0]] == list(columns)
        case FileFormat.PARQUET:
            assert table_of(file).schema.names == list(columns)


@pytest.mark.parametrize("file_format", FileFormat)
async def test_an_export_that_another_worker_takes_up_gives_the_same_file(
    make_workshop: Make, fill: Callable[..., Any], file_format: FileFormat
) -> None:
    first, second = make_workshop(slice_rows=500, lanes=2), make_workshop(slice_rows=500, lanes=2)
    await fill(3_000)
    undisturbed, _ = await exported(first, file_format=file_format)
    wanted = request(file_format=file_format)
    await first.worker.do(wanted)
    await first.worker.do(first.work.popleft())

    completed = await second.run(wanted)

    assert isinstance(completed, ExportCompleted)
    assert completed.file.sha256 == undisturbed.file.sha256
    assert len(undisturbed.objects) > 3
