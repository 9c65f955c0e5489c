"""Processes are killed in the middle of an export; the file is the same as if nothing had happened."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from cdr_exports.cli.customer import Customer
from cdr_exports.cli.export_resource import Export
from tests.e2e.conftest import ROWS
from tests.e2e.installation import ACCOUNT, FROM, TO, Installation, rows_of, sha256, until

pytestmark = pytest.mark.usefixtures("all_run")
FILTERS = {"time_start_gteq": FROM, "time_start_lt": TO}


def under_way(customer: Customer, installation: Installation, *, parts: int = 4) -> str:
    """A new export of which at least `parts` slices are in the ledger, and not all."""
    export_id = customer.create(account=ACCOUNT, filters=FILTERS).id
    deadline = time.monotonic() + 30
    while len(installation.ledger(export_id)) < parts:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return export_id


def check_file(installation: Installation, export: Export, undisturbed: Export, downloads: Path) -> None:
    assert export.file is not None
    assert undisturbed.file is not None
    file = installation.download(export, downloads)
    assert (sha256(file), len(file)) == (export.file.sha256, export.file.bytes)
    assert export.file.sha256 == undisturbed.file.sha256
    assert export.file.totals == undisturbed.file.totals
    assert rows_of(file) == export.file.rows == ROWS


@pytest.mark.parametrize("attempt", range(3))
def test_the_only_processor_is_killed_and_no_committed_slice_is_made_again(
    installation: Installation, undisturbed: Export, downloads: Path, attempt: int
) -> None:
    pid = pid_of(installation, "processor-1")
    with installation.customer() as customer:
        export_id = under_way(customer, installation, parts=3 + 6 * attempt)

        os.kill(pid, signal.SIGKILL)  # at once: a command would take as long as the rest of the export
        committed = installation.ledger(export_id)
        export = until(customer, export_id, "completed")

    made = [
        each["slice"] for each in installation.log("processor-1", "slice.exported") if each["export_id"] == export_id
    ]
    total = len(installation.ledger(export_id))
    assert len(committed) < total, "the export was over before the processor was killed"
    again = [number for number in committed if made.count(number) > 1]
    assert again == []
    assert len(made) <= total
    check_file(installation, export, undisturbed, downloads)


@pytest.mark.parametrize("server", ["clickhouse", "kafka", "postgres"])
def test_a_server_is_killed_and_comes_back_with_its_data(
    installation: Installation, undisturbed: Export, downloads: Path, server: str
) -> None:
    with installation.customer() as customer:
        export_id = under_way(customer, installation)

        installation.run("local", "kill", server)
        installation.run("local", "start", server)
        export = until(customer, export_id, "completed")

    check_file(installation, export, undisturbed, downloads)


@pytest.mark.parametrize("service", ["projection", "facade"])
def test_a_service_that_only_tells_of_exports_is_killed(
    installation: Installation, undisturbed: Export, downloads: Path, service: str
) -> None:
    with installation.customer() as customer:
        export_id = under_way(customer, installation)

        installation.run("local", "kill", service)
        installation.run("local", "start", service)
        export = until(customer, export_id, "completed")

    check_file(installation, export, undisturbed, downloads)


def test_a_processor_that_is_told_to_stop_is_gone_within_ten_seconds_and_goes_on_where_it_was(
    installation: Installation, undisturbed: Export, downloads: Path
) -> None:
    with installation.customer() as customer:
        export_id = under_way(customer, installation)

        began = time.monotonic()
        installation.run("local", "stop", "processor-1")
        seconds = time.monotonic() - began
        committed = installation.ledger(export_id)
        installation.run("local", "start", "processor-1")
        export = until(customer, export_id, "completed")

    assert seconds < 10
    made = [
        each["slice"] for each in installation.log("processor-1", "slice.exported") if each["export_id"] == export_id
    ]
    assert sorted(made) == sorted(set(made)), "a slice that was finished before the stop was made again"
    assert committed <= set(made)
    check_file(installation, export, undisturbed, downloads)


def test_a_processor_that_stood_still_for_longer_than_a_slice_goes_on(
    installation: Installation, undisturbed: Export, downloads: Path
) -> None:
    pid = pid_of(installation, "processor-1")
    with installation.customer() as customer:
        export_id = under_way(customer, installation)

        os.kill(pid, signal.SIGSTOP)
        time.sleep(3)
        os.kill(pid, signal.SIGCONT)
        export = until(customer, export_id, "completed")

    check_file(installation, export, undisturbed, downloads)


def test_the_supervisor_is_killed_and_nothing_survives_it(installation: Installation) -> None:
    """Last in this file: it starts the installation anew."""
    before = installation.status()
    pids = [each["pid"] for each in before["processes"]]
    (supervisor,) = {_parent(pid) for pid in pids}

    os.kill(supervisor, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, f"{left} are still there"
        time.sleep(0.05)
    installation.run("local", "up", "--detach", LOCAL_FAULTS="1")

    assert installation.status()["ready"]
    with installation.customer() as customer:
        assert customer.exports(size=1).exports


def pid_of(installation: Installation, name: str) -> int:
    (pid,) = (each["pid"] for each in installation.status()["processes"] if each["name"] == name)
    return int(pid)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
