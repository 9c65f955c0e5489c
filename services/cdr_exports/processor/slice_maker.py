"""Makes one part of one slice: ClickHouse's bytes, scrutinised, compressed and stored as they come.

Bounded memory whatever the slice holds: a piece from the socket goes through to the store before the next is read,
so a slow store slows ClickHouse down. Nothing is believed: the part is worth entering into the ledger only if the
transfer ended, the bytes are whole rows and nothing else, and their number is what an independent count of the same
predicate says, which also gives the sums for the manifest. What the bytes look like is left to the format.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

from cdr_exports.domain import object_names
from cdr_exports.domain.errors import CdrExportsError
from cdr_exports.domain.events import Totals
from cdr_exports.domain.slices import Plan, Slice
from cdr_exports.processor import query
from cdr_exports.processor.formats import format_of
from cdr_exports.runtime.clickhouse import ClickHouse
from cdr_exports.runtime.storage import Store

SLICE_MEMORY_BYTES = 512 << 20


class Unverified(CdrExportsError):
    """The bytes are not the slice. `check` names what refused them: error_text, rows."""

    def __init__(self, check: str, why: str) -> None:
        super().__init__(why)
        self.check = check


class Abandoned(CdrExportsError):
    """The slice was given up half-way because the worker stops or the export was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What went into the store under one attempt's name. `rows` were counted in the bytes; the rest is as in Part."""

    object_name: str
    rows: int
    raw_bytes: int
    stored_bytes: int
    crc32: int
    sha256: str
    footer: bytes


class SliceMaker:
    """Makes slices of any export, as many at a time as the executor has threads."""

    def __init__(
        self, clickhouse: ClickHouse, store: Store, table: str, executor: Executor, *, deadline_seconds: float
    ) -> None:
        self._clickhouse, self._store, self._table = clickhouse, store, table
        self._executor = executor
        self._settings: Mapping[str, Any] = (
            query.CHECKED_SETTINGS
            | query.READING_SETTINGS
            | {"max_threads": 1, "max_execution_time": deadline_seconds, "max_memory_usage": SLICE_MEMORY_BYTES}
        )

    async def make(self, plan: Plan, piece: Slice) -> tuple[Written, Totals]:
        """One attempt. Raises Transient, QueryFailed, Unverified; nothing is left behind in the store then.

        Cancelled, it stops the query and waits until its thread has let go.
        """
        attempt = uuid4().hex[:12]
        name = object_names.part(plan.export_id, piece.number, attempt)
        given_up = threading.Event()
        writing = asyncio.get_running_loop().run_in_executor(self._executor, self._write, plan, piece, name, given_up)
        try:
            written = await asyncio.shield(writing)
            return written, await self._counted(plan, piece, written.rows)
        except BaseException:
            given_up.set()
            if not writing.done():  # it may sit and wait for a byte
                await asyncio.to_thread(self._clickhouse.break_off, object_names.attempt_id(name))
            await asyncio.wait([writing])
            if not writing.cancelled():
                writing.exception()  # it has been seen: either it is the error at hand, or the giving up
            await self._store.delete(name)
            raise

    async def _counted(self, plan: Plan, piece: Slice, rows: int) -> Totals:
        """The sums over the slice, if the count beside them is `rows`. A query of its own: it shares no byte with the
        one it checks. Raises Unverified.
        """
        asked = query.totals(self._table, plan, piece.start, piece.end)
        ((count, duration, customer_duration, price),) = await self._clickhouse.rows(
            asked.sql, asked.params, query.CHECKED_SETTINGS
        )
        if count != rows:
            raise Unverified("rows", f"{rows} rows came, a count says {count}, the plan said {piece.rows_expected}")
        return Totals(
            duration_seconds=duration, customer_duration_seconds=customer_duration, customer_price=Decimal(price)
        )

    def _write(self, plan: Plan, piece: Slice, name: str, given_up: threading.Event) -> Written:
        """In a thread."""
        form = format_of(plan.file_format)
        making, digest, stored_bytes = form.part(plan, piece), hashlib.sha256(), 0
        part = self._store.part(name)

        def store(data: bytes) -> None:
            nonlocal stored_bytes
            if data:
                digest.update(data)
                part.write(data)
                stored_bytes += len(data)

        try:
            asked = query.rows(self._table, plan, form.expressions(plan), piece.start, piece.end)
            settings, query_id = {**self._settings, **form.settings}, object_names.attempt_id(name)
            with self._clickhouse.stream(
                asked.sql, asked.params, settings, query_id=query_id, fmt=form.clickhouse_name
            ) as pieces:
                for data in pieces:
                    if given_up.is_set():
                        raise Abandoned(f"slice {piece.number} was given up")
                    store(making.feed(data))
            if why := making.defect():
                raise Unverified("error_text", why)
            store(making.end())
        finally:
            part.close()  # also after an error: an upload left open would lie about for ever; the caller deletes it
        return Written(
            object_name=name,
            rows=making.rows,
            raw_bytes=making.raw_bytes,
            stored_bytes=stored_bytes,
            crc32=making.crc32,
            sha256=digest.hexdigest(),
            footer=making.footer,
        )
