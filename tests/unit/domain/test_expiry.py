"""When an export's time is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from cdr_exports.domain.events import DeleteReason
from cdr_exports.domain.expiry import deletion_of_expired, expired_before
from cdr_exports.domain.identity import ExportId

ENDED = datetime(2026, 3, 1, 12, tzinfo=UTC)
MONTH = timedelta(days=30)


def test_an_export_lives_for_the_whole_of_its_lifetime() -> None:
    assert not expired_before(ENDED + MONTH, MONTH) > ENDED
    assert expired_before(ENDED + MONTH + timedelta(microseconds=1), MONTH) > ENDED


def test_whoever_finds_an_expired_export_says_the_same_of_it() -> None:
    export_id = ExportId(uuid4())

    said = deletion_of_expired(export_id, ENDED, MONTH)

    assert said == deletion_of_expired(export_id, ENDED, MONTH)
    assert (said.export_id, said.reason, said.occurred_at) == (export_id, DeleteReason.EXPIRED, ENDED + MONTH)
