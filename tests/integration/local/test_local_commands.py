"""`cdr-exports local …` as a person or a script uses it: the whole stack, servers and services, as real processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cdr_exports.local.ports import is_free

UP_SECONDS = 120
PATIENCE_SECONDS = 30
DIRECTORY = """
customers:    [{id: 7, name: Acme}]
accounts:     [{id: 71, uuid: 7a108ca2-39c4-11f1-8c50-82ad38f4dd55, customer_id: 7, name: Acme main, balance: "100.50",
                min_balance: "0.0", max_balance: "1000.0", destination_rate_limit: null, origination_capacity: 10,
                termination_capacity: null, total_capacity: null, currency: USD}]
api_accesses: [{id: 15, customer_id: 7, account_ids: [], login: acme, password: secret, allow_listen_recording: false}]
"""
SHAPE = {
    "ready",
    "facade",
    "api",
    "console",
    "kafka",
    "clickhouse",
    "postgres",
    "store",
    "jwt_secret_file",
    "metrics",
    "processes",
}
NAMES = ["kafka", "postgres", "clickhouse", "facade", "projection", "processor-1"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """The command, for a stack in `folder`."""

    folder: Path
    port: int

    def run(
        self, *arguments: str, seconds: float = PATIENCE_SECONDS, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CDR_EXPORTS_")}
        return subprocess.run(
            [sys.executable, "-m", "cdr_exports", "local", *arguments],
            env=inherited | settings | {"CDR_EXPORTS_LOCAL_DIR": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return status

    def process(self, name: str) -> dict[str, Any]:
        return next(process for process in self.status()["processes"] if process["name"] == name)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    home = tmp_path_factory.mktemp("local")
    (home / "directory.yaml").write_text(DIRECTORY)
    port = next(port for port in range(26_000, 29_000) if is_free(port) and is_free(port + 1))
    local = Local(folder=home / "stack", port=port)
    with socket.create_server(("127.0.0.1", port)):  # somebody is there already: the stack takes the next
        wishes = ("--port", str(port), "--directory", str(home / "directory.yaml"), "--cdrs", "2000")
        up = local.run("up", "--detach", *wishes, seconds=UP_SECONDS)
    try:
        assert up.returncode == 0, up.stderr
        yield local
    finally:
        local.run("down", "--purge", seconds=UP_SECONDS)
    assert not local.folder.exists()


def test_the_status_has_the_shape_that_scripts_rely_on(local: Local) -> None:
    status = local.status()

    assert set(status) == SHAPE
    assert status["ready"] is True
    assert [process["name"] for process in status["processes"]] == NAMES
    assert [set(process) for process in status["processes"]] == [{"name", "pid", "state", "restarts"}] * len(NAMES)
    assert {process["state"] for process in status["processes"]} == {"running"}
    assert set(status["metrics"]) == {"ingress", "facade", "projection", "processor-1"}


def test_a_taken_port_moves_to_the_next(local: Local) -> None:
    assert local.status()["facade"] == f"http://127.0.0.1:{local.port + 1}"


def test_every_service_shows_its_metrics(local: Local) -> None:
    for url in local.status()["metrics"].values():
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert b"# HELP" in answer.read()


def test_the_demo_cdrs_are_there(local: Local) -> None:
    address = local.status()["clickhouse"]
    credentials, _, host = address.removeprefix("http://").partition("@")
    user, _, password = credentials.partition(":")
    request = urllib.request.Request(
        f"http://{host}/?query=SELECT+count()+FROM+cdrs+WHERE+customer_acc_id=71",
        headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": password},
    )

    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.read() == b"2000\n"


def test_no_fault_can_be_planted_in_a_stack_that_was_not_made_for_it(local: Local) -> None:
    host = local.status()["clickhouse"].partition("@")[2]

    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"http://{host}/__faults", timeout=10)


def test_nobody_else_may_look_into_the_folder(local: Local) -> None:
    assert local.folder.stat().st_mode & 0o077 == 0
    assert local.folder.joinpath("status.json").stat().st_mode & 0o077 == 0


def test_a_process_can_be_stopped_and_started(local: Local) -> None:
    assert local.run("stop", "projection").returncode == 0
    stopped = local.process("projection")
    assert local.run("status").returncode == 1

    assert local.run("start", "projection", seconds=UP_SECONDS).returncode == 0

    assert (stopped["state"], stopped["pid"]) == ("stopped", None)
    assert local.process("projection")["state"] == "running"
    assert local.run("status").returncode == 0


def test_a_killed_service_is_started_again(local: Local) -> None:
    before = local.process("processor-1")

    assert local.run("kill", "processor-1").returncode == 0
    assert local.run("start", "processor-1", seconds=UP_SECONDS).returncode == 0

    after = local.process("processor-1")
    assert after["pid"] != before["pid"]
    assert (after["state"], after["restarts"]) == ("running", before["restarts"] + 1)


def test_logs_are_those_of_the_process_that_is_named(local: Local) -> None:
    facade, everything = local.run("logs", "facade"), local.run("logs")

    assert json.loads(facade.stdout.splitlines()[0])["service"] == "facade"
    assert {line.partition(" | ")[0] for line in everything.stdout.splitlines()} >= {"facade", "postgres", "supervisor"}


@pytest.mark.parametrize("command", ["stop", "start", "kill", "logs"])
def test_an_unknown_process_is_a_wrong_call(local: Local, command: str) -> None:
    done = local.run(command, "nobody")

    assert done.returncode == 2
    assert "nobody" in done.stderr
    assert "processor-1" in done.stderr


@pytest.mark.parametrize("arguments", [("up",), ("up", "--detach")], ids=["in front", "behind"])
def test_a_second_stack_in_the_same_folder_is_refused(local: Local, arguments: tuple[str, ...]) -> None:
    done = local.run(*arguments)

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "already" in done.stderr


def test_no_secret_stands_on_a_command_line(local: Local) -> None:
    secrets = [file.read_bytes() for file in (local.folder / "secrets").iterdir()]
    lines = [Path(f"/proc/{process['pid']}/cmdline").read_bytes() for process in local.status()["processes"]]

    assert len(secrets) == 4
    assert not any(secret in line for secret in secrets for line in lines)


def test_a_fault_in_the_directory_file_is_told_before_anything_is_started(tmp_path: Path) -> None:
    local = Local(folder=tmp_path / "stack", port=0)
    wrong = tmp_path / "directory.yaml"
    wrong.write_text("accounts: [{id: none}]")

    done = local.run("up", "--detach", "--directory", str(wrong))

    assert done.returncode == 2
    assert "directory.yaml" in done.stderr
    assert not local.folder.exists()


def test_a_stack_that_cannot_be_had_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    local = Local(folder=tmp_path / "stack", port=0)

    done = local.run("up", "--detach", seconds=UP_SECONDS, CDR_EXPORTS_SLOTS="none")

    local.run("down", seconds=UP_SECONDS)
    assert done.returncode == 1
    assert "processor-1 died (exit code 2)" in done.stderr.splitlines()[-1]
    assert "CDR_EXPORTS_SLOTS" in done.stderr.splitlines()[-1]
    assert [entry for entry in working_folders() if entry.is_relative_to(local.folder)] == []


def test_without_a_stack_the_commands_say_so(tmp_path: Path) -> None:
    local = Local(folder=tmp_path / "stack", port=0)

    status, down = local.run("status"), local.run("down", "--purge")

    assert (status.returncode, down.returncode) == (1, 0)
    assert "local up" in status.stderr
    assert not local.folder.exists()


def working_folders() -> Iterator[Path]:
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            yield entry.readlink()
        except OSError:
            continue
