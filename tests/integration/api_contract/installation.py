"""The customer API as `cdr-exports run` composes it, in this process and over HTTP, between a real log and a real read
model that a real projection keeps. No processor: what exports come to is published here, and so are their files.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx2

from cdr_exports.api.tokens import COOKIE, Issuer
from cdr_exports.cli.http_service import run_http
from cdr_exports.cli.projection_service import run_projection
from cdr_exports.cli.service_parts import Process
from cdr_exports.contract import ledger_format, topics
from cdr_exports.domain import object_names
from cdr_exports.domain.events import AccountChanged, ApiAccessChanged, ExportCompleted, Record
from cdr_exports.domain.identity import AccountId, ApiAccessId, CustomerId, ExportId
from cdr_exports.domain.parts import Manifest, StoredObject
from cdr_exports.runtime.clock import utc_now
from cdr_exports.runtime.kafka import Publisher
from cdr_exports.runtime.metrics import Registry
from cdr_exports.runtime.process import Health
from cdr_exports.runtime.settings import PREFIX, ProcessSettings
from cdr_exports.runtime.storage import Store
from tests.integration.projection.logs import AT, completed, event, requested
from tests.unit.api.records import KEYS, LIFETIME
from tests.unit.ingress.desk import codec

API = "/api/rest/customer/v1"
EXPORTS = f"{API}/cdr-exports"
JSON_API = "application/vnd.api+json"

ACME, GLOBEX = CustomerId(9001), CustomerId(9002)
MAIN, SPARE, OTHERS, NOBODYS = (AccountId(number) for number in (90011, 90012, 90021, 99999))
"""Two accounts of Acme, one of Globex, and one that the directory does not know."""
ALL_OF_ACME, SPARE_OF_ACME, ALL_OF_GLOBEX = (ApiAccessId(number) for number in (9101, 9102, 9201))

CONTENT = gzip.compress(b"Time Start,Success\n" + bytes(range(256)) * 40, mtime=0)
PENDING_LIMIT = 1_000_000
START_SECONDS = 30


@dataclass(frozen=True)
class Installation:
    """`http` carries no token. `url` is the origin."""

    url: str
    http: httpx2.AsyncClient
    store_url: str
    store: Store
    publisher: Publisher
    issuer: Issuer

    async def publish(self, *records: Record) -> None:
        for record in records:
            topic = topics.topic_of(record)
            await self.publisher.publish(topic, key=topics.key_of(record), value=codec().encode(record))

    async def export(self, account_id: AccountId, *, has_ended: bool = True) -> ExportId:
        """An export of long ago: whether such a one exists is known at once. It has a file if it has ended."""
        export_id = old_id()
        await self.publish(requested(export_id, account_id=account_id))
        if has_ended:
            ending = completed(export_id)
            file = replace(ending.file, bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
            await self._keep_file(export_id, account_id, replace(ending, file=file))
        return export_id

    async def _keep_file(self, export_id: ExportId, account_id: AccountId, ending: ExportCompleted) -> None:
        name = object_names.folder(export_id) + "part-0"
        await self.store.create(name, CONTENT[10:-8])
        stored = StoredObject(name=name, bytes=len(CONTENT) - 18, sha256="")
        manifest = Manifest(
            export_id=export_id, account_id=account_id, rows=ending.rows, file=ending.file, totals=ending.totals,
            head=CONTENT[:10], objects=(stored,), tail=CONTENT[-8:], columns=(), data_through=None, started_at=AT,
            completed_at=AT,
        )  # fmt: skip
        await self.store.create(object_names.manifest(export_id), ledger_format.dump(manifest))
        await self.publish(ending)

    def bearer(self, access_id: ApiAccessId = ALL_OF_ACME) -> dict[str, str]:
        return {"authorization": f"Bearer {self.issuer.for_access(access_id)}"}

    def dynamic(self, customer_id: CustomerId, *account_ids: AccountId) -> dict[str, str]:
        return {"authorization": self.issuer.dynamic(customer_id, account_ids)}

    def cookie(self, access_id: ApiAccessId) -> dict[str, str]:
        return {"cookie": f"{COOKIE}={self.issuer.for_access(access_id)}"}

    async def shown(self, export_id: ExportId, status: str, access_id: ApiAccessId = ALL_OF_ACME) -> None:
        """Returns when the read model shows the export with that status."""
        async with asyncio.timeout(START_SECONDS):
            while True:
                answer = await self.http.get(f"{EXPORTS}/{export_id}", headers=self.bearer(access_id))
                if answer.status_code == 200 and answer.json()["data"]["attributes"]["status"] == status:
                    return
                await asyncio.sleep(0.05)


def account_uuid(account_id: AccountId) -> str:
    return f"7a108ca2-39c4-11f1-8c50-{account_id:012d}"


def old_id() -> ExportId:
    """As one of early 2025."""
    return ExportId(UUID(int=0x01950000_0000_7000_8000_000000000000 | (uuid4().int & (1 << 60) - 1)))


def body(account_id: AccountId = MAIN) -> dict[str, object]:
    return {
        "data": {
            "type": "cdr-exports",
            "attributes": {"filters": {"time_start_gteq": "2025-01-01", "time_start_lt": "2025-01-02"}},
            "relationships": {"account": {"data": {"type": "accounts", "id": account_uuid(account_id)}}},
        }
    }


@asynccontextmanager
async def installed(settings: Mapping[str, str], publisher: Publisher) -> AsyncIterator[Installation]:
    """Projection and facade, with these settings (names without their prefix), running."""
    port, store = _free_port(), Store.open(settings["STORE_URL"])
    stop = asyncio.Event()
    projection, facade = (
        Process(settings=ProcessSettings(), registry=Registry(service=name), health=Health(), stop=stop)
        for name in ("projection", "facade")
    )
    everything = {
        "HTTP_PORT": str(port),
        "PENDING_LIMIT": str(PENDING_LIMIT),
        "EXPORT_EXPIRY_DAYS": "",  # these exports ended long ago
        **settings,
    }
    async with (
        asyncio.TaskGroup() as group,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http,
    ):
        with _environment(everything):
            for process, run in (projection, run_projection), (facade, _run_facade):
                group.create_task(run(process))
                await _until(partial(_is_ready, process))
        made = Installation(
            str(http.base_url).rstrip("/"),
            http,
            settings["STORE_URL"],
            store,
            publisher,
            Issuer(KEYS, utc_now, LIFETIME),
        )
        await made.publish(*_people())
        await _until_async(made, ALL_OF_GLOBEX)
        try:
            yield made
        finally:
            stop.set()


def _run_facade(process: Process) -> Coroutine[Any, Any, None]:
    return run_http(process, ingress=True, reads=True)


def _people() -> list[Record]:
    accounts = {MAIN: ACME, SPARE: ACME, OTHERS: GLOBEX}
    accesses = {ALL_OF_ACME: (ACME, ()), SPARE_OF_ACME: (ACME, (SPARE,)), ALL_OF_GLOBEX: (GLOBEX, ())}
    return [
        *(
            AccountChanged(
                **event(), account_id=account_id, account_uuid=account_uuid(account_id), customer_id=customer_id,
                name=f"Account {account_id}", balance="1.0", min_balance="0.0", max_balance="9.0", currency="USD",
            )
            for account_id, customer_id in accounts.items()
        ),
        *(
            ApiAccessChanged(
                **event(), api_access_id=access_id, customer_id=customer_id, account_ids=account_ids,
                login=f"login-{access_id}",
            )
            for access_id, (customer_id, account_ids) in accesses.items()
        ),
    ]  # fmt: skip


def _is_ready(process: Process) -> bool:
    conditions = process.health.readiness()
    return bool(conditions) and all(conditions.values())


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(START_SECONDS):
        while not holds():
            await asyncio.sleep(0.02)


async def _until_async(made: Installation, access_id: ApiAccessId) -> None:
    """The directory's last record has come through, and the API answers."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                if (await made.http.get(f"{API}/accounts", headers=made.bearer(access_id))).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.05)


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """For the time in which services read their settings; nothing of them is left to other tests."""
    named = {name if name.startswith("AWS_") else PREFIX + name: value for name, value in settings.items()}
    before = {name: os.environ.get(name) for name in named}
    os.environ.update(named)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
