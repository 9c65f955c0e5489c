"""`/auth`: logging in with a password, for a token or for a cookie session, and out again (section 2.4 of the customer API).

A wrong password, an unknown login and a body that is no login get the same answer, after the same work where there is
anything to check. A password is checked in a thread of its own kind: it takes a fifth of a second of one core.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cdr_exports.api import casting, json_body, paths, responses
from cdr_exports.api.errors import ApiError, Catalogue, unavailable
from cdr_exports.api.passwords import verify_password
from cdr_exports.api.reception import Reception
from cdr_exports.api.tokens import ENDED_SESSION, Issuer
from cdr_exports.domain.directory import Directory
from cdr_exports.domain.events import ApiAccessChanged

JSON_MEDIA_TYPES = frozenset({"application/json", responses.MEDIA_TYPE})
"""A page of another origin cannot send these without asking first, so it cannot log its reader in as someone else."""
MOST_WAITING = 32
"""Logins in one process at a time; at two cores' pace the last waits some 3 s."""
RETRY_AFTER_SECONDS = 5

VerifyPassword = Callable[[str, str | None], bool]


class Login(NamedTuple):
    login: str
    password: str
    wants_cookie: bool


class Door:
    """Who may come in: passwords against the directory, no more at a time than can be checked in good time."""

    def __init__(self, directory: Directory, executor: Executor, verify: VerifyPassword = verify_password) -> None:
        self._directory, self._executor, self._verify = directory, executor, verify
        self._waiting = 0

    async def access(self, login: Login) -> ApiAccessChanged:
        """Raises ApiError: 401, or 503 where too many wait already."""
        if self._waiting >= MOST_WAITING:
            raise unavailable("The login", retry_after_seconds=RETRY_AFTER_SECONDS)
        found = self._directory.access_by_login(login.login)
        password_hash = found.password_hash if found else None
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            is_right = await loop.run_in_executor(self._executor, self._verify, login.password, password_hash)
        finally:
            self._waiting -= 1
        if found is None or not is_right:
            raise _refused()
        return found


def router(*, reception: Reception, door: Door, issuer: Issuer) -> APIRouter:
    routes = _Routes(reception=reception, door=door, issuer=issuer)
    made = APIRouter()
    made.add_api_route(paths.AUTH, routes.log_in, methods=["POST"], response_model=None)
    made.add_api_route(paths.AUTH, routes.show, methods=["GET"], response_model=None)
    made.add_api_route(paths.AUTH, routes.show, methods=["HEAD"], response_model=None, include_in_schema=False)
    made.add_api_route(paths.AUTH, routes.log_out, methods=["DELETE"], response_model=None)
    return made


def login_of(media_type: str, body: bytes) -> Login:
    """`{"auth": {"login": …, "password": …, "cookie_auth": …}}`. Raises ApiError (401) for whatever is none."""
    if media_type.partition(";")[0].strip().lower() not in JSON_MEDIA_TYPES:
        raise _refused()
    try:
        sent: Any = json_body.parse(body).get("auth")
    except ApiError as error:
        raise _refused() from error
    if not isinstance(sent, dict):
        raise _refused()
    login, password = sent.get("login"), sent.get("password")
    if not isinstance(login, str) or not isinstance(password, str):
        raise _refused()
    return Login(login, password, wants_cookie=casting.to_boolean(sent.get("cookie_auth")) is True)


@dataclass(frozen=True, kw_only=True)
class _Routes:
    reception: Reception
    door: Door
    issuer: Issuer

    async def log_in(self, request: Request) -> Response:
        body = await self.reception.body(request)
        login = login_of(request.headers.get("content-type", ""), body)
        access = await self.door.access(login)
        if login.wants_cookie:
            cookie = self.issuer.cookie_for_access(access.api_access_id)
            return Response(status_code=201, headers={"Set-Cookie": cookie})
        return responses.document(request, {"jwt": self.issuer.for_access(access.api_access_id)}, status=201)

    async def show(self, request: Request) -> Response:
        caller = await self.reception.admit(request, negotiates=False)
        return responses.document(request, {"allow-rec": caller.may_listen})

    async def log_out(self, request: Request) -> Response:
        """Whether there is a session or not, and good or not: afterwards there is none."""
        await self.reception.body(request)
        return Response(status_code=204, headers={"Set-Cookie": ENDED_SESSION})


def _refused() -> ApiError:
    return Catalogue.AUTHENTICATION_FAILED.raised()
