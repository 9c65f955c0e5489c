"""A processor without Kafka: the real engine, a real store, and a list in the place of the topics."""

from __future__ import annotations

import asyncio
import zoneinfo
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from cdr_exports.contract.codec import Codec
from cdr_exports.domain.directory import Directory
from cdr_exports.domain.events import AccountChanged, ExportRequested, Record, SliceReady
from cdr_exports.domain.filters import Filters
from cdr_exports.domain.identity import AccountId, CustomerId, EventId, ExportId
from cdr_exports.domain.parts import Manifest
from cdr_exports.processor.exporter import Exporter
from cdr_exports.processor.finisher import Finisher
from cdr_exports.processor.ledger import Ledger
from cdr_exports.processor.planner import Planner
from cdr_exports.processor.slice_maker import SliceMaker
from cdr_exports.processor.worker import Worker
from cdr_exports.runtime.clickhouse import ClickHouse
from cdr_exports.runtime.clock import Now, utc_now
from cdr_exports.runtime.metrics import Registry
from cdr_exports.runtime.settings import ExportSettings, WorkerSettings
from cdr_exports.runtime.storage import Store

ACCOUNT = AccountId(71)
DAY = datetime(2026, 3, 1, tzinfo=UTC)


def account(account_id: int = ACCOUNT) -> AccountChanged:
    return AccountChanged(
        event_id=EventId(uuid4()),
        occurred_at=DAY,
        source="test",
        account_id=AccountId(account_id),
        account_uuid=str(uuid4()),
        customer_id=CustomerId(7),
        name="Acme",
    )


def request(account_id: int = ACCOUNT, *, days: int = 1, **fields: Any) -> ExportRequested:
    """For `days` from DAY on; of the fields, those of Filters go into the filters."""
    filters = {name: fields.pop(name) for name in Filters.__slots__ if name in fields}
    bounds = {"time_start_gteq": DAY, "time_start_lt": DAY + timedelta(days=days)}
    return ExportRequested(**{
        "event_id": EventId(uuid4()),
        "occurred_at": utc_now(),
        "source": "test",
        "export_id": ExportId(uuid4()),
        "account_id": AccountId(account_id),
        "filters": Filters(**{**bounds, **filters}),
        **fields,
    })  # fmt: skip


@dataclass
class Workshop:
    """Announced records in order; those that are work wait in `work` until `run` does them."""

    store: Store
    ledger: Ledger
    exporter: Exporter
    worker: Worker
    directory: Directory
    announced: list[Record] = field(default_factory=list)
    work: deque[SliceReady] = field(default_factory=deque)
    fail_announcing: list[type[Record]] = field(default_factory=list)

    async def announce(self, record: Record) -> None:
        self.announced.append(record)
        if isinstance(record, SliceReady):
            self.work.append(record)

    async def run(self, wanted: ExportRequested) -> Record:
        """The export from its request to its end; gives the last record said of it."""
        await self.worker.do(wanted)
        await self.finish()
        return self.announced[-1]

    async def finish(self) -> None:
        while self.work:
            await self.worker.do(self.work.popleft())

    def file(self, manifest: Manifest) -> bytes:
        """As a customer downloads it."""
        objects = (b"".join(self.store.pieces(each.name)) for each in manifest.objects)
        return manifest.head + b"".join(objects) + manifest.tail

    def said(self, kind: type[Record]) -> list[Any]:
        return [each for each in self.announced if isinstance(each, kind)]


@contextmanager
def workshop(
    clickhouse: ClickHouse,
    folder: Path,
    *,
    table: str,
    now: Now = utc_now,
    store: Store | None = None,
    stop: asyncio.Event | None = None,
    **settings: Any,
) -> Iterator[Workshop]:
    """`settings` are those of WorkerSettings. Without a `store` files lie in `folder`."""
    worker_settings = WorkerSettings(**{"slice_rows": 1000, "lanes": 2, **settings})
    store = store or Store.open(f"file://{folder}")
    registry, directory = Registry(service="test"), Directory()
    directory.put_account(account())
    ledger = Ledger(store)
    zones = frozenset(zoneinfo.available_timezones()) - {"localtime"}
    with ThreadPoolExecutor(4) as executor:
        made: Workshop

        async def announce(record: Record) -> None:
            await made.announce(record)

        exporter = Exporter(
            ledger=ledger,
            planner=Planner(clickhouse, table, worker_settings, ExportSettings(), zones, now),
            maker=SliceMaker(clickhouse, store, table, executor, deadline_seconds=30),
            finisher=Finisher(ledger, store, executor, now),
            directory=directory,
            announce=announce,
            registry=registry,
            now=now,
            longest=timedelta(seconds=worker_settings.export_deadline_seconds),
        )
        worker = Worker(
            exporter=exporter,
            codec=Codec.load(),
            announce=announce,
            registry=registry,
            now=now,
            attempts=worker_settings.slice_attempts,
            group="test",
            stop=stop or asyncio.Event(),
        )
        made = Workshop(store=store, ledger=ledger, exporter=exporter, worker=worker, directory=directory)
        yield made


def row(number: int, start: datetime, **columns: Any) -> Mapping[str, Any]:
    """One CDR for JSONEachRow; what is not named has the table's default."""
    at = start.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return {"id": number, "customer_acc_id": ACCOUNT, "time_start": at, **columns}
