"""The application on a log in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.ingress.desk import Desk, LogInMemory, desk_on


@pytest.fixture
async def desk() -> AsyncIterator[Desk[LogInMemory]]:
    async with desk_on(LogInMemory()) as opened:
        yield opened
