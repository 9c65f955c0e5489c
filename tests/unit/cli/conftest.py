"""The scripted API, the client and the command line that talk to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cdr_exports.cli.customer import Customer
from tests.unit.cli.scripted_api import Api, Ran, Run, Waits, serving_answers


@pytest.fixture
def api() -> Iterator[Api]:
    with serving_answers() as scripted:
        yield scripted


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def client(api: Api, waits: Waits) -> Iterator[Customer]:
    with Customer(api.url, lambda: "a.b.c", patience_seconds=10, sleep=waits) as customer:
        yield customer


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `cdr-exports` with arguments and environment, in an empty folder where no local stack runs."""
    from cdr_exports.cli.main import build

    def call(*arguments: object, environment: Mapping[str, str] | None = None) -> Ran:
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            for name, value in {"CDR_EXPORTS_LOCAL_DIR": "no-local-stack", **(environment or {})}.items():
                patch.setenv(name, value)
            result = CliRunner().invoke(build(), [str(each) for each in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return call
