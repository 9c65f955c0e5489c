"""The write routes of the customer API. What they decide is in `request_shape`, `request_judge` and `intake`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cdr_exports.api import documents, paths, query, responses
from cdr_exports.api.errors import ApiError
from cdr_exports.api.reception import Reception
from cdr_exports.api.selection import ResourceType, selection_of
from cdr_exports.ingress.intake import Intake
from cdr_exports.ingress.request_judge import Judge
from cdr_exports.ingress.request_shape import shape
from cdr_exports.runtime.metrics import Registry

REJECTED_FOR: Mapping[int, str] = MappingProxyType({401: "auth", 413: "too_large", 429: "quota", 503: "overload"})
"""Reason of the metric by HTTP status; any other is `invalid`."""


def router(
    reception: Reception, judge: Judge, intake: Intake, registry: Registry, *, public_url: str | None = None
) -> APIRouter:
    """POST `/cdr-exports`. DELETE of one export belongs here too."""
    routes = APIRouter()

    async def create(request: Request) -> Response:
        try:
            return await _create(request, reception, judge, intake, public_url)
        except ApiError as error:
            registry.count("rejected", reason=REJECTED_FOR.get(error.status, "invalid"))
            raise

    routes.add_api_route(paths.CDR_EXPORTS, create, methods=["POST"], response_model=None)
    return routes


async def _create(
    request: Request, reception: Reception, judge: Judge, intake: Intake, public_url: str | None
) -> Response:
    """The steps of section 1.1, in their order."""
    caller, body = await reception.admit_write(request)
    selection = selection_of(query.parse(request.scope["query_string"]), ResourceType.CDR_EXPORTS)
    wanted = judge.judge(shape(body), caller.scope)
    state, position = await intake.accept(wanted, caller)
    base_url = paths.base_url(request, public_url)
    return responses.document(
        request,
        documents.one(state, wanted.account, base_url, selection),
        status=201,
        headers={"Location": documents.export_url(state.export_id, base_url), **responses.position_header(position)},
    )
