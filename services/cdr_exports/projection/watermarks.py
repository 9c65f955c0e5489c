"""Up to which instant each partition has been applied: the projector's half of "read your own writes".

The end of a partition is looked at, with the time just before the look; when everything below that end has been
applied, the partition is complete up to that time. Timestamps of records play no part: publishers make them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cdr_exports.runtime.kafka import Partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """All that `partition` held at `before`, which are the records below `next_offset`."""

    partition: Partition
    next_offset: int
    before: datetime


class Watermarks:
    """One look at a time is kept for each partition until it is reached, so that a projector that is behind and stays
    behind still moves its watermarks.
    """

    def __init__(self) -> None:
        self._looks: dict[Partition, Complete] = {}
        self._reached: dict[Partition, datetime] = {}

    def look(self, at: datetime, ends: Mapping[Partition, int]) -> None:
        """The partitions read here, as they stood after `at`; others are forgotten."""
        looks = {each: Complete(partition=each, next_offset=end, before=at) for each, end in ends.items()}
        self._looks = looks | {each: look for each, look in self._looks.items() if each in ends}
        self._reached = {each: self._reached.get(each, at) for each in ends}

    def reached(self, applied: Mapping[Partition, int]) -> list[Complete]:
        """The looks that `applied`, next offsets by partition, has reached. They stay until `forget`."""
        return [look for each, look in self._looks.items() if applied.get(each, 0) >= look.next_offset]

    def forget(self, complete: Iterable[Complete]) -> None:
        """These have been saved."""
        for each in complete:
            if self._looks.get(each.partition) == each:
                del self._looks[each.partition]
            if each.partition in self._reached:
                self._reached[each.partition] = each.before

    def lag_seconds(self, now: datetime) -> float:
        """For how long at most a record has been waiting; 0 where nothing waits."""
        waiting = [self._reached[each] for each in self._looks if each in self._reached]
        return max((now - min(waiting)).total_seconds(), 0.0) if waiting else 0.0
