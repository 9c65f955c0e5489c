"""A whole installation as its users have it: the processes of `cdr-exports local up`, and the commands to drive them."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdr_exports.cli.connection import Connection
from cdr_exports.cli.customer import Customer
from cdr_exports.cli.export_resource import Export

ACCOUNT = "7a108ca2-39c4-11f1-8c50-82ad38f4dd55"
FROM, TO = "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"
DIRECTORY = Path(__file__).parents[2] / "services/cdr_exports/local/demo_directory.yaml"


@dataclass(frozen=True)
class Installation:
    folder: Path
    settings: dict[str, str]

    def run(self, *arguments: str, code: int = 0, **settings: str) -> str:
        """A command to its end; gives what it printed. Fails where its exit code is another."""
        done = self.attempt(*arguments, **settings)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def attempt(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CDR_EXPORTS_")}
        environment |= {f"CDR_EXPORTS_{name}": value for name, value in (self.settings | settings).items()}
        environment["CDR_EXPORTS_LOCAL_DIR"] = str(self.folder)
        command = [sys.executable, "-m", "cdr_exports", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.attempt("local", "status", "--json").stdout))

    def customer(self) -> Customer:
        token = self.run("token", "--access", "15", "--lifetime", "86400").strip()
        connection = Connection(url=self.status()["facade"], token=lambda: token)
        return Customer(connection.url, connection.token)

    def download(self, export: Export, folder: Path) -> bytes:
        file = folder / export.file_name
        with self.customer() as customer:
            customer.download(export, file)
        return file.read_bytes()

    def log(self, name: str, event: str) -> list[dict[str, Any]]:
        """The records of one event that a service has logged."""
        lines = (self.folder / name / "log").read_text().splitlines()
        records = [json.loads(line) for line in lines if line.startswith("{")]
        return [each for each in records if each.get("event") == event]

    def ledger(self, export_id: str) -> set[int]:
        """The slices that are in the ledger now."""
        return {
            int(file.stem.removeprefix("part-"))
            for file in self.folder.glob(f"store/exports/*/{export_id}/part-*.json")
        }


def until(
    customer: Customer, export_id: str, stage: str, *, seconds: float = 90, every_seconds: float = 0.05
) -> Export:
    """The export when it is at `stage`. Fails when it ends otherwise, or time is up."""
    for export in watched(customer, export_id, seconds, every_seconds):
        if export.stage == stage:
            return export
        assert not export.has_ended, f"ended as {export.stage}: {export.failure}"
    raise AssertionError(f"not {stage} after {seconds} s")


def watched(customer: Customer, export_id: str, seconds: float, every_seconds: float) -> Iterator[Export]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield customer.show(export_id)
        time.sleep(every_seconds)


def rows_of(file: bytes) -> int:
    """Data rows, by the first column's year."""
    return gzip.decompress(file).count(b'\n"2026-')


def sha256(file: bytes) -> str:
    return hashlib.sha256(file).hexdigest()
