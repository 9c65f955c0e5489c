from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from cdr_exports.contract.codec import Codec
from cdr_exports.contract.dead_letters import LONGEST_DETAIL, Reason, Unusable, dead_letter, reason_of
from cdr_exports.contract.schema_files import load_schema_files
from cdr_exports.domain.errors import Poison
from cdr_exports.domain.events import DeadLetter
from tests.contract.records import AT


@dataclass(frozen=True)
class Delivered:
    topic: str = "cdr-exports.requests.v1"
    partition: int = 3
    offset: int = 42
    timestamp: datetime | None = AT
    key: bytes | None = b"\x00key"
    value: bytes | None = b"\xff"
    headers: tuple[tuple[str, bytes | None], ...] = (("trace\0parent", b"x"), ("empty", None))


def letter(record: Delivered, *, group: str = "processor", at: datetime = AT, detail: str = "too short") -> DeadLetter:
    return dead_letter(
        record, reason=Reason.UNKNOWN_FRAMING, detail=detail, group=group, source="processor", occurred_at=at
    )


def test_a_letter_keeps_the_record_as_it_was() -> None:
    made = letter(Delivered())

    assert (made.key, made.value, made.headers[1]) == (b"\x00key", b"\xff", ("empty", None))
    assert (made.source_topic, made.source_partition, made.source_offset) == ("cdr-exports.requests.v1", 3, 42)
    assert (made.reason, made.detail, made.group, made.attempts) == ("unknown_framing", "too short", "processor", 1)


def test_a_letter_written_again_is_the_same_event() -> None:
    later = letter(Delivered(), at=AT + timedelta(minutes=5), detail="another word")

    assert later.event_id == letter(Delivered()).event_id


@pytest.mark.parametrize(
    "other",
    [
        letter(Delivered(topic="cdr-exports.events.v1")),
        letter(Delivered(partition=4)),
        letter(Delivered(offset=43)),
        letter(Delivered(), group="projection"),
    ],
    ids=["topic", "partition", "offset", "group"],
)
def test_a_letter_of_elsewhere_is_another_event(other: DeadLetter) -> None:
    assert other.event_id != letter(Delivered()).event_id


def test_any_letter_can_be_written_and_read() -> None:
    codec = Codec.load()
    made = letter(Delivered(), detail="a NUL: \0 " + "and more" * 10_000)

    assert codec.decode(codec.encode(made)) == made
    assert made.headers[0][0] == "trace\\0parent"
    assert len(made.detail) == LONGEST_DETAIL


def test_the_source_may_have_nothing_at_all() -> None:
    codec = Codec.load()
    made = letter(replace(Delivered(), timestamp=None, key=None, value=None, headers=()))

    assert codec.decode(codec.encode(made)) == made


def test_any_poison_has_a_reason() -> None:
    assert reason_of(Unusable(Reason.CORRUPT, "corrupt")) is Reason.CORRUPT
    assert reason_of(Poison("some other text")) is Reason.INVALID_VALUE


def test_the_schema_names_all_reasons() -> None:
    definition = {file.record: file.definition for file in load_schema_files()}["DeadLetter"]
    doc = next(field["doc"] for field in definition["fields"] if field["name"] == "reason")

    assert ", ".join(Reason) in doc
