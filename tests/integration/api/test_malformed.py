"""The corpus of malformed requests over all routes, on a real log and a real read model: nothing gives a 500."""

from __future__ import annotations

import random

import pytest

from tests.integration.api.conftest import OpenApp
from tests.unit.api.records import now
from tests.unit.facade.test_malformed import KNOWN, PATHS, SEED, cases, statuses

ROUTES = ("", "/account", "/relationships/account", "/download", "/events", "/download/%00")
READS = tuple(f"/cdr-exports/{each}{route}" for each in (KNOWN, KNOWN.upper(), "x") for route in ROUTES)
LISTS = ("/cdr-exports",) * 10


@pytest.mark.usefixtures("projected")
async def test_nothing_that_a_client_sends_gives_a_500_on_the_real_stack(open_app: OpenApp) -> None:
    app = await open_app(pending_limit=10**6, now=now)

    seen = await statuses(app, cases(random.Random(SEED), 2000, (*PATHS, *READS, *LISTS)))

    assert seen.keys() >= {200, 201, 400, 401, 404, 406, 413, 415, 422}
