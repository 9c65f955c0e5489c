"""What a reader knows of how far the log has been applied, and what follows from it for an export that is not found.

A 201 says that a request is in the log; a GET right after it must not say 404 because the projection is a moment
behind. Asked for an unknown id, a reader may say 404 when everything that was in the log at the time of asking has been
applied, by PostgreSQL's clock, which projector and readers share. Two short cuts spare most of the waiting:

* An id made by ingress says when it was made (UUIDv7). If its request was ever acknowledged, that was at most
  `PRODUCE` later, by a clock at most `SKEW` off: when the log has been applied beyond that, it is certain.
* An id that is neither UUIDv7 nor derived from a key (UUIDv5) was not made by ingress, and no 201 promised anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cdr_exports.domain.filters import micros
from cdr_exports.domain.identity import ExportId
from cdr_exports.domain.lifecycle import Position

PRODUCE = timedelta(seconds=5)
SKEW = timedelta(seconds=2)
STALE = timedelta(seconds=5)
"""How far behind the projection may be before the absence even of a foreign id means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the requests topic has been applied: next offsets by partition, and the low watermark, the instant up to
    which all partitions are complete; None where it is not known of all. `facts` are the next offsets of the events topic.
    """

    next_offsets: Mapping[int, int] = field(default_factory=dict)
    complete_before: datetime | None = None
    facts: Mapping[int, int] = field(default_factory=dict)

    @property
    def applied(self) -> tuple[int, int]:
        """How many records of requests and of events have been applied: grows with each, and falls with a reset only."""
        return sum(self.next_offsets.values()), sum(self.facts.values())

    def covers(self, applied: tuple[int, int]) -> bool:
        requests, facts = self.applied
        return requests >= applied[0] and facts >= applied[1]

    def has_applied(self, position: Position) -> bool:
        return self.next_offsets.get(position.partition, 0) > position.offset

    def rules_out(self, export_id: ExportId, asked_at: datetime) -> bool:
        """Whether an export that a look found nothing of, a look at the read model as of this progress or later, does
        not exist for the one who asked at `asked_at`.
        """
        if self.complete_before is None:
            return False
        if self.complete_before >= asked_at:
            return True
        if export_id.version == 7:
            made_micros = (export_id.int >> 80) * 1000
            return made_micros < micros(self.complete_before - PRODUCE - SKEW)
        return export_id.version != 5 and self.complete_before >= asked_at - STALE
