"""The command line as an operator runs it: a process of its own, with nothing but its environment."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from tests.stack import ClickHouse

SECRET = "s" * 40


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


Run = Callable[..., Coroutine[Any, Any, Ran]]


@pytest.fixture(scope="session")
def database(postgres_dsn: str) -> Iterator[str]:
    """The DSN of an empty database of our own."""
    name = f"cli_{uuid4().hex[:8]}"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield urlsplit(postgres_dsn)._replace(path=f"/{name}").geturl()
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:  # other tests have PostgreSQL killed meanwhile
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def environment(
    kafka_bootstrap: str, clickhouse: ClickHouse, database: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """An installation's settings. The topics are those of the whole session: tests leave other records alone."""
    folder = tmp_path_factory.mktemp("cli")
    told = {
        "KAFKA_BOOTSTRAP": kafka_bootstrap,
        "KAFKA_REPLICATION_FACTOR": "1",
        "CLICKHOUSE_URL": clickhouse.url,
        "CLICKHOUSE_TABLE": f"cli_{uuid4().hex[:8]}",
        "POSTGRES_DSN": database,
        "STORE_URL": f"file://{folder}/store",
        "JWT_SECRETS": SECRET,
        "LOCAL_DIR": str(folder / "none"),
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("CDR_EXPORTS_")} | {
        f"CDR_EXPORTS_{name}": value for name, value in told.items()
    }


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    async def call(*arguments: object, **settings: str) -> Ran:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cdr_exports"),
            *map(str, arguments),
            cwd=tmp_path,
            env={**environment, **{f"CDR_EXPORTS_{name}": value for name, value in settings.items()}},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return Ran(process.returncode or 0, out.decode(), err.decode())

    return call
