"""A read model of its own for each test, and projectors between the real topics and it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from cdr_exports.contract import topics
from cdr_exports.domain.events import Record
from cdr_exports.domain.lifecycle import Position
from cdr_exports.projection.projector import Projector
from cdr_exports.runtime.kafka import Publisher
from cdr_exports.runtime.kafka_topics import apply_topics
from cdr_exports.runtime.metrics import Registry
from cdr_exports.runtime.postgres import Database, migrate, migrations_of
from cdr_exports.runtime.settings import KafkaSettings, PostgresSettings
from tests.integration.projection.customers import Customer, serving_customers
from tests.integration.projection.projectors import CODEC, MakeProjector, Publish, skip_history


@pytest.fixture
async def empty_dsn(postgres_dsn: str) -> AsyncIterator[str]:
    """An empty database."""
    name = f"projection_{uuid4().hex[:12]}"
    await _execute(postgres_dsn, f"CREATE DATABASE {name}")
    yield make_conninfo(postgres_dsn, dbname=name)
    await _execute(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def settings(empty_dsn: str) -> PostgresSettings:
    await migrate(empty_dsn, migrations_of("cdr_exports.projection"))
    return PostgresSettings(postgres_dsn=SecretStr(empty_dsn), postgres_pool_size=4)


@pytest.fixture
async def database(settings: PostgresSettings) -> AsyncIterator[Database]:
    async with Database(settings) as opened:
        yield opened


@pytest.fixture
async def customer(database: Database, tmp_path: Path) -> AsyncIterator[Customer]:
    async with serving_customers(database, tmp_path) as opened:
        yield opened


@pytest.fixture
def registry() -> Registry:
    return Registry(service="projection")


@pytest.fixture
async def broker(kafka_bootstrap: str) -> KafkaSettings:
    settings = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    await apply_topics(settings, topics.load_topics(1))
    return settings


@pytest.fixture
async def publisher(broker: KafkaSettings) -> AsyncIterator[Publisher]:
    async with Publisher(broker, "test") as opened:
        yield opened


@pytest.fixture
def publish(publisher: Publisher) -> Publish:
    async def put(*records: Record, topic: str | None = None) -> Position:
        for record in records:
            where = topic or topics.topic_of(record)
            position = await publisher.publish(where, key=topics.key_of(record), value=CODEC.encode(record))
        return position

    return put


@pytest.fixture
async def make_projector(
    broker: KafkaSettings, database: Database, publisher: Publisher, registry: Registry
) -> MakeProjector:
    """Projectors of one group, for what is written from now on."""
    await skip_history(broker, database)
    group = f"test-{uuid4()}"

    def make(**options: Any) -> Projector:
        return Projector(broker, database, publisher, CODEC, registry, group=group, **options)

    return make


async def _execute(dsn: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(statement.encode())
