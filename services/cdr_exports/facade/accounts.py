"""`/accounts`: the accounts that a token lets its bearer see (sections 0.12, 5.1 and 5.4 of the customer API)."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cdr_exports.api import documents, paging, paths, query, responses
from cdr_exports.api.errors import ApiError, Catalogue, Error
from cdr_exports.api.reception import Reception
from cdr_exports.api.selection import ResourceType, Selection, fields_of, include_of
from cdr_exports.domain.directory import Directory


def router(*, reception: Reception, directory: Directory, public_url: str | None = None) -> APIRouter:
    routes = _Routes(reception=reception, directory=directory, public_url=public_url)
    made = APIRouter()
    for path, endpoint in {paths.ACCOUNTS: routes.list, f"{paths.ACCOUNTS}/{{account_uuid}}": routes.one}.items():
        made.add_api_route(path, endpoint, methods=["GET"], response_model=None)
        made.add_api_route(path, endpoint, methods=["HEAD"], response_model=None, include_in_schema=False)
    return made


@dataclass(frozen=True, kw_only=True)
class _Routes:
    reception: Reception
    directory: Directory
    public_url: str | None

    async def list(self, request: Request) -> Response:
        """By name. `sort` is not looked at; a filter would change what is listed, so it is refused."""
        caller = await self.reception.admit(request)
        members = query.parse(request.scope["query_string"])
        selection, errors = _selection(members)
        page = paging.page_of(members, errors)
        if errors:
            raise ApiError(*errors)
        accounts = self.directory.visible_accounts(caller.scope)
        base_url = paths.base_url(request, self.public_url)
        shown = accounts[page.offset : page.offset + page.size]
        content = {
            "data": [documents.account_object(each, base_url, selection) for each in shown],
            "meta": {"total-count": len(accounts)},
            "links": paging.links(f"{base_url}/{ResourceType.ACCOUNTS}", members, page, total=len(accounts)),
        }
        return responses.document(request, content)

    async def one(self, request: Request) -> Response:
        account_uuid = str(paths.uuid_of(request, "account_uuid"))
        caller = await self.reception.admit(request)
        selection, errors = _selection(query.parse(request.scope["query_string"]))
        if errors:
            raise ApiError(*errors)
        account = self.directory.account_by_uuid(account_uuid)
        if account is None or not caller.scope.admits(account):
            raise Catalogue.RECORD_NOT_FOUND.raised(id=account_uuid)
        base_url = paths.base_url(request, self.public_url)
        return responses.document(request, {"data": documents.account_object(account, base_url, selection)})


def _selection(members: query.Members) -> tuple[Selection, list[Error]]:
    """What is shown. A bad `fields` is told alone, others in the list of errors; accounts have no relationships."""
    fields = fields_of(members)
    errors: list[Error] = []
    try:
        include_of(members, ResourceType.ACCOUNTS)
    except ApiError as error:
        errors += error.errors
    match members.get("filter"):
        case None:
            pass
        case dict(names):
            errors += [Catalogue.FILTER_NOT_ALLOWED.error(name=name.replace("-", "_")) for name in list(names)[:1]]
        case value:
            errors.append(Catalogue.INVALID_FILTERS_SYNTAX.error(value=value))
    return Selection(fields=fields), errors
