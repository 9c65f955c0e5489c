"""The servers, for whichever test asks for one. A test that asks for none starts none.

A server named in the environment is used as it is (CDR_EXPORTS_TEST_KAFKA_BOOTSTRAP, CDR_EXPORTS_TEST_POSTGRES_DSN,
CDR_EXPORTS_TEST_CLICKHOUSE_URL with user and password in it); the others are those of a local stack, started once.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import hypothesis
import pytest

from tests.stack import S3, ClickHouse, Stack, running_s3, running_stack

hypothesis.settings.register_profile("any speed", deadline=None)
hypothesis.settings.load_profile("any speed")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The local stack's servers, all three, which a test may kill, stop and start: it leaves them running."""
    with running_stack() as stack:
        yield stack


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest) -> str:
    """host:port of a broker."""
    return os.environ.get("CDR_EXPORTS_TEST_KAFKA_BOOTSTRAP") or _stack(request).kafka_bootstrap


@pytest.fixture(scope="session")
def postgres_dsn(request: pytest.FixtureRequest) -> str:
    """URI of a database whose user may create others."""
    return os.environ.get("CDR_EXPORTS_TEST_POSTGRES_DSN") or _stack(request).postgres_dsn


@pytest.fixture(scope="session")
def clickhouse(request: pytest.FixtureRequest) -> ClickHouse:
    """A ClickHouse whose user may create tables."""
    url = os.environ.get("CDR_EXPORTS_TEST_CLICKHOUSE_URL")
    return ClickHouse.at(url, has_faults=False) if url else _stack(request).clickhouse


@pytest.fixture(scope="session")
async def s3() -> AsyncIterator[S3]:
    """An S3 store, which is no member of the stack: few tests need it."""
    async with running_s3() as s3:
        yield s3


def _stack(request: pytest.FixtureRequest) -> Stack:
    stack: Stack = request.getfixturevalue("stack")
    return stack
