"""How fast an export is, from POST to Completed, on everything real on this machine; what it costs, and where.

    python -m tests.bench.export_speed [--rows 200000 1000000 2000000] [--runs 3] [--set SLOTS=2]

Prints, for each size: seconds and rows/s (median of the runs), CPU microseconds a row of each process, the worker's
memory, and the ratio of the export's rate to the engine's own `SELECT … FORMAT CSV` to nowhere, measured in this run on
the same data by the same engine. Compare ratios, not seconds: machines differ and are shared.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from cdr_exports.cli.customer import Customer
from tests.e2e.installation import ACCOUNT, DIRECTORY, Installation, until

SAMPLE_SECONDS = 0.05
MONTH = datetime(2026, 10, 1, tzinfo=UTC)
PROCESSES = ("processor-1", "clickhouse", "kafka", "postgres", "projection", "facade")

ENGINE_OWN = """
import sys, time
import chdb
from cdr_exports.processor import query
from cdr_exports.processor.csv_format import CsvFormat
from tests.unit.plans import plan_of
connection = chdb.connect(sys.argv[1])
plan = plan_of(slices=1, lanes=1)
for start, end in [tuple(map(int, each.split("-"))) for each in sys.argv[2:]]:
    asked = query.rows("cdrs", plan, CsvFormat().expressions(plan), start, end)
    wanted = query.READING_SETTINGS | CsvFormat().settings | {"output_format_parallel_formatting": 1, "max_threads": 2}
    settings = ", ".join(f"{k} = {v!r}" for k, v in wanted.items() if not k.startswith(("http", "cancel")))
    sql = f"{asked.sql} INTO OUTFILE '/dev/null' TRUNCATE FORMAT CSV SETTINGS {settings}"
    seconds = []
    for _ in range(4):
        began = time.perf_counter()
        connection.query(sql, params={name: str(value) for name, value in asked.params.items()})
        seconds.append(time.perf_counter() - began)
    print(sorted(seconds[1:])[1], flush=True)
"""


@dataclass(frozen=True)
class Run:
    seconds: float
    cpu_seconds: dict[str, float]
    worker_rss_bytes: int


@contextmanager
def worker_memory(pid: int) -> Iterator[list[int]]:
    """The worker's RSS, sampled for the time of the context."""
    over, samples = threading.Event(), [0]
    process = psutil.Process(pid)

    def sample() -> None:
        while not over.wait(SAMPLE_SECONDS):
            samples.append(process.memory_info().rss)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


def cpu(pids: dict[str, int]) -> dict[str, float]:
    times = {name: psutil.Process(pid).cpu_times() for name, pid in pids.items()}
    return {name: each.user + each.system for name, each in times.items()}


def export(customer: Customer, pids: dict[str, int], start: datetime, end: datetime, rows: int) -> Run:
    before = cpu(pids)
    with worker_memory(pids["processor-1"]) as samples:
        made = customer.create(
            account=ACCOUNT, filters={"time_start_gteq": start.isoformat(), "time_start_lt": end.isoformat()}
        )
        done = until(customer, made.id, "completed", seconds=600, every_seconds=0.2)
    after = cpu(pids)
    assert done.file is not None
    assert done.file.rows == rows, f"{done.file.rows} rows, {rows} were made"
    created, updated = (
        datetime.fromisoformat(done.resource["attributes"][name]) for name in ("created-at", "updated-at")
    )
    return Run((updated - created).total_seconds(), {name: after[name] - before[name] for name in pids}, max(samples))


def periods(sizes: list[int]) -> dict[int, tuple[datetime, datetime]]:
    """A period of its own for each size, so that its CDRs can be made beforehand."""
    starts = [MONTH + timedelta(days=31 * n) for n in range(len(sizes))]
    return {size: (start, start + timedelta(days=31)) for size, start in zip(sizes, starts, strict=True)}


def engine_own(data: Path, wanted: list[tuple[datetime, datetime]]) -> list[float]:
    """Seconds of the engine's own query for each period; the server must not run, an engine has its folder to itself."""
    micros = [f"{int(a.timestamp()) * 1_000_000}-{int(b.timestamp()) * 1_000_000}" for a, b in wanted]
    done = subprocess.run(
        [sys.executable, "-c", ENGINE_OWN, str(data), *micros], capture_output=True, text=True, check=True
    )
    return [float(line) for line in done.stdout.split()]


def report(rows: int, runs: list[Run], own_seconds: float) -> None:
    seconds = statistics.median(run.seconds for run in runs)
    print(f"\n{rows:,} CDRs, {len(runs)} runs")
    print(f"  from POST to Completed   {seconds:8.2f} s   {rows / seconds:12,.0f} rows/s")
    print(f"  the engine to nowhere    {own_seconds:8.2f} s   {rows / own_seconds:12,.0f} rows/s")
    print(f"  ratio                    {own_seconds / seconds:8.2f}")
    print(f"  worker RSS at most       {max(run.worker_rss_bytes for run in runs) / 1e6:8.0f} MB")
    for name in PROCESSES:
        cost = statistics.median(run.cpu_seconds[name] for run in runs) / rows * 1e6
        print(f"  CPU of {name:<17} {cost:8.2f} µs a row")


def measure(sizes: list[int], runs: int, settings: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory(prefix="cdr-exports-bench-") as folder:
        made = Installation(Path(folder) / "local", settings)
        made.run("local", "up", "--detach", "--directory", str(DIRECTORY))
        try:
            wanted = periods(sizes)
            for rows, (start, end) in wanted.items():
                bounds = ["--from", f"{start:%Y-%m-%d}", "--to", f"{end:%Y-%m-%d}"]
                made.run("cdrs", "generate", "--rows", str(rows), "--account", "71", *bounds)
                print(f"made {rows:,} CDRs", flush=True)
            pids = {each["name"]: each["pid"] for each in made.status()["processes"]}
            with made.customer() as customer:
                export(customer, pids, *wanted[sizes[0]], sizes[0])  # to warm up
                results = {rows: [export(customer, pids, *wanted[rows], rows) for _ in range(runs)] for rows in sizes}
            made.run("local", "stop", "clickhouse")
            own: dict[int, Any] = dict(
                zip(sizes, engine_own(made.folder / "clickhouse" / "data", list(wanted.values())), strict=True)
            )
        finally:
            made.run("local", "down", "--purge")
    for rows in sizes:
        report(rows, results[rows], own[rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[200_000, 1_000_000, 2_000_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting, such as SLOTS=2")
    chosen = parser.parse_args()
    began = time.monotonic()
    measure(chosen.rows, chosen.runs, dict(each.split("=", 1) for each in chosen.set))
    print(f"\nmeasured in {time.monotonic() - began:.0f} s")
