"""CORS (section 1.2): off unless a setting says otherwise, then exactly what the reference's proxy says."""

from __future__ import annotations

import pytest

from cdr_exports.runtime.settings import HttpSettings
from tests.unit.ingress.desk import PATH, LogInMemory, body, desk_on


def of_cors(headers: object) -> dict[str, str]:
    return {name: text for name, text in dict(headers).items() if name.startswith("access-control")}  # type: ignore[call-overload]


@pytest.mark.parametrize("path", [PATH, f"{PATH}/x", "/"])
async def test_a_preflight_is_answered_where_it_is_switched_on(path: str) -> None:
    async with desk_on(LogInMemory(), cors=True) as desk:
        response = await desk.http.options(path)

    assert (response.status_code, response.content) == (204, b"")
    assert of_cors(response.headers) == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET, POST, DELETE, PUT, PATCH, OPTIONS",
        "access-control-allow-headers": "Origin, X-Requested-With, Content-Type, Accept, api_key, Authorization",
        "access-control-max-age": "1728000",
    }


async def test_other_answers_may_be_read_by_any_page_then() -> None:
    async with desk_on(LogInMemory(), cors=True) as desk:
        answers = [await desk.post(body()), await desk.http.get(PATH + "/x"), await desk.post(b"{")]

    assert [each.status_code for each in answers] == [201, 404, 400]
    assert all(of_cors(each.headers) == {"access-control-allow-origin": "*"} for each in answers)


async def test_it_is_off_by_default() -> None:
    async with desk_on(LogInMemory(), cors=HttpSettings().cors) as desk:
        preflight, created = await desk.http.options(PATH), await desk.post(body())

    assert preflight.status_code == 404
    assert preflight.json()["errors"][0]["detail"] == f"No route matches OPTIONS {PATH}."
    assert of_cors(preflight.headers) == of_cors(created.headers) == {}
