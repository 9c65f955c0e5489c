"""Finishes an export: reads the whole file once as it will be downloaded, then writes its manifest.

What is announced is what is stored: the SHA-256 of the file, its length, the parts' digests against the ledger's.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import reduce
from operator import add

from cdr_exports.domain import object_names
from cdr_exports.domain.events import NO_TOTALS, ExportedFile
from cdr_exports.domain.parts import Manifest, Part, StoredObject
from cdr_exports.domain.slices import Plan
from cdr_exports.processor import gzip_member
from cdr_exports.processor.ledger import Ledger
from cdr_exports.processor.slice_maker import Unverified
from cdr_exports.runtime.clock import Now
from cdr_exports.runtime.storage import Store


class Finisher:
    def __init__(self, ledger: Ledger, store: Store, executor: Executor, now: Now) -> None:
        self._ledger, self._store, self._executor, self._now = ledger, store, executor, now

    async def finish(self, plan: Plan) -> Manifest:
        """The export's manifest, written by us or by whoever was first. Raises Transient, Unverified, LedgerBroken."""
        parts = await self._ledger.parts(plan)
        crc = gzip_member.combined_crc((part.crc32, part.raw_bytes) for part in parts)
        raw_bytes = sum(part.raw_bytes for part in parts)
        tail = gzip_member.tail(crc, raw_bytes)
        sha256 = await asyncio.get_running_loop().run_in_executor(self._executor, self._read_back, parts, tail)
        file = ExportedFile(
            format=plan.file_format,
            parts=len(parts),
            bytes=len(gzip_member.HEAD) + sum(part.stored_bytes for part in parts) + len(tail),
            raw_bytes=raw_bytes,
            sha256=sha256,
            crc32=crc,
            manifest=object_names.manifest(plan.export_id),
        )
        return await self._ledger.settle_manifest(
            Manifest(
                export_id=plan.export_id,
                account_id=plan.account_id,
                rows=sum(part.rows for part in parts),
                file=file,
                totals=reduce(add, (part.totals for part in parts), NO_TOTALS),
                head=gzip_member.HEAD,
                objects=tuple(
                    StoredObject(name=part.object_name, bytes=part.stored_bytes, sha256=part.sha256) for part in parts
                ),
                tail=tail,
                columns=plan.columns,
                data_through=None,
                started_at=plan.planned_at,
                completed_at=self._now(),
            )
        )

    def _read_back(self, parts: Sequence[Part], tail: bytes) -> str:
        """SHA-256 of the file from the store's bytes; in a thread. Raises Unverified for a part that is not as entered."""
        whole = hashlib.sha256(gzip_member.HEAD)
        for part in parts:
            own, stored_bytes = hashlib.sha256(), 0
            try:
                for piece in self._store.pieces(part.object_name):
                    own.update(piece)
                    whole.update(piece)
                    stored_bytes += len(piece)
            except FileNotFoundError as error:
                raise Unverified("digest", f"the object of slice {part.slice} is missing") from error
            if (own.hexdigest(), stored_bytes) != (part.sha256, part.stored_bytes):
                raise Unverified("digest", f"the object of slice {part.slice} is not what was stored")
        whole.update(tail)
        return whole.hexdigest()
