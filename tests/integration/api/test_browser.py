"""The session cookie in a real browser, on the same origin: login, use, logout, by a page as a portal would have it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from cdr_exports.api.passwords import hash_password
from cdr_exports.api.reception import Reception
from cdr_exports.api.tokens import Authenticator, Issuer
from cdr_exports.facade import accounts, sessions
from cdr_exports.facade.app import build
from cdr_exports.runtime.clock import utc_now
from cdr_exports.runtime.http_server import serving
from cdr_exports.runtime.metrics import Registry
from tests.unit.api.records import KEYS, LIFETIME, access, directory

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PAGE = """<!doctype html><title>portal</title><script>
const api = "/api/rest/customer/v1", steps = [];
async function ask(method, path, body) {
  const options = {method, headers: {Accept: "application/vnd.api+json"}};
  if (body) { options.body = JSON.stringify(body); options.headers["Content-Type"] = "application/json"; }
  const answer = await fetch(api + path, options), text = await answer.text();
  steps.push([method, path, answer.status, text ? JSON.parse(text) : null, document.cookie]);
}
(async () => {
  const login = password => ({auth: {login: "anna", password, cookie_auth: true}});
  await ask("GET", "/auth");
  await ask("POST", "/auth", login("wrong"));
  await ask("POST", "/auth", login("open sesame"));
  await ask("GET", "/auth");
  await ask("GET", "/accounts?fields[accounts]=name");
  await ask("GET", "/accounts/00000000-0000-0000-0000-000000000000");
  await ask("GET", "/auth");
  await ask("DELETE", "/auth");
  await ask("GET", "/auth");
})().catch(error => steps.push(String(error))).finally(() => fetch("/told", {method: "POST", body: JSON.stringify(steps)}));
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
async def test_a_portal_logs_in_works_and_logs_out_by_cookie(tmp_path: Path) -> None:
    told: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
    people = directory()
    people.put_access(
        replace(access(15), login="anna", password_hash=hash_password("open sesame"), allow_listen_recording=True)
    )
    reception = Reception(authenticator=Authenticator(KEYS, people, utc_now, LIFETIME), body_limit_bytes=65536)
    with ThreadPoolExecutor(1) as executor:
        auth = sessions.router(
            reception=reception, door=sessions.Door(people, executor), issuer=Issuer(KEYS, utc_now, LIFETIME)
        )
        routers = [auth, accounts.router(reception=reception, directory=people), portal(told)]
        async with (
            serving(build(routers, Registry(service="test")), host="127.0.0.1", port=0) as port,
            browser(f"http://127.0.0.1:{port}/portal", tmp_path),
            asyncio.timeout(60),
        ):
            steps = await told

    assert [(method, path.partition("?")[0], status) for method, path, status, *_ in steps] == [
        ("GET", "/auth", 401),
        ("POST", "/auth", 401),
        ("POST", "/auth", 201),
        ("GET", "/auth", 200),
        ("GET", "/accounts", 200),
        ("GET", "/accounts/00000000-0000-0000-0000-000000000000", 404),
        ("GET", "/auth", 200),
        ("DELETE", "/auth", 204),
        ("GET", "/auth", 401),
    ]
    documents = [document for *_, document, _ in steps]
    assert documents[2] is None
    assert documents[3] == {"allow-rec": True}
    assert [each["attributes"]["name"] for each in documents[4]["data"]] == ["Acme main", "Acme spare"]
    assert {cookie for *_, cookie in steps} == {""}, "a script can read the session"


def portal(told: asyncio.Future[list[Any]]) -> APIRouter:
    """The page, and where it tells what it met."""
    routes = APIRouter()

    async def page(_: Request) -> Response:
        return HTMLResponse(PAGE)

    async def tell(request: Request) -> Response:
        told.set_result(await request.json())
        return Response(status_code=204)

    routes.add_api_route("/portal", page, methods=["GET"], response_model=None)
    routes.add_api_route("/told", tell, methods=["POST"], response_model=None)
    return routes


@asynccontextmanager
async def browser(url: str, folder: Path) -> AsyncIterator[None]:
    """Headless, with a profile of its own; it ends with the context."""
    process = await asyncio.create_subprocess_exec(
        str(CHROMIUM),
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
        f"--user-data-dir={folder / 'profile'}",
        url,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        await process.wait()
