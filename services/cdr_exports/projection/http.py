"""The customer's reading routes: list, one, download, events, account. Decides nothing but the order of the steps.

The steps are those of section 1.1 of the customer API; each raises the `ApiError` that ends the request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cdr_exports.api import documents, paging, paths, query, responses
from cdr_exports.api.errors import ApiError, Catalogue, unavailable
from cdr_exports.api.reception import Reception
from cdr_exports.api.selection import ResourceType, Selection, selection_of
from cdr_exports.domain.directory import Directory
from cdr_exports.domain.errors import Transient
from cdr_exports.domain.events import AccountChanged
from cdr_exports.domain.identity import AccountId
from cdr_exports.domain.lifecycle import ExportState, Status
from cdr_exports.projection import event_stream
from cdr_exports.projection.downloads import File, download
from cdr_exports.projection.list_filters import filter_errors
from cdr_exports.projection.list_query import list_query
from cdr_exports.projection.reads import Reads, Viewer
from cdr_exports.projection.streamed import Streamed
from cdr_exports.projection.watching import Watching
from cdr_exports.runtime.storage import Store

RETRY_AFTER_SECONDS = 2
READ_MODEL, FILE_STORE, EVENTS = "The list of exports", "The file store", "The stream of events"
"""What is down, in words for a customer."""

Handler = Callable[[Request], Awaitable[Response]]


def router(
    *,
    reception: Reception,
    directory: Directory,
    reads: Reads,
    store: Store,
    public_url: str | None = None,
    stop: asyncio.Event | None = None,
) -> APIRouter:
    """`stop` ends the streams of events: the server waits for them."""
    watching = Watching(reads, stop or asyncio.Event())
    routes = _Routes(
        reception=reception, directory=directory, reads=reads, watching=watching, store=store, public_url=public_url
    )
    one = f"{paths.CDR_EXPORTS}/{{export_id}}"
    table: dict[str, Handler] = {
        paths.CDR_EXPORTS: routes.list,
        one: routes.one,
        f"{one}/download": routes.download,
        f"{one}/events": routes.events,
        f"{one}/account": routes.account,
        f"{one}/relationships/account": routes.linkage,
    }
    made = APIRouter()
    for path, handler in table.items():
        made.add_api_route(path, handler, methods=["GET"])
        made.add_api_route(path, handler, methods=["HEAD"], include_in_schema=False)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """An export that whoever asks may see, and its account."""

    state: ExportState
    account: AccountChanged
    viewer: Viewer
    base_url: str
    selection: Selection


@dataclass(frozen=True, kw_only=True)
class _Routes:
    reception: Reception
    directory: Directory
    reads: Reads
    watching: Watching
    store: Store
    public_url: str | None

    async def list(self, request: Request) -> Response:
        caller = await self.reception.admit(request)
        members = query.parse(request.scope["query_string"])
        asked = list_query(members)
        accounts = {
            each.account_id: each
            for each in self.directory.visible_accounts(caller.scope)
            if all(test.admits(each.account_uuid) for test in asked.account_tests)
        }
        viewer = Viewer(customer=caller.scope.customer_id, account_ids=accounts.keys())
        with _needing(READ_MODEL):
            await self._catch_up(request, viewer)
            found = await self.reads.page(
                viewer,
                offset=asked.page.offset,
                limit=asked.page.size,
                conditions=asked.conditions,
                order=asked.order,
            )
        base_url = paths.base_url(request, self.public_url)
        shown = [(state, _account_of(state, accounts)) for state in found.states]
        data = [documents.resource_object(state, account, base_url, asked.selection) for state, account in shown]
        url = f"{base_url}/{ResourceType.CDR_EXPORTS}"
        content = {
            "data": data,
            **_included([account for _, account in shown], base_url, asked.selection),
            "meta": {"total-count": found.total},
            "links": paging.links(url, members, asked.page, total=found.total),
        }
        return responses.document(request, content)

    async def one(self, request: Request) -> Response:
        asked = await self._asked(request)
        content = documents.one(asked.state, asked.account, asked.base_url, asked.selection)
        return responses.document(request, content)

    async def account(self, request: Request) -> Response:
        asked = await self._asked(request, ResourceType.ACCOUNTS)
        content = {"data": documents.account_object(asked.account, asked.base_url, asked.selection)}
        return responses.document(request, content)

    async def linkage(self, request: Request) -> Response:
        asked = await self._asked(request)
        return responses.document(request, documents.linkage(asked.state.export_id, asked.account, asked.base_url))

    async def download(self, request: Request) -> Response:
        asked = await self._asked(request, negotiates=False)
        if asked.state.status is not Status.COMPLETED or asked.state.request is None:
            return Response(status_code=404)
        with _needing(FILE_STORE):
            file = await File.find(self.store, asked.state.export_id)
            if file is None:
                return Response(status_code=404)
            return await download(request, file, asked.state.request)

    async def events(self, request: Request) -> Response:
        asked = await self._asked(request, negotiates=False)
        if request.method == "HEAD":
            return Response(headers=event_stream.HEADERS)
        if (applied := event_stream.last_event(request)) is not None:
            await self.reads.as_new_as(applied, asked.viewer)

        def show(state: ExportState) -> dict[str, object]:
            return documents.resource_object(state, asked.account, asked.base_url)

        messages = event_stream.messages(self.watching.follow(asked.state.export_id, asked.viewer.customer), show)
        with _needing(EVENTS):
            first = await anext(messages, b"")
        return Streamed(first, messages, headers=event_stream.HEADERS)

    async def _asked(
        self, request: Request, shown: ResourceType = ResourceType.CDR_EXPORTS, *, negotiates: bool = True
    ) -> _Asked:
        """The export that the path names. Downloads and streams do not look at the query string."""
        export_id = paths.export_id(request)
        caller = await self.reception.admit(request, negotiates=negotiates)
        selection = _selection(request, shown) if negotiates else Selection()
        accounts = {each.account_id: each for each in self.directory.visible_accounts(caller.scope)}
        viewer = Viewer(customer=caller.scope.customer_id, account_ids=accounts.keys())
        with _needing(READ_MODEL):
            await self._catch_up(request, viewer)
            state = await self.reads.one(export_id, viewer)
        if state is None:
            raise Catalogue.RECORD_NOT_FOUND.raised(id=export_id)
        base_url = paths.base_url(request, self.public_url)
        account = _account_of(state, accounts)
        return _Asked(state=state, account=account, viewer=viewer, base_url=base_url, selection=selection)

    async def _catch_up(self, request: Request, viewer: Viewer) -> None:
        position = responses.position_of(request)
        if position is not None:
            await self.reads.after(position, viewer)


def _selection(request: Request, shown: ResourceType) -> Selection:
    members = query.parse(request.scope["query_string"])
    selection = selection_of(members, shown)
    if errors := filter_errors(members):
        raise ApiError(*errors)
    return selection


def _account_of(state: ExportState, accounts: dict[AccountId, AccountChanged]) -> AccountChanged:
    """The account of an export that was read within `accounts`."""
    if state.request is None:
        raise LookupError("an export without a request was read for someone")
    return accounts[state.request.account_id]


def _included(accounts: list[AccountChanged], base_url: str, selection: Selection) -> dict[str, object]:
    """Each account once, in the order of the exports."""
    if "account" not in selection.include:
        return {}
    once = {each.account_id: each for each in accounts}.values()
    return {"included": [documents.account_object(each, base_url, selection) for each in once]} if once else {}


@contextmanager
def _needing(part: str) -> Iterator[None]:
    try:
        yield
    except Transient as error:
        raise unavailable(part, retry_after_seconds=RETRY_AFTER_SECONDS) from error
