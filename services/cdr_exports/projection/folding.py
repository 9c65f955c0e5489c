"""One batch of the log folded into the read model, in one transaction that also saves where to read on.

The lock on a partition's offset row makes two projectors that both think they own the partition (one of them a zombie)
take turns; what the first has applied the second leaves out. The locks on the exports' rows do the same for two
projectors that read an export's request and its events. So every record counts once, in the order of its partition,
and a transaction that may or may not have been committed can simply be done again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cdr_exports.domain.events import Command, Fact
from cdr_exports.domain.lifecycle import ExportState, Position, contradicts, evolve
from cdr_exports.projection.state_rows import row_of, state_of
from cdr_exports.projection.watermarks import Complete
from cdr_exports.runtime.kafka import Partition
from cdr_exports.runtime.postgres import Database, Transaction, named_sql

CHANNEL = "cdr_exports_projection"
"""Of PostgreSQL's notifications: something has been applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A record as it came out of the log. `record` is None where it could not be used: only its offset counts then."""

    partition: Partition
    offset: int
    record: Command | Fact | None


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a batch did. `rewound` names partitions that the read model knows less of than was saved before: someone has
    reset it, and reading goes on from the offset given.
    """

    applied: dict[Partition, int]
    rewound: dict[Partition, int] = field(default_factory=dict)
    changed: int = 0
    repeated: int = 0
    conflicts: int = 0


class Folding:
    """`applied` is, for each partition read here, the next offset as it was last read or saved."""

    def __init__(self, database: Database) -> None:
        self.applied: dict[Partition, int] = {}
        self._database = database
        self._sql = named_sql(__package__)

    async def starts(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Where to read on, of partitions just assigned. Raises Transient."""
        async with self._database.transaction() as transaction:
            await self._add(transaction, partitions)
            rows = await transaction.rows(self._sql["offsets"])
        saved = {Partition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        self.applied = {each: saved[each] for each in partitions}
        return dict(self.applied)

    def awaits(self, partition: Partition, offset: int) -> bool:
        """Whether a record at `offset` is news, as far as is known without asking."""
        return partition in self.applied and offset >= self.applied[partition]

    async def now(self) -> datetime:
        """PostgreSQL's time. Raises Transient."""
        async with self._database.transaction() as transaction:
            [row] = await transaction.rows(self._sql["now"])
        now: datetime = row["now"]
        return now

    async def apply(self, batch: Sequence[Read], complete: Iterable[Complete] = ()) -> Outcome:
        """Folds the batch, all or nothing. Raises Transient, after which the same batch is to be applied again.

        `complete` are watermarks that hold once the batch is applied.
        """
        outcome = Outcome(applied={})
        async with self._database.transaction() as transaction:
            saved = await self._lock(transaction, {each.partition for each in batch})
            outcome.rewound = self._rewound(saved)
            news = [
                each for each in batch if each.partition not in outcome.rewound and each.offset >= saved[each.partition]
            ]
            outcome.repeated = len(batch) - len(news)
            await self._fold(transaction, news, outcome)
            for each in news:
                outcome.applied[each.partition] = each.offset + 1
            await self._save_offsets(transaction, outcome.applied)
            await self._save_complete(transaction, complete)
            await transaction.rows(self._sql["wake"], channel=CHANNEL)
        self.applied |= saved | outcome.applied
        return outcome

    async def skip(self, positions: Mapping[Partition, int]) -> None:
        """Moves on to `positions` where no record lies between: the marks of transactions take up offsets, too. To be
        called when everything that was read has been applied. Raises Transient.
        """
        ahead = {each: at for each, at in positions.items() if at > self.applied.get(each, at)}
        for each, at in sorted(ahead.items()):
            async with self._database.transaction() as transaction:
                moved = await transaction.execute(
                    self._sql["skip_offsets"],
                    topic=each.topic,
                    partition=each.number,
                    applied=self.applied[each],
                    next_offset=at,
                )
            if moved:
                self.applied[each] = at

    async def complete(self, complete: Iterable[Complete], known: Collection[Partition]) -> dict[Partition, int]:
        """Saves watermarks when there is nothing to fold; what was rewound, as `Outcome` says. Raises Transient.

        `known` are all partitions, whoever reads them: none must be missing from what readers look at.
        """
        async with self._database.transaction() as transaction:
            await self._add(transaction, known)
            await self._save_complete(transaction, complete)
            await transaction.rows(self._sql["wake"], channel=CHANNEL)
            rows = await transaction.rows(self._sql["offsets"])
        rewound = self._rewound({Partition(row["topic"], row["partition"]): row["next_offset"] for row in rows})
        self.applied |= rewound
        return rewound

    def _rewound(self, saved: Mapping[Partition, int]) -> dict[Partition, int]:
        return {each: at for each, at in saved.items() if at < self.applied.get(each, 0)}

    async def _fold(self, transaction: Transaction, news: Sequence[Read], outcome: Outcome) -> None:
        states = await self._states(transaction, {each.record.export_id for each in news if each.record is not None})
        changed = set()
        for each in news:
            if each.record is None:
                continue
            before = states[each.record.export_id]
            after = evolve(before, each.record, Position(each.offset, each.partition.number))
            outcome.conflicts += contradicts(before, each.record)
            if after == before:
                outcome.repeated += 1
            else:
                states[each.record.export_id] = after
                changed.add(each.record.export_id)
        outcome.changed = len(changed)
        await transaction.execute_each(self._sql["save_export"], [row_of(states[each]) for each in sorted(changed)])

    async def _states(self, transaction: Transaction, export_ids: Collection[object]) -> dict[object, ExportState]:
        if not export_ids:
            return {}
        await transaction.execute(self._sql["add_exports"], export_ids=list(export_ids))
        rows = await transaction.rows(self._sql["lock_states"], export_ids=list(export_ids))
        return {row["export_id"]: state_of(row["state"]) for row in rows}

    async def _add(self, transaction: Transaction, partitions: Collection[Partition]) -> None:
        await transaction.execute(self._sql["add_partitions"], **_columns(partitions))

    async def _lock(self, transaction: Transaction, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Saved offsets; 0 for a partition whose row is gone, which is made anew."""
        locked = await transaction.rows(self._sql["lock_offsets"], **_columns(partitions))
        if len(locked) < len(partitions):
            await self._add(transaction, partitions)
            locked = await transaction.rows(self._sql["lock_offsets"], **_columns(partitions))
        return {Partition(row["topic"], row["partition"]): row["next_offset"] for row in locked}

    async def _save_offsets(self, transaction: Transaction, offsets: Mapping[Partition, int]) -> None:
        rows = [{"topic": each.topic, "partition": each.number, "next_offset": at} for each, at in offsets.items()]
        await transaction.execute_each(self._sql["save_offset"], rows)

    async def _save_complete(self, transaction: Transaction, complete: Iterable[Complete]) -> None:
        rows = [
            {
                "topic": each.partition.topic,
                "partition": each.partition.number,
                "next_offset": each.next_offset,
                "complete_before": each.before,
            }
            for each in sorted(complete, key=lambda each: each.partition)
        ]
        await transaction.execute_each(self._sql["save_complete_before"], rows)


def _columns(partitions: Collection[Partition]) -> dict[str, list[str] | list[int]]:
    ordered = sorted(partitions)
    return {"topics": [each.topic for each in ordered], "partitions": [each.number for each in ordered]}
