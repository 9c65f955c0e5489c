"""Who belongs to a stack, and on which ports."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdr_exports.local.folder import Folder
from cdr_exports.local.members import Members, Wishes, service_names
from cdr_exports.local.ports import Ports

OFFSET = 7_000


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "stack")
    folder.make()
    return folder


def members(folder: Folder, **wishes: object) -> Members:
    with Ports() as ports:
        return Members(folder, Wishes(port_offset=OFFSET, **wishes), ports)  # type: ignore[arg-type]


def test_a_whole_stack_has_these_processes(folder: Folder) -> None:
    stack = members(folder, services=service_names(processors=2))

    names = [server.name for server in (*stack.servers(), *stack.services())]

    assert names == ["kafka", "postgres", "clickhouse", "facade", "projection", "processor-1", "processor-2"]


def test_ports_are_those_of_last_time(folder: Folder) -> None:
    folder.remember_ports({"kafka": {"broker": 26_900}})

    ports = members(folder).kafka.ports

    assert ports == {"broker": 26_900, "controller": 19_093 + OFFSET}


def test_the_port_that_is_asked_for_beats_that_of_last_time(folder: Folder) -> None:
    folder.remember_ports({"facade": {"http": 26_901, "metrics": 26_902}})

    stack = members(folder, services=("facade",), facade_port=26_903)

    assert stack.addresses.service_ports["facade"] == {"http": 26_903, "metrics": 26_902}


def test_each_processor_has_metrics_of_its_own(folder: Folder) -> None:
    stack = members(folder, services=service_names(processors=2))

    ports = [each["metrics"] for each in stack.addresses.service_ports.values()]

    assert len(set(ports)) == 4


def test_several_processors_run_the_same_service(folder: Folder) -> None:
    stack = members(folder, services=service_names(processors=2))

    roles = [list(service.command())[-2:] for service in stack.services()]

    assert roles == [["run", "facade"], ["run", "projection"], ["run", "processor"], ["run", "processor"]]


def test_no_secret_stands_on_a_command_line(folder: Folder) -> None:
    stack = members(folder, services=service_names(processors=1))
    secrets = [file.read_text() for file in (folder.path / "secrets").iterdir()]

    words = [word for server in (stack.postgres, stack.clickhouse, *stack.services()) for word in server.command()]

    assert len(secrets) == 4
    assert not any(secret in word for secret in secrets for word in words)


def test_faults_are_off_unless_they_are_wanted(folder: Folder) -> None:
    assert members(folder).clickhouse.environment()["CDR_EXPORTS_ENGINE_FAULTS"] == "0"
    assert members(folder, faults_allowed=True).clickhouse.environment()["CDR_EXPORTS_ENGINE_FAULTS"] == "1"


def test_a_stack_with_s3_keeps_its_files_there_and_tells_the_services_how(folder: Folder) -> None:
    stack = members(folder, services=("facade",), s3=True)

    (facade,) = stack.services()

    assert [server.name for server in stack.servers()][-1] == "s3"
    assert facade.environment()["CDR_EXPORTS_STORE_URL"] == "s3://exports"
    assert facade.environment()["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    secret = facade.environment()["AWS_SECRET_ACCESS_KEY"]
    assert secret == (folder.path / "secrets" / "s3-password").read_text()
    assert not any(secret in word for word in stack.servers()[-1].command())


def test_a_stack_without_s3_does_not_ask_for_its_program(folder: Folder) -> None:
    stack = members(folder, services=("facade",))

    assert [server.name for server in stack.servers()] == ["kafka", "postgres", "clickhouse"]
    assert stack.addresses.store.startswith("file://")
