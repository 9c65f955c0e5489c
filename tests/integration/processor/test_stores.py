"""Where the files lie makes no difference to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from cdr_exports.domain import object_names
from cdr_exports.domain.events import DeleteReason, ExportCompleted, ExportDeleteRequested
from cdr_exports.domain.identity import EventId
from cdr_exports.runtime.clock import utc_now
from cdr_exports.runtime.storage import Store
from tests.integration.processor.conftest import Make
from tests.integration.processor.exports import request
from tests.stack import S3


async def test_an_export_on_s3_is_byte_for_byte_that_of_the_file_store(
    make_workshop: Make, fill: Callable[..., Any], s3: S3
) -> None:
    on_disk = make_workshop(slice_rows=1000)
    on_s3 = make_workshop(slice_rows=1000, store=Store.open(f"{s3.url}/{uuid4()}", s3.environment))
    await fill(5_000)
    first, second = request(), request()

    one, other = await on_disk.run(first), await on_s3.run(second)

    assert isinstance(one, ExportCompleted)
    assert isinstance(other, ExportCompleted)
    manifests = await on_disk.ledger.manifest(first.export_id), await on_s3.ledger.manifest(second.export_id)
    assert manifests[0] is not None
    assert manifests[1] is not None
    assert on_s3.file(manifests[1]) == on_disk.file(manifests[0])
    assert (other.file.sha256, other.totals) == (one.file.sha256, one.totals)


async def test_a_deletion_leaves_only_the_tombstone_on_s3(
    make_workshop: Make, fill: Callable[..., Any], s3: S3
) -> None:
    workshop = make_workshop(slice_rows=200, store=Store.open(f"{s3.url}/{uuid4()}", s3.environment))
    await fill(1_000)
    wanted = request()
    await workshop.run(wanted)

    await workshop.worker.do(
        ExportDeleteRequested(
            event_id=EventId(uuid4()),
            occurred_at=utc_now(),
            source="test",
            export_id=wanted.export_id,
            reason=DeleteReason.OPERATOR,
        )
    )

    assert await workshop.store.list("exports/") == []
    assert await workshop.store.list("deleted/") == [object_names.tombstone(wanted.export_id)]
