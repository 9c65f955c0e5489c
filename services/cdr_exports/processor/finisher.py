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
from cdr_exports.domain.filters import FileFormat
from cdr_exports.domain.parts import Manifest, Part, StoredObject
from cdr_exports.domain.slices import Plan
from cdr_exports.processor.file_format import FileEnds
from cdr_exports.processor.formats import format_of
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
        work = asyncio.get_running_loop().run_in_executor(self._executor, self._read_back, plan.file_format, parts)
        ends, sha256 = await work
        file = ExportedFile(
            format=plan.file_format,
            parts=len(parts),
            bytes=len(ends.head) + sum(part.stored_bytes for part in parts) + len(ends.tail),
            raw_bytes=ends.raw_bytes,
            sha256=sha256,
            crc32=ends.crc32,
            manifest=object_names.manifest(plan.export_id),
        )
        return await self._ledger.settle_manifest(
            Manifest(
                export_id=plan.export_id,
                account_id=plan.account_id,
                rows=sum(part.rows for part in parts),
                file=file,
                totals=reduce(add, (part.totals for part in parts), NO_TOTALS),
                head=ends.head,
                objects=tuple(
                    StoredObject(name=part.object_name, bytes=part.stored_bytes, sha256=part.sha256) for part in parts
                ),
                tail=ends.tail,
                columns=plan.columns,
                data_through=None,
                started_at=plan.planned_at,
                completed_at=self._now(),
            )
        )

    def _read_back(self, file_format: FileFormat, parts: Sequence[Part]) -> tuple[FileEnds, str]:
        """What stands around the parts, and the SHA-256 of the file from the store's bytes; in a thread.

        Raises Unverified for a part that is not as entered, and for parts that make no file.
        """
        try:
            ends = format_of(file_format).ends(parts)
        except ValueError as error:
            raise Unverified("error_text", str(error)) from error
        whole = hashlib.sha256(ends.head)
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
        whole.update(ends.tail)
        return ends, whole.hexdigest()
