"""How a request is let in: the first steps that all routes share, in their order (section 1.1 of the customer API).

Body within the limit, authentication, `Content-Type` of a write, `Accept`, and a body that is a JSON object. What comes
after is the route's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from cdr_exports.api import json_body, negotiation
from cdr_exports.api.tokens import COOKIE, Authenticator, Caller

SET_COOKIE = "session_cookie"
"""The member of `request.state` that holds the `Set-Cookie` of every answer to a cookie session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    authenticator: Authenticator
    body_limit_bytes: int

    async def admit(self, request: Request, *, negotiates: bool = True) -> Caller:
        """For GET and DELETE. Downloads and streams do not negotiate. Raises ApiError (413, 401, 406)."""
        await json_body.read(request, limit_bytes=self.body_limit_bytes)
        caller = self._authenticate(request)
        if negotiates:
            negotiation.check_accept(request.headers)
        return caller

    async def body(self, request: Request) -> bytes:
        """Of a request that needs no token. Raises ApiError (413)."""
        return await json_body.read(request, limit_bytes=self.body_limit_bytes)

    async def admit_write(self, request: Request) -> tuple[Caller, dict[str, Any]]:
        """For POST: who asks, and the body's object. Raises ApiError (413, 401, 415, 406, 400)."""
        body = await json_body.read(request, limit_bytes=self.body_limit_bytes)
        caller = self._authenticate(request)
        negotiation.check_content_type(request.headers)
        negotiation.check_accept(request.headers)
        return caller, json_body.parse(body)

    def _authenticate(self, request: Request) -> Caller:
        caller = self.authenticator.caller(request.headers.get("authorization"), request.cookies.get(COOKIE))
        if caller.set_cookie is not None:
            setattr(request.state, SET_COOKIE, caller.set_cookie)
        return caller
