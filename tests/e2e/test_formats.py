"""Every format from the command that asks for it to the one that verifies what came."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.conftest import ROWS
from tests.e2e.installation import ACCOUNT, FROM, TO, Installation

pytestmark = pytest.mark.usefixtures("all_run")


@pytest.mark.parametrize(
    ("options", "suffix", "media_type"),
    [
        (("--dialect", "spreadsheet-safe"), "csv.gz", "text/csv; charset=utf-8"),
        (("--format", "jsonl"), "jsonl.gz", "application/x-ndjson"),
        (("--format", "parquet"), "parquet", "application/vnd.apache.parquet"),
    ],
    ids=["spreadsheet-safe", "jsonl", "parquet"],
)
def test_a_file_of_any_format_is_downloaded_under_its_name_and_verified(
    installation: Installation, downloads: Path, options: tuple[str, ...], suffix: str, media_type: str
) -> None:
    asked = ("export", "create", "--account", ACCOUNT, "--from", FROM, "--to", TO)

    created = json.loads(installation.run(*asked, *options, "--output", str(downloads / "file"), "--json"))
    verified = json.loads(installation.run("verify", str(downloads / "file"), "--export", created["id"], "--json"))

    assert created["meta"]["file"]["name"] == f"{created['id']}.{suffix}"
    assert verified["rows"] == created["meta"]["file"]["rows"] == ROWS
    assert "customer_price" in verified
    token = installation.run("token", "--access", "15").strip()
    url = f"{installation.status()['api']}/cdr-exports/{created['id']}/download"
    head = urllib.request.Request(url, method="HEAD", headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(head, timeout=10) as answer:
        assert answer.headers["content-type"] == media_type
        assert answer.headers["content-disposition"] == f'attachment; filename="{created["id"]}.{suffix}"'
