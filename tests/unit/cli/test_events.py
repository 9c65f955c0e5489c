"""How `events tail` shows a record."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from cdr_exports.cli.events_commands import described
from cdr_exports.contract.codec import Codec
from cdr_exports.domain.events import (
    DeadLetter,
    ExportRequested,
    Record,
)
from cdr_exports.domain.filters import Filters
from cdr_exports.domain.identity import AccountId, ExportId, derived_event_id
from cdr_exports.runtime.kafka import Raw
from tests.unit.cli.scripted_api import EXPORT_ID, Run

INSTANT = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
REQUESTED = ExportRequested(
    event_id=derived_event_id("requested"),
    occurred_at=INSTANT,
    source="test",
    export_id=ExportId(UUID(EXPORT_ID)),
    account_id=AccountId(71),
    filters=Filters(time_start_gteq=INSTANT, time_start_lt=INSTANT, success_eq=True),
    columns=("duration",),
)
LETTER = DeadLetter(
    event_id=derived_event_id("letter"),
    occurred_at=INSTANT,
    source="test",
    reason="corrupt",
    detail="x",
    source_topic="t",
    source_partition=1,
    source_offset=2,
    source_timestamp=None,
    group="g",
    attempts=1,
    key=None,
    value=b"\xff\x00",
    headers=(("name", b"v"),),
)


def raw(value: bytes | None) -> Raw:
    return Raw(topic="t", partition=3, offset=9, timestamp=INSTANT, key=b"k", value=value, headers=())


def line_of(record: Record) -> dict[str, object]:
    codec = Codec.load()
    line: dict[str, object] = json.loads(json.dumps(described(raw(codec.encode(record)), codec)))
    return line


def test_a_record_is_shown_with_its_place_its_name_and_what_it_says() -> None:
    line = line_of(REQUESTED)

    assert (line["topic"], line["partition"], line["offset"]) == ("t", 3, 9)
    assert line["record"] == "ExportRequested"
    assert line["export_id"] == EXPORT_ID
    assert line["columns"] == ["duration"]
    assert line["filters"] == {
        "time_start_gteq": "2026-07-01T12:00:00+00:00",
        "time_start_lt": "2026-07-01T12:00:00+00:00",
        "success_eq": True,
        **dict.fromkeys(("duration_eq", "duration_gteq", "duration_lteq")),
        **dict.fromkeys(("src_prefix_routing_eq", "dst_prefix_routing_eq", "is_last_cdr_eq")),
    }


def test_bytes_are_shown_as_base64() -> None:
    line = line_of(LETTER)

    assert line["value"] == "/wA="
    assert line["headers"] == [["name", "dg=="]]


@pytest.mark.parametrize("value", [None, b"", b"poison"])
def test_what_cannot_be_decoded_is_a_line_too(value: bytes | None) -> None:
    line = described(raw(value), Codec.load())

    assert line["record"] is None
    assert line["undecodable"]


@pytest.mark.parametrize("arguments", [("--export", "x"), ("--no-follow",)])
def test_a_mistake_of_use_is_told(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("events", "tail", *arguments).code == 2
