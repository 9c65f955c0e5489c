"""The API against its own description: whatever schemathesis makes of it, every answer is one that the description has.

Generated from fixed seeds: good requests at random, good ones about an export that there is, and bad ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cdr_exports.api.responses import POSITION_HEADER
from cdr_exports.facade.openapi import document
from tests.integration.api_contract.installation import EXPORTS, JSON_API, MAIN, Installation, account_uuid, body

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

EXAMPLES, HEAD_EXAMPLES = 7, 2
"""Of each kind, for each operation; HEAD is GET without a body."""
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
OPERATIONS = [
    f"{method.upper()} {path.removeprefix('/api/rest/customer/v1')}"
    for path, methods in document()["paths"].items()
    for method in methods
]


@pytest.fixture(scope="module")
async def known(api: Installation) -> dict[str, str]:
    """What is in a request about something that there is."""
    export_id = await api.export(MAIN)
    await api.shown(export_id, "Completed")
    made = await api.http.post(EXPORTS, json=body(MAIN), headers=api.bearer() | {"content-type": JSON_API})
    position = made.headers["export-position"]
    return {"export_id": str(export_id), "account_uuid": account_uuid(MAIN), "position": position}


@pytest.fixture(scope="module")
async def described(api: Installation) -> Any:
    served = (await api.http.get("/openapi.json")).json()
    assert served == document()
    return schemathesis.openapi.from_dict(served)


def strategies(operation: Any, known: dict[str, str]) -> Iterator[SearchStrategy[Any]]:
    named = {name: value for name, value in known.items() if f"{{{name}}}" in operation.path}
    yield operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if named and operation.method.upper() != "DELETE":
        yield operation.as_strategy(generation_mode=GenerationMode.POSITIVE, path_parameters=named)
    if operation.path_parameters or operation.query or operation.headers or operation.body:
        yield operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_every_answer_is_one_that_the_description_has(
    api: Installation, described: Any, known: dict[str, str], name: str
) -> None:
    method, path = name.split(" ")
    operation = described[f"/api/rest/customer/v1{path}"][method]
    headers = api.bearer()

    seeded = settings(
        max_examples=HEAD_EXAMPLES if method == "HEAD" else EXAMPLES, derandomize=True, database=None, deadline=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip

    def ask(case: Any) -> None:
        if POSITION_HEADER in case.headers:
            case.headers[POSITION_HEADER] = known["position"]  # for one that is yet to come, it is waited
        answer = case.call(base_url=api.url, headers=headers)
        case.validate_response(answer, checks=CHECKS)

    for cases in strategies(operation, known):
        await asyncio.to_thread(seeded(given(case=cases)(ask)))
