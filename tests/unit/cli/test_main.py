"""What an error is worth, and that `--help` costs nothing."""

from __future__ import annotations

import errno
import subprocess
import sys
from typing import Any

import pytest
import typer

from cdr_exports import __version__
from cdr_exports.cli.main import build, errors_as_exit_codes
from cdr_exports.domain.errors import FailureCode, Misconfigured, Poison, Rejected, Transient
from tests.unit.cli.scripted_api import Run

HEAVY = (
    "aiokafka",
    "faust",
    "httpx2",
    "psycopg",
    "clickhouse_connect",
    "fastavro",
    "obstore",
    "pydantic",
    "starlette",
    "chdb",
)


def told(error: Exception, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(typer.Exit) as ended, errors_as_exit_codes():
        raise error
    return ended.value.exit_code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (Transient("Kafka does not\n  answer"), 1, "Kafka does not answer\n"),
        (Rejected(FailureCode.UNKNOWN_ACCOUNT, "No such account."), 1, "No such account.\n"),
        (Poison("not a manifest"), 1, "not a manifest\n"),
        (Misconfigured(["A is required", "B is wrong"]), 2, "A is required\nB is wrong\n"),
        (PermissionError(errno.EACCES, "Permission denied", "july.csv.gz"), 1, "july.csv.gz: Permission denied\n"),
        (ExceptionGroup("", [Transient("one"), ExceptionGroup("", [Misconfigured(["two"])])]), 2, "one\ntwo\n"),
    ],
    ids=["transient", "rejected", "poison", "misconfigured", "file", "group"],
)
def test_an_expected_error_is_a_line_and_a_code(
    error: Exception, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(error, capsys) == (code, text)


@pytest.mark.parametrize(
    "error",
    [KeyError("x"), ExceptionGroup("", [Transient("one"), KeyError("x")]), BrokenPipeError(errno.EPIPE, "x")],
    ids=["bug", "bug in a group", "reader gone"],
)
def test_an_unexpected_error_is_not_hidden(error: Exception) -> None:
    with pytest.raises((KeyError, BrokenPipeError)), errors_as_exit_codes():
        raise error


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").out == f"cdr-exports {__version__}\n"


def test_an_unknown_command_is_a_mistake_of_use(run: Run) -> None:
    assert run("nonsense").code == 2


def test_every_command_has_help_with_an_example() -> None:
    commands = dict(_commands(typer.main.get_command(build()), ""))

    assert {"export create", "directory apply", "verify", "doctor"} <= commands.keys()
    assert [name for name, command in commands.items() if not command.help] == []
    assert [name for name, command in commands.items() if "cdr-exports" not in f"{command.help} {command.epilog}"] == []


def test_help_imports_no_library_of_a_service() -> None:
    program = (
        "import sys\n"
        "from cdr_exports.cli.main import build\n"
        "try: build()(['--help'])\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stderr == "[]\n"


def _commands(command: Any, path: str) -> list[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        return [(path.strip(), command)]
    return [found for name, each in command.commands.items() for found in _commands(each, f"{path} {name}")]
