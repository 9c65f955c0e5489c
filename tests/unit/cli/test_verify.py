"""`verify` on real files: by manifest, by the API, by the store."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow
import pyarrow.parquet
import pytest

from cdr_exports.contract.ledger_format import dump
from cdr_exports.domain import object_names
from cdr_exports.domain.events import ExportedFile, Totals
from cdr_exports.domain.filters import FileFormat
from cdr_exports.domain.identity import AccountId, ExportId
from cdr_exports.domain.parts import Manifest
from tests.unit.cli.scripted_api import EXPORT_ID, Api, Run, document, resource

CONTENT = (
    b"Time Start,Duration,Customer Price,Customer Duration\n"
    b'"2026-07-01 00:00:02+00","60","0.10000000000000000001","60"\n'
    b'"2026-07-01 00:00:01+00","7","0.2","60"\n'
)
FILE = gzip.compress(CONTENT, mtime=0)
INSTANT = datetime(2026, 7, 1, tzinfo=UTC)
MANIFEST = Manifest(
    export_id=ExportId(UUID(EXPORT_ID)),
    account_id=AccountId(71),
    rows=2,
    file=ExportedFile(
        format=FileFormat.CSV,
        parts=1,
        bytes=len(FILE),
        raw_bytes=len(CONTENT),
        sha256=hashlib.sha256(FILE).hexdigest(),
        crc32=zlib.crc32(CONTENT),
        manifest="manifest.json",
    ),
    totals=Totals(duration_seconds=67, customer_duration_seconds=120, customer_price=Decimal("0.30000000000000000001")),
    head=b"",
    objects=(),
    tail=b"",
    columns=("time_start", "duration", "customer_price", "customer_duration"),
    data_through=None,
    started_at=INSTANT,
    completed_at=INSTANT,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / f"{EXPORT_ID}.csv.gz"
    path.write_bytes(FILE)
    return path


def manifest_of(content: bytes, raw: bytes, file_format: FileFormat) -> Manifest:
    """As MANIFEST, of the same CDRs in another format."""
    of_file: dict[str, Any] = {
        "format": file_format,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    of_raw: dict[str, Any] = {"raw_bytes": len(raw), "crc32": zlib.crc32(raw)}
    return replace(MANIFEST, file=replace(MANIFEST.file, **of_file, **of_raw))


def parquet() -> bytes:
    out = io.BytesIO()
    decimal = pyarrow.decimal128(38, 20)
    prices = pyarrow.array([Decimal("0.10000000000000000001"), Decimal("0.2")], decimal)
    columns = [[INSTANT, INSTANT], pyarrow.array([60, 7], pyarrow.int32()), prices, [60, 60]]
    pyarrow.parquet.write_table(pyarrow.table(columns, names=list(MANIFEST.columns)), out, compression="zstd")
    return out.getvalue()


JSON_LINES = (
    b'{"time_start":"2026-07-01 00:00:02+00","duration":60,"customer_price":"0.10000000000000000001","customer_duration":60}\n'
    b'{"time_start":"2026-07-01 00:00:01+00","duration":7,"customer_price":"0.2","customer_duration":60}\n'
)
PARQUET = parquet()
OTHERS = {
    "jsonl": (gzip.compress(JSON_LINES, mtime=0), JSON_LINES, FileFormat.JSONL),
    "parquet": (PARQUET, PARQUET, FileFormat.PARQUET),
}


@pytest.mark.parametrize(("content", "raw", "file_format"), OTHERS.values(), ids=OTHERS)
def test_files_of_other_formats_pass_with_their_totals(
    run: Run, tmp_path: Path, content: bytes, raw: bytes, file_format: FileFormat
) -> None:
    path, manifest = tmp_path / "export", tmp_path / "manifest.json"
    path.write_bytes(content)
    manifest.write_bytes(dump(manifest_of(content, raw, file_format)))

    ran = run("verify", path, "--manifest", manifest, "--json")

    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert (found["rows"], found["header"], found["raw_bytes"]) == (2, 4, len(raw))
    assert (found["duration_seconds"], found["customer_duration_seconds"]) == (67, 120)
    assert found["customer_price"] == "0.30000000000000000001"


@pytest.mark.parametrize("changes", [
    {"rows": 3}, {"columns": ("time_start",)}, {"totals": replace(MANIFEST.totals, duration_seconds=1)},
    {"totals": replace(MANIFEST.totals, customer_price=Decimal(1))},
], ids=["rows", "columns", "duration", "price"])  # fmt: skip
@pytest.mark.parametrize(("content", "raw", "file_format"), OTHERS.values(), ids=OTHERS)
def test_what_differs_in_files_of_other_formats_is_told(
    run: Run, tmp_path: Path, content: bytes, raw: bytes, file_format: FileFormat, changes: dict[str, Any]
) -> None:
    path, manifest = tmp_path / "export", tmp_path / "manifest.json"
    path.write_bytes(content)
    manifest.write_bytes(dump(replace(manifest_of(content, raw, file_format), **changes)))

    ran = run("verify", path, "--manifest", manifest)

    assert ran.code == 1
    assert "says" in ran.err


def test_without_pyarrow_a_parquet_is_verified_by_its_footer_and_that_is_said(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdr_exports.cli.parquet_figures.find_spec", lambda _: None)
    path, manifest = tmp_path / "export.parquet", tmp_path / "manifest.json"
    path.write_bytes(PARQUET)
    manifest.write_bytes(dump(manifest_of(PARQUET, PARQUET, FileFormat.PARQUET)))

    ran = run("verify", path, "--manifest", manifest)

    assert ran.code == 0
    assert "rows: 2" in ran.out
    assert "customer_price" not in ran.out
    assert "pyarrow" in ran.err


def manifest_file(folder: Path, **file_changes: Any) -> Path:
    path = folder / "manifest.json"
    path.write_bytes(dump(replace(MANIFEST, file=replace(MANIFEST.file, **file_changes))))
    return path


def test_a_file_that_is_what_its_manifest_says_passes(run: Run, file: Path, tmp_path: Path) -> None:
    ran = run("verify", file, "--manifest", manifest_file(tmp_path))

    assert ran.code == 0
    assert "rows: 2" in ran.out
    assert "customer_price: 0.30000000000000000001" in ran.out


def test_what_was_compared_is_printed_as_json(run: Run, file: Path, tmp_path: Path) -> None:
    ran = run("verify", file, "--manifest", manifest_file(tmp_path), "--json")

    told = json.loads(ran.out)
    assert told["sha256"] == MANIFEST.file.sha256
    assert told["raw_bytes"] == len(CONTENT)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"bytes": 1}, f"bytes is {len(FILE)};"),
        ({"sha256": "00"}, "sha256 is"),
        ({"raw_bytes": 1}, f"raw_bytes is {len(CONTENT)};"),
        ({"crc32": 1}, "crc32 is"),
    ],
    ids=["size", "digest", "raw size", "crc"],
)
def test_the_first_figure_that_differs_is_told(
    run: Run, file: Path, tmp_path: Path, changes: dict[str, Any], fault: str
) -> None:
    ran = run("verify", file, "--manifest", manifest_file(tmp_path, **changes))

    assert ran.code == 1
    assert fault in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"rows": 3}, "rows is 2;"),
        ({"columns": ("time_start", "duration")}, "header is"),
        ({"totals": replace(MANIFEST.totals, duration_seconds=68)}, "duration_seconds is 67;"),
        ({"totals": replace(MANIFEST.totals, customer_duration_seconds=1)}, "customer_duration_seconds is 120;"),
        (
            {"totals": replace(MANIFEST.totals, customer_price=Decimal("0.3"))},
            "customer_price is 0.30000000000000000001;",
        ),
    ],
    ids=["rows", "columns", "duration", "customer duration", "price"],
)
def test_a_count_or_sum_that_differs_is_told(
    run: Run, file: Path, tmp_path: Path, changes: dict[str, Any], fault: str
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_bytes(dump(replace(MANIFEST, **changes)))

    ran = run("verify", file, "--manifest", manifest)

    assert ran.code == 1
    assert fault in ran.err


def test_a_damaged_file_is_told_by_its_digest(run: Run, file: Path, tmp_path: Path) -> None:
    file.write_bytes(FILE[:-9] + bytes(9))

    ran = run("verify", file, "--manifest", manifest_file(tmp_path))

    assert ran.code == 1
    assert "sha256 is" in ran.err


def test_the_api_serves_as_a_manifest(run: Run, file: Path, api: Api) -> None:
    api.on("GET", f"/cdr-exports/{EXPORT_ID}", document({"data": resource("Completed", file=FILE)}))

    ran = run("verify", file, environment={"CDR_EXPORTS_URL": api.url, "CDR_EXPORTS_TOKEN": "a.b.c"})

    assert (ran.code, ran.err) == (0, "")
    assert f"is what the API of export {EXPORT_ID} says" in ran.out


def test_an_export_without_a_file_is_told(run: Run, file: Path, api: Api) -> None:
    api.on("GET", f"/cdr-exports/{EXPORT_ID}", document({"data": resource("Pending")}))

    ran = run("verify", file, environment={"CDR_EXPORTS_URL": api.url, "CDR_EXPORTS_TOKEN": "a.b.c"})

    assert ran.code == 1
    assert "has no file: it is Pending" in ran.err


def test_the_manifest_in_the_store_is_used_where_there_is_a_store(run: Run, file: Path, tmp_path: Path) -> None:
    stored = tmp_path / "store" / object_names.manifest(MANIFEST.export_id)
    stored.parent.mkdir(parents=True)
    stored.write_bytes(dump(MANIFEST))

    ran = run("verify", file, environment={"CDR_EXPORTS_STORE_URL": f"file://{tmp_path}/store"})

    assert (ran.code, ran.err) == (0, "")
    assert f"the manifest of export {EXPORT_ID}" in ran.out


def test_a_store_without_the_manifest_is_told(run: Run, file: Path, tmp_path: Path) -> None:
    ran = run("verify", file, environment={"CDR_EXPORTS_STORE_URL": f"file://{tmp_path}/store"})

    assert ran.code == 1
    assert "has no manifest in the store" in ran.err


def test_a_manifest_that_is_none_is_told(run: Run, file: Path) -> None:
    ran = run("verify", file, "--manifest", file)

    assert ran.code == 1
    assert "not a manifest" in ran.err


def test_a_file_whose_name_says_nothing_needs_a_manifest(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "july.csv.gz"
    path.write_bytes(FILE)

    ran = run("verify", path)

    assert ran.code == 2
    assert "--manifest" in ran.err
