"""The application as a customer sees it, over ASGI, on whatever log it is given."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, Generic, TypeVar

import httpx2
from starlette.types import ASGIApp

from cdr_exports.api.reception import Reception
from cdr_exports.api.tokens import Authenticator, Issuer
from cdr_exports.api.zones import zone_names
from cdr_exports.contract.codec import Codec
from cdr_exports.domain.columns import COLUMNS
from cdr_exports.domain.errors import Transient
from cdr_exports.domain.events import ExportRequested
from cdr_exports.domain.identity import ApiAccessId
from cdr_exports.domain.lifecycle import Position
from cdr_exports.facade.app import build
from cdr_exports.ingress.http import router
from cdr_exports.ingress.intake import Intake, Publishes
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

    def requests(self) -> list[ExportRequested]:
        return [codec().decode(value, (ExportRequested,)) for _, _, value, _ in self.records]


LogT = TypeVar("LogT", bound=Publishes)


@dataclass
class Desk(Generic[LogT]):
    """The application, its log and its metrics."""

    http: httpx2.AsyncClient
    log: LogT
    registry: Registry

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


def application(log: Publishes, registry: Registry, hidden: frozenset[str] = frozenset()) -> ASGIApp:
    """Ingress alone: Acme and Globex are its customers, `hidden` are the columns that no export may hold."""
    accounts = directory()
    reception = Reception(authenticator=Authenticator(KEYS, accounts, now, LIFETIME), body_limit_bytes=65536)
    judge = Judge(
        directory=accounts,
        zone_names=zones(),
        longest_range=timedelta(days=92),
        columns_left=len(hidden) < len(COLUMNS),
    )
    intake = Intake(publisher=log, codec=codec(), registry=registry, now=now, hidden_columns=hidden)
    return build([router(reception, judge, intake, registry)], registry)


@asynccontextmanager
async def desk_on(log: LogT, hidden: frozenset[str] = frozenset()) -> AsyncIterator[Desk[LogT]]:
    registry = Registry(service="test")
    async with client_of(application(log, registry, hidden)) as http:
        yield Desk(http=http, log=log, registry=registry)


def client_of(app: ASGIApp) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://api.test:8080")


@cache
def codec() -> Codec:
    return Codec.load()


@cache
def zones() -> frozenset[str]:
    return zone_names()
