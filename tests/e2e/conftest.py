"""One installation for all tests here: every process is real, and each test leaves all of them running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdr_exports.cli.export_resource import Export
from tests.e2e.installation import ACCOUNT, DIRECTORY, FROM, TO, Installation, until

ROWS = 150_000


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(tmp_path_factory.mktemp("installation") / "local", {"SLICE_ROWS": "5000", "SLOTS": "2"})
    made.run("local", "up", "--detach", "--directory", str(DIRECTORY), LOCAL_FAULTS="1")
    made.run("cdrs", "generate", "--rows", str(ROWS), "--account", "71")
    yield made
    made.run("local", "down", "--purge")


@pytest.fixture(scope="session")
def undisturbed(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """The export that all others are held against."""
    with installation.customer() as customer:
        made = customer.create(account=ACCOUNT, filters={"time_start_gteq": FROM, "time_start_lt": TO})
        return until(customer, made.id, "completed")


@pytest.fixture
def all_run(installation: Installation) -> Iterator[None]:
    """What a test has stopped is started again after it."""
    yield
    status = installation.status()
    for process in status["processes"]:
        if process["state"] != "running":
            installation.run("local", "start", process["name"])


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    return tmp_path
