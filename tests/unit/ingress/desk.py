"""The application as a customer sees it, over ASGI, on whatever log it is given."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, Generic, TypeVar, get_args

import httpx2
from starlette.types import ASGIApp

from cdr_exports.api.reception import Reception
from cdr_exports.api.tokens import Authenticator, Issuer
from cdr_exports.api.zones import zone_names
from cdr_exports.contract.codec import Codec
from cdr_exports.domain.columns import COLUMNS
from cdr_exports.domain.errors import Transient
from cdr_exports.domain.events import Command, ExportRequested, Fact
from cdr_exports.domain.identity import AccountId, ApiAccessId, CustomerId, ExportId
from cdr_exports.domain.lifecycle import ExportState, Position, evolve
from cdr_exports.facade import accounts, sessions
from cdr_exports.facade.app import build
from cdr_exports.ingress.deletion import Deletion
from cdr_exports.ingress.http import router
from cdr_exports.ingress.intake import Intake
from cdr_exports.ingress.outbox import MOST_UNDER_WAY, Outbox, Publishes
from cdr_exports.ingress.quota import Quota
from cdr_exports.ingress.read_model import ReadModel
from cdr_exports.ingress.request_judge import Judge
from cdr_exports.runtime.metrics import Registry, exposition
from tests.unit.api.records import KEYS, LIFETIME, account, directory, now

PATH = "/api/rest/customer/v1/cdr-exports"
JSON_API = "application/vnd.api+json"


@dataclass
class LogInMemory:
    """Where intake publishes to. `is_away` makes it behave as a broker that does not answer."""

    records: list[tuple[str, bytes | None, bytes | None, dict[str, bytes]]] = field(default_factory=list)
    is_away: bool = False

    async def publish(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        timeout_seconds: float = 5.0,
    ) -> Position:
        await asyncio.sleep(0)
        if self.is_away:
            raise Transient(f"no answer within {timeout_seconds} s")
        self.records.append((topic, key, value, dict(headers)))
        return Position(len(self.records) - 1, 2)

    def commands(self) -> list[Command]:
        return [codec().decode(value, get_args(Command)) for _, _, value, _ in self.records]

    def requests(self) -> list[ExportRequested]:
        return [command for command in self.commands() if isinstance(command, ExportRequested)]


@dataclass
class ReadModelInMemory:
    """Stands for the projection: has applied the log up to `applied_records`, or all of it, and `facts` as well.

    `is_away` makes it behave as a PostgreSQL that does not answer.
    """

    log: LogInMemory = field(default_factory=LogInMemory)
    facts: list[Fact] = field(default_factory=list)
    applied_records: int | None = None
    is_away: bool = False

    async def look(self, export_id: ExportId, account_id: AccountId) -> ExportState | None:
        return self._visible(export_id, [account_id])

    async def find(
        self, export_id: ExportId, customer_id: CustomerId, account_ids: Collection[AccountId]
    ) -> ExportState | None:
        return self._visible(export_id, account_ids)

    async def applied(self, position: Position, customer_id: CustomerId) -> None:
        self._answers()
        if self.applied_records is not None and position.offset >= self.applied_records:
            raise Transient("the projection has not caught up")

    async def others_unended(
        self, account_id: AccountId, export_id: ExportId, accepted: Collection[ExportId]
    ) -> tuple[int, frozenset[ExportId]]:
        self._answers()
        await asyncio.sleep(0)
        states = self.states()
        unended = [
            each
            for each in states.values()
            if each.request and each.request.account_id == account_id and not each.is_terminal
        ]
        return sum(each.export_id != export_id for each in unended), frozenset(accepted) - states.keys()

    def states(self) -> dict[ExportId, ExportState]:
        states: dict[ExportId, ExportState] = {}
        records = [*self.log.commands()[: self.applied_records], *self.facts]
        for offset, record in enumerate(records):
            before = states.get(record.export_id, ExportState(export_id=record.export_id))
            states[record.export_id] = evolve(before, record, Position(offset, 2))
        return states

    def _visible(self, export_id: ExportId, account_ids: Collection[AccountId]) -> ExportState | None:
        self._answers()
        state = self.states().get(export_id)
        return state if state and state.request and state.request.account_id in account_ids else None

    def _answers(self) -> None:
        if self.is_away:
            raise Transient("PostgreSQL does not answer")


LogT = TypeVar("LogT", bound=Publishes)


@dataclass
class Desk(Generic[LogT]):
    """The application, its log and its metrics."""

    http: httpx2.AsyncClient
    log: LogT
    read_model: ReadModelInMemory
    registry: Registry

    async def delete(self, export_id: object, *, access: int = 15) -> httpx2.Response:
        return await self.request("DELETE", f"{PATH}/{export_id}", access=access)

    async def request(self, method: str, path: str, *, access: int = 15, **headers: str) -> httpx2.Response:
        token = Issuer(KEYS, now, LIFETIME).for_access(ApiAccessId(access))
        sent = {"authorization": f"Bearer {token}"} | {name.replace("_", "-"): text for name, text in headers.items()}
        return await self.http.request(method, path, headers=sent)

    async def post(self, body: object, *, path: str = PATH, **headers: str) -> httpx2.Response:
        """As access 15 of Acme, unless `authorization` says otherwise."""
        token = Issuer(KEYS, now, LIFETIME).for_access(ApiAccessId(15))
        sent = {"authorization": f"Bearer {token}", "content-type": JSON_API}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.http.post(path, content=content, headers={name: text for name, text in sent.items() if text})

    def metric(self, sample: str) -> float:
        """The value of one sample, `name{label="value"}`."""
        lines = exposition(self.registry, "")[0].decode().splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"cdr_export_{sample} "))


def body(*, account_number: int | None = 71, **attributes: Any) -> dict[str, Any]:
    """A good request, of one day; attributes by their name with underscores."""
    filters = {"time_start_gteq": "2025-01-01", "time_start_lt": "2025-01-02"}
    sent = {"filters": filters} | {name.replace("_", "-"): value for name, value in attributes.items()}
    linkage = account_number and {"type": "accounts", "id": account(account_number).account_uuid}
    relationships = {"account": {"data": linkage}}
    return {"data": {"type": "cdr-exports", "attributes": sent, "relationships": relationships}}


@dataclass(frozen=True, kw_only=True)
class Options:
    """`hidden` are the columns that no export may hold."""

    hidden: frozenset[str] = frozenset()
    pending_limit: int = 20
    most_under_way: int = MOST_UNDER_WAY
    cors: bool = False


def application(
    log: Publishes, registry: Registry, read_model: ReadModel | None = None, options: Options | None = None
) -> ASGIApp:
    """The routes that need no store: Acme and Globex are its customers."""
    directory_of_two, options = directory(), options or Options()
    read_model = read_model or ReadModelInMemory()
    reception = Reception(authenticator=Authenticator(KEYS, directory_of_two, now, LIFETIME), body_limit_bytes=65536)
    judge = Judge(
        directory=directory_of_two,
        zone_names=zones(),
        longest_range=timedelta(days=92),
        columns_left=len(options.hidden) < len(COLUMNS),
    )
    outbox = Outbox(log, codec(), registry, most_under_way=options.most_under_way)
    intake = Intake(
        outbox=outbox,
        quota=Quota(read_model, options.pending_limit),
        read_model=read_model,
        registry=registry,
        now=now,
        hidden_columns=options.hidden,
    )
    writes = router(
        reception=reception,
        judge=judge,
        intake=intake,
        deletion=Deletion(outbox=outbox, read_model=read_model, now=now),
        registry=registry,
    )
    door = sessions.Door(directory_of_two, ThreadPoolExecutor(2))
    auth = sessions.router(reception=reception, door=door, issuer=Issuer(KEYS, now, LIFETIME))
    companions = [auth, accounts.router(reception=reception, directory=directory_of_two)]
    return build([writes, *companions], registry, cors=options.cors)


@asynccontextmanager
async def desk_on(log: LogT, read_model: ReadModelInMemory | None = None, **options: Any) -> AsyncIterator[Desk[LogT]]:
    """`options` are those of `Options`. The read model follows a log in memory."""
    registry = Registry(service="test")
    if read_model is None:
        read_model = ReadModelInMemory(log) if isinstance(log, LogInMemory) else ReadModelInMemory()
    async with client_of(application(log, registry, read_model, Options(**options))) as http:
        yield Desk(http=http, log=log, read_model=read_model, registry=registry)


def client_of(app: ASGIApp) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://api.test:8080")


@cache
def codec() -> Codec:
    return Codec.load()


@cache
def zones() -> frozenset[str]:
    return zone_names()
