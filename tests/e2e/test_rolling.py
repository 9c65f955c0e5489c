"""Two processors under load are stopped and started in turn: it costs no export anything but time."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdr_exports.cli.customer import Customer
from tests.e2e.installation import ACCOUNT, DIRECTORY, FROM, TO, Installation, rows_of, sha256, until
from tests.stack import ClickHouse

ROWS, SLOTS, EXPORTS = 100_000, 2, 3
FILTERS = {"time_start_gteq": FROM, "time_start_lt": TO}
WORKERS = ("processor-1", "processor-2")
STOP_SECONDS = 10
COMMAND_SECONDS = 3
"""What the command itself may take on a busy machine, beside the stop."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    settings = {"SLICE_ROWS": "5000", "SLOTS": str(SLOTS), "LOCAL_PROCESSORS": "2"}
    made = Installation(tmp_path_factory.mktemp("rolling") / "local", settings)
    made.run("local", "up", "--detach", "--directory", str(DIRECTORY), LOCAL_FAULTS="1")
    made.run("cdrs", "generate", "--rows", str(ROWS), "--account", "71")
    yield made
    made.run("local", "down", "--purge")


def delay_slices(pair: Installation, seconds: float, *, times: int = 10_000) -> None:
    """Each of the next slices stalls in the middle of its answer; 0 = none does."""
    server = ClickHouse.at(pair.status()["clickhouse"], has_faults=True)
    rule = {
        "action": "delay",
        "seconds": seconds,
        "after_bytes": 1000,
        "match": "ORDER BY time_start DESC",
        "times": times,
    }
    server._faults("POST", json.dumps([rule] if seconds else []))


def until_all_stall(pair: Installation) -> None:
    server = ClickHouse.at(pair.status()["clickhouse"], has_faults=True)
    deadline = time.monotonic() + 60
    while json.loads(server._faults("GET", None)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def made_slices(pair: Installation, export_ids: list[str]) -> Counter[tuple[str, int]]:
    records = [each for worker in WORKERS for each in pair.log(worker, "slice.exported")]
    return Counter((each["export_id"], each["slice"]) for each in records if each["export_id"] in export_ids)


def stopped(pair: Installation, worker: str) -> float:
    """Stops a worker; gives the seconds it took."""
    began = time.monotonic()
    pair.run("local", "stop", worker)
    return time.monotonic() - began


def check_files(pair: Installation, customer: Customer, export_ids: list[str], wanted: str, folder: Path) -> None:
    for export_id in export_ids:
        export = until(customer, export_id, "completed")
        assert export.file is not None
        file = pair.download(export, folder)
        assert sha256(file) == export.file.sha256 == wanted
        assert rows_of(file) == export.file.rows == ROWS


def test_a_rolling_restart_costs_no_export_anything_but_time(pair: Installation, tmp_path: Path) -> None:
    with pair.customer() as customer:
        undisturbed = until(customer, customer.create(account=ACCOUNT, filters=FILTERS).id, "completed")
        assert undisturbed.file is not None
        delay_slices(pair, 0.5)
        export_ids = [customer.create(account=ACCOUNT, filters=FILTERS).id for _ in range(EXPORTS)]
        seconds: list[float] = []
        for worker in WORKERS:
            while sum(made_slices(pair, export_ids).values()) < len(seconds) * 6 + 3:
                time.sleep(0.05)
            seconds.append(stopped(pair, worker))
            pair.run("local", "start", worker)
        under_way = any(len(pair.ledger(each)) < ROWS // 5000 for each in export_ids)
        delay_slices(pair, 0)
        check_files(pair, customer, export_ids, undisturbed.file.sha256, tmp_path)

    assert under_way, "all exports were over before the last worker was started again"
    assert max(seconds) < STOP_SECONDS + COMMAND_SECONDS
    again = sum(times - 1 for times in made_slices(pair, export_ids).values())
    assert again <= SLOTS * len(WORKERS)


def test_slices_that_do_not_end_are_abandoned_within_ten_seconds_and_made_later(
    pair: Installation, tmp_path: Path
) -> None:
    with pair.customer() as customer:
        undisturbed = until(customer, customer.create(account=ACCOUNT, filters=FILTERS).id, "completed")
        assert undisturbed.file is not None
        delay_slices(pair, 20, times=2 * SLOTS)
        export_id = customer.create(account=ACCOUNT, filters=FILTERS).id
        until_all_stall(pair)
        seconds = [stopped(pair, worker) for worker in WORKERS]
        parts = list(pair.folder.glob(f"store/exports/*/{export_id}/part-*"))
        entries = pair.ledger(export_id)
        delay_slices(pair, 0)
        for worker in WORKERS:
            pair.run("local", "start", worker)
        check_files(pair, customer, [export_id], undisturbed.file.sha256, tmp_path)

    assert max(seconds) < STOP_SECONDS + COMMAND_SECONDS
    assert len(parts) == 2 * len(entries), "something was left of a slice that was abandoned"
    assert all(times == 1 for times in made_slices(pair, [export_id]).values())
