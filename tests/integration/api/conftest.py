"""The whole API, over ASGI, between the real log and a read model of its own that a real projector keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr
from starlette.types import ASGIApp

from cdr_exports.api.reception import Reception
from cdr_exports.api.tokens import Authenticator, Issuer
from cdr_exports.contract import topics
from cdr_exports.domain.identity import ApiAccessId
from cdr_exports.facade import accounts, sessions
from cdr_exports.facade.app import build
from cdr_exports.ingress import http as ingress_http
from cdr_exports.ingress.deletion import Deletion
from cdr_exports.ingress.intake import Intake
from cdr_exports.ingress.outbox import Outbox
from cdr_exports.ingress.quota import Quota
from cdr_exports.ingress.request_judge import Judge
from cdr_exports.projection import http as projection_http
from cdr_exports.projection.projector import Projector
from cdr_exports.projection.reads import Reads
from cdr_exports.projection.waiting import Waiting
from cdr_exports.projection.writers_view import WritersView
from cdr_exports.runtime.clock import Now, utc_now
from cdr_exports.runtime.kafka import Publisher
from cdr_exports.runtime.kafka_topics import apply_topics
from cdr_exports.runtime.metrics import Registry
from cdr_exports.runtime.postgres import Database, migrate, migrations_of
from cdr_exports.runtime.settings import KafkaSettings, PostgresSettings
from cdr_exports.runtime.storage import Store
from tests.stack import Stack
from tests.unit.api.records import KEYS, LIFETIME, directory
from tests.unit.ingress.desk import codec, zones

OpenApp = Callable[..., Awaitable[ASGIApp]]
OpenApi = Callable[..., Awaitable[httpx2.AsyncClient]]


@pytest.fixture
async def kafka(stack: Stack) -> KafkaSettings:
    settings = KafkaSettings(kafka_bootstrap=stack.kafka_bootstrap)
    await apply_topics(settings, topics.load_topics(replication_factor=1))
    return settings


@pytest.fixture
async def postgres(postgres_dsn: str) -> AsyncIterator[PostgresSettings]:
    """A migrated database of its own."""
    name = f"api_{uuid4().hex[:12]}"
    await _execute(postgres_dsn, f"CREATE DATABASE {name}")
    dsn = make_conninfo(postgres_dsn, dbname=name)
    await migrate(dsn, migrations_of("cdr_exports.projection"))
    yield PostgresSettings(postgres_dsn=SecretStr(dsn))
    await _execute(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def projected(kafka: KafkaSettings, postgres: PostgresSettings) -> AsyncIterator[None]:
    """The read model follows the log."""
    async with Database(postgres) as database, Publisher(kafka, "test-projection") as publisher:
        registry = Registry(service="projection")
        projector = Projector(kafka, database, publisher, codec(), registry, group=f"test-{uuid4()}")
        async with _running(projector.run()):
            yield


@pytest.fixture
async def open_app(kafka: KafkaSettings, postgres: PostgresSettings, tmp_path: Path) -> AsyncIterator[OpenApp]:
    """Opens one facade more, as a process of its own would."""
    async with AsyncExitStack() as opened:

        async def open_one(*, pending_limit: int = 1000, now: Now = utc_now) -> ASGIApp:
            registry, people = Registry(service="facade"), directory()
            database = await opened.enter_async_context(Database(postgres))
            publisher = await opened.enter_async_context(Publisher(kafka, "test-ingress"))
            passwords = opened.enter_context(ThreadPoolExecutor(1))
            waiting = Waiting(database, registry)
            await opened.enter_async_context(_running(waiting.run()))
            reception = Reception(authenticator=Authenticator(KEYS, people, now, LIFETIME), body_limit_bytes=65536)
            outbox, view = Outbox(publisher, codec(), registry), WritersView(database, waiting)
            judge = Judge(directory=people, zone_names=zones(), longest_range=timedelta(days=92), columns_left=True)
            quota = Quota(view, pending_limit)
            writes = ingress_http.router(
                reception=reception,
                judge=judge,
                intake=Intake(outbox=outbox, quota=quota, read_model=view, registry=registry, now=now),
                deletion=Deletion(outbox=outbox, read_model=view, now=now),
                registry=registry,
            )
            reads = projection_http.router(
                reception=reception,
                directory=people,
                reads=Reads(database, waiting),
                store=Store.open(f"file://{tmp_path}"),
            )
            auth = sessions.router(
                reception=reception, door=sessions.Door(people, passwords), issuer=Issuer(KEYS, now, LIFETIME)
            )
            companions = [auth, accounts.router(reception=reception, directory=people)]
            return build([writes, reads, *companions], registry)

        yield open_one


@pytest.fixture
async def open_api(open_app: OpenApp) -> AsyncIterator[OpenApi]:
    """As `open_app`; gives a client with a token of Acme for both accounts."""
    async with AsyncExitStack() as opened:

        async def open_one(**options: Any) -> httpx2.AsyncClient:
            client = httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=await open_app(**options)),
                base_url="http://api.test/api/rest/customer/v1",
                headers={
                    "authorization": Issuer(KEYS, utc_now, LIFETIME).for_access(ApiAccessId(15)),
                    "content-type": "application/vnd.api+json",
                },
                timeout=30,
            )
            return await opened.enter_async_context(client)

        yield open_one


@asynccontextmanager
async def _running(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _execute(dsn: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(statement.encode())
