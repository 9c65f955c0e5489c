"""The write routes of the customer API. What they decide is in `request_shape`, `request_judge`, `intake`, `deletion`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cdr_exports.api import documents, paths, query, responses
from cdr_exports.api.errors import ApiError
from cdr_exports.api.reception import Reception
from cdr_exports.api.selection import ResourceType, selection_of
from cdr_exports.ingress.deletion import Deletion
from cdr_exports.ingress.idempotency import REPLAYED_HEADER, KeyUsed, key_of
from cdr_exports.ingress.intake import Intake
from cdr_exports.ingress.request_judge import Judge
from cdr_exports.ingress.request_shape import shape
from cdr_exports.runtime.metrics import Registry

REJECTED_FOR: Mapping[int, str] = MappingProxyType({401: "auth", 413: "too_large", 429: "quota", 503: "overload"})
"""Reason of the metric by HTTP status; any other is `invalid`."""


def router(
    *,
    reception: Reception,
    judge: Judge,
    intake: Intake,
    deletion: Deletion,
    registry: Registry,
    public_url: str | None = None,
) -> APIRouter:
    """POST `/cdr-exports` and DELETE `/cdr-exports/{uuid}`."""
    routes = _Routes(reception=reception, judge=judge, intake=intake, deletion=deletion, public_url=public_url)
    made = APIRouter()

    async def create(request: Request) -> Response:
        try:
            return await routes.create(request)
        except ApiError as error:
            reason = "conflict" if isinstance(error, KeyUsed) else REJECTED_FOR.get(error.status, "invalid")
            registry.count("rejected", reason=reason)
            raise

    made.add_api_route(paths.CDR_EXPORTS, create, methods=["POST"], response_model=None)
    made.add_api_route(f"{paths.CDR_EXPORTS}/{{export_id}}", routes.delete, methods=["DELETE"], response_model=None)
    return made


@dataclass(frozen=True, kw_only=True)
class _Routes:
    reception: Reception
    judge: Judge
    intake: Intake
    deletion: Deletion
    public_url: str | None

    async def create(self, request: Request) -> Response:
        """The steps of section 1.1, in their order."""
        caller, body = await self.reception.admit_write(request)
        key = key_of(request.headers)
        selection = selection_of(query.parse(request.scope["query_string"]), ResourceType.CDR_EXPORTS)
        wanted = self.judge.judge(shape(body), caller.scope)
        base_url = paths.base_url(request, self.public_url)
        accepted = await self.intake.accept(wanted, caller, key)
        content = documents.one(accepted.state, wanted.account, base_url, selection)
        headers = {
            "Location": documents.export_url(accepted.state.export_id, base_url),
            **responses.position_header(accepted.position),
            **({REPLAYED_HEADER: "true"} if accepted.is_replayed else {}),
        }
        return responses.document(request, content, status=201, headers=headers)

    async def delete(self, request: Request) -> Response:
        export_id = paths.export_id(request)
        caller = await self.reception.admit(request)
        account_ids = [each.account_id for each in self.judge.directory.visible_accounts(caller.scope)]
        position = await self.deletion.delete(export_id, caller, account_ids)
        return Response(status_code=204, headers=responses.position_header(position) if position else {})
