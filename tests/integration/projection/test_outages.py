"""Servers that die under the projector and come back with their data."""

from __future__ import annotations

import pytest

from cdr_exports.domain.lifecycle import Status
from cdr_exports.runtime.postgres import Database
from tests.integration.projection.logs import new_id
from tests.integration.projection.projectors import MakeProjector, Publish, life, running, until_all
from tests.stack import Stack


@pytest.fixture(scope="module")
def kafka_bootstrap(stack: Stack) -> str:
    """Of servers that may be killed."""
    return stack.kafka_bootstrap


@pytest.fixture(scope="module")
def postgres_dsn(stack: Stack) -> str:
    return stack.postgres_dsn


@pytest.mark.parametrize("server", ["postgres", "kafka"])
async def test_a_server_that_is_killed_and_comes_back_loses_nothing(
    server: str, stack: Stack, publish: Publish, make_projector: MakeProjector, database: Database
) -> None:
    ids = [new_id() for _ in range(20)]
    async with running(make_projector(batch_records=5)):
        for export_id in ids[:10]:
            await publish(*life(export_id))
        await stack.kill(server)
        await stack.start(server)
        for export_id in ids[10:]:
            await publish(*life(export_id))

        found = await until_all(database, ids, Status.COMPLETED)

    assert [each["rows_count"] for each in found] == [40] * len(ids)
