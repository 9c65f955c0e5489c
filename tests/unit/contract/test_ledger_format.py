"""What lies in stores is read for ever, also what was written before a field was added."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from cdr_exports.contract import ledger_format
from cdr_exports.domain.errors import Poison
from cdr_exports.domain.events import Totals
from cdr_exports.domain.parts import Part
from tests.unit.plans import plan_of

TOTALS = Totals(duration_seconds=1, customer_duration_seconds=2, customer_price=Decimal("0.00000000000000000001"))
PART = Part(
    slice=1, object_name="exports/x/part-00001.a", rows=2, raw_bytes=3, stored_bytes=4, crc32=5, sha256="6", totals=TOTALS,
    lane_slices_done=7, lane_rows=8, lane_bytes=9, finished_at=datetime(2026, 1, 1, tzinfo=UTC), footer=b"\x00\xff",
)  # fmt: skip


def test_a_part_survives() -> None:
    assert ledger_format.load_part(ledger_format.dump(PART)) == PART


def test_an_entry_from_before_there_were_footers_has_none() -> None:
    fields = json.loads(ledger_format.dump(PART))
    del fields["footer"]

    assert ledger_format.load_part(json.dumps(fields).encode()).footer == b""


def test_a_plan_survives() -> None:
    plan = plan_of(slices=3, lanes=2)

    assert ledger_format.load_plan(ledger_format.dump(plan)) == plan


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b'{"footer": 1}'])
def test_what_is_no_entry_is_told(data: bytes) -> None:
    with pytest.raises(Poison, match="not a ledger entry"):
        ledger_format.load_part(data)
