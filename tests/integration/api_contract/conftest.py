"""One installation of the customer API for all tests here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cdr_exports.contract import topics
from cdr_exports.runtime.kafka import Publisher
from cdr_exports.runtime.kafka_topics import apply_topics
from cdr_exports.runtime.settings import KafkaSettings
from tests.integration.api_contract.installation import Installation, installed
from tests.stack import Stack
from tests.unit.api.records import KEYS


@pytest.fixture(scope="package")
async def parts(stack: Stack) -> AsyncIterator[dict[str, str]]:
    """Settings of a log, and of a read model of its own."""
    name = f"contract_{uuid4().hex[:12]}"
    await _execute(stack.postgres_dsn, f"CREATE DATABASE {name}")
    await apply_topics(KafkaSettings(kafka_bootstrap=stack.kafka_bootstrap), topics.load_topics(replication_factor=1))
    yield {
        "KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        "POSTGRES_DSN": make_conninfo(stack.postgres_dsn, dbname=name),
        "JWT_SECRETS": next(iter(KEYS.values())).decode(),
    }
    await _execute(stack.postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="package")
async def publisher(parts: dict[str, str]) -> AsyncIterator[Publisher]:
    async with Publisher(KafkaSettings(kafka_bootstrap=parts["KAFKA_BOOTSTRAP"]), "test") as opened:
        yield opened


@pytest.fixture(scope="package")
async def api(
    parts: dict[str, str], publisher: Publisher, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    folder: Path = tmp_path_factory.mktemp("store")
    async with installed(parts | {"STORE_URL": f"file://{folder}"}, publisher) as made:
        yield made


async def _execute(dsn: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(statement.encode())
