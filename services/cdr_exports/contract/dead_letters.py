"""Records that cannot be used: the closed set of reasons, and the letter that keeps such a record.

A letter keeps key, value and headers as they were. Its id follows from where the record stood and who could not use it,
so a consumer that crashes between the letter and its own offset writes the same letter again. When to give up on a
record, and when to stop because too many are bad, is left to the consumers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cdr_exports.domain.errors import Poison
from cdr_exports.domain.events import DeadLetter
from cdr_exports.domain.identity import derived_event_id


class Reason(StrEnum):
    """DeadLetter.reason: what a person does next depends on this word alone."""

    NO_VALUE = "no_value"
    TOO_LARGE = "too_large"
    UNKNOWN_FRAMING = "unknown_framing"
    """Neither Avro single-object encoding nor Confluent framing: not Avro, or cut short."""
    UNKNOWN_SCHEMA = "unknown_schema"
    """Framed as it should be, by a schema we have not got: newer than we are, or somebody else's."""
    UNEXPECTED_RECORD = "unexpected_record"
    """A record of ours that this topic does not hold."""
    CORRUPT = "corrupt"
    INVALID_VALUE = "invalid_value"
    """Sound Avro, but a value that means nothing: no UUID, no decimal, no instant of this calendar."""
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"


LONGEST_DETAIL = 1000
"""Characters. Some texts of errors quote what they are about."""


class Unusable(Poison):
    """A record that no retry will make usable, with the word for it. The text says what exactly."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def reason_of(error: Poison) -> Reason:
    """The word for any Poison; what was not raised with one is a value that means nothing."""
    return error.reason if isinstance(error, Unusable) else Reason.INVALID_VALUE


class Delivered(Protocol):
    """A record as a consumer got it, whatever client it came through."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> datetime | None: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


def dead_letter(
    record: Delivered, *, reason: Reason, detail: str, group: str, source: str, occurred_at: datetime, attempts: int = 1
) -> DeadLetter:
    """The letter for `record`, which consumer group `group` of service `source` could not use."""
    return DeadLetter(
        event_id=derived_event_id("dead-letter", record.topic, record.partition, record.offset, group),
        occurred_at=occurred_at,
        source=source,
        reason=reason.value,
        detail=_without_nul(detail)[:LONGEST_DETAIL],
        source_topic=record.topic,
        source_partition=record.partition,
        source_offset=record.offset,
        source_timestamp=record.timestamp,
        group=group,
        attempts=attempts,
        key=record.key,
        value=record.value,
        headers=tuple((_without_nul(name), value) for name, value in record.headers),
    )


def _without_nul(text: str) -> str:
    """Text in records holds no NUL; the names of a stranger's headers may."""
    return text.replace("\0", "\\0")
