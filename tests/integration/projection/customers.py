"""A customer of the reading routes: the application on a real read model and a real store, and what stands behind it."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
from starlette.types import ASGIApp

from cdr_exports.api.reception import Reception
from cdr_exports.api.tokens import Authenticator, Issuer
from cdr_exports.contract import ledger_format
from cdr_exports.domain import object_names
from cdr_exports.domain.filters import FileFormat
from cdr_exports.domain.identity import AccountId, ApiAccessId, ExportId
from cdr_exports.domain.parts import Manifest, StoredObject
from cdr_exports.facade.app import build
from cdr_exports.projection.folding import Folding
from cdr_exports.projection.http import router
from cdr_exports.projection.reads import Reads
from cdr_exports.projection.waiting import Waiting
from cdr_exports.projection.watermarks import Complete
from cdr_exports.runtime.metrics import Registry
from cdr_exports.runtime.postgres import Database
from cdr_exports.runtime.storage import Store
from tests.integration.projection.logs import AT, EVENTS, REQUESTS, completed, log_of, new_id, requested
from tests.unit.api.records import KEYS, LIFETIME, directory, now

PATH = "/api/rest/customer/v1/cdr-exports"
ACME_ACCESS, SPARE_ACCESS = ApiAccessId(15), ApiAccessId(16)
CONTENT = gzip.compress(b"Time Start,Success\n" + bytes(range(256)) * 40, mtime=0)
OLD_ID, OTHER_OLD_ID = (ExportId(UUID(f"01950000-0000-7000-8000-0000000000{end}")) for end in ("ff", "fe"))
"""Made long ago: whether they exist is known at once. The first does not."""


class RecordedStore(Store):
    """A store that remembers which bytes of which objects were asked for."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.ranges: list[tuple[str, int, int]] = []

    async def range(self, name: str, start: int, end: int) -> bytes:
        self.ranges.append((name, start, end))
        return await super().range(name, start, end)


@dataclass
class Customer:
    """The application with what is behind it, and a client with a token."""

    http: httpx2.AsyncClient
    app: ASGIApp
    reads: Reads
    stop: asyncio.Event
    folding: Folding
    store: RecordedStore
    folder: Path
    issuer: Issuer

    async def get(
        self, path: str = "", *, method: str = "GET", token: str | None = None, **headers: str
    ) -> httpx2.Response:
        bearer = token or self.issuer.for_access(ACME_ACCESS)
        sent = {"authorization": f"Bearer {bearer}"} | {name.replace("_", "-"): text for name, text in headers.items()}
        return await self.http.request(method, PATH + path, headers=sent)

    async def requests(self, *records: Any) -> None:
        await self.folding.apply(log_of(REQUESTS, records, first=self.folding.applied[REQUESTS]))

    async def events(self, *records: Any) -> None:
        await self.folding.apply(log_of(EVENTS, records, first=self.folding.applied[EVENTS]))

    async def complete(self) -> None:
        at = await self.folding.now()
        looks = [Complete(partition=each, next_offset=0, before=at) for each in self.folding.applied]
        await self.folding.complete(looks, self.folding.applied.keys())

    async def file(
        self,
        export_id: ExportId | None = None,
        *,
        cut_at: int = 100,
        content: bytes = CONTENT,
        file_format: FileFormat = FileFormat.CSV,
    ) -> ExportId:
        """A completed export with its file of two objects, a head and a tail."""
        export_id = export_id or new_id()
        middle = content[10:-8]
        objects = {f"part-{n}": data for n, data in enumerate((middle[:cut_at], middle[cut_at:]))}
        for name, data in objects.items():
            await self.store.create(object_names.folder(export_id) + name, data)
        ending = completed(export_id, rows=40)
        file = replace(ending.file, format=file_format, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        manifest = Manifest(
            export_id=export_id,
            account_id=AccountId(71),
            rows=40,
            file=file,
            totals=ending.totals,
            head=content[:10],
            objects=tuple(
                StoredObject(name=object_names.folder(export_id) + name, bytes=len(data), sha256="")
                for name, data in objects.items()
            ),
            tail=content[-8:],
            columns=(),
            data_through=None,
            started_at=AT,
            completed_at=AT,
        )
        await self.store.create(object_names.manifest(export_id), ledger_format.dump(manifest))
        await self.requests(requested(export_id, file_format=file_format))
        await self.events(replace(ending, file=file))
        return export_id


@asynccontextmanager
async def serving_customers(database: Database, folder: Path) -> AsyncIterator[Customer]:
    registry, accounts = Registry(service="test"), directory()
    waiting, store = Waiting(database, registry, patience_seconds=0.3), RecordedStore.open(f"file://{folder / 'store'}")
    reception = Reception(authenticator=Authenticator(KEYS, accounts, now, LIFETIME), body_limit_bytes=65536)
    stop, reads = asyncio.Event(), Reads(database, waiting)
    routes = router(reception=reception, directory=accounts, reads=reads, store=store, stop=stop)
    app = build([routes], registry)
    folding = Folding(database)
    await folding.starts({REQUESTS, EVENTS})
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://api.test:8080") as http:
        opened = Customer(http, app, reads, stop, folding, store, folder / "store", Issuer(KEYS, now, LIFETIME))
        await opened.complete()
        following = asyncio.create_task(waiting.run())
        async with asyncio.timeout(5):
            while waiting.progress.complete_before is None:
                await waiting.beyond(waiting.progress)
        yield opened
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
