"""The life of an export, written once: which record moves it where, and how records that come twice or out of order fold.

    Pending ──ExportCompleted──► Completed ─┐
       │                                    ├─ExportDeleteRequested, ExportDeleted──► Deleted
       └─────ExportFailed──────► Failed ────┘

The fold is a join: the request and the ending with the lowest position win, progress is the highest of each lane, a
deletion is kept for ever. Minimum, maximum and union do not mind repetition or order, so a log read twice, or two
topics read in any interleaving, give the same state. A crash in any state loses nothing: the log still holds what the
state was folded from. Nothing here looks at a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, assert_never

from cdr_exports.domain.events import (
    Command,
    ExportCompleted,
    ExportDeleted,
    ExportDeleteRequested,
    ExportFailed,
    ExportProgressed,
    ExportRequested,
    ExportStarted,
    Fact,
    Terminal,
)
from cdr_exports.domain.identity import ExportId


class Status(StrEnum):
    """The four words of the customer API."""

    PENDING = "Pending"
    COMPLETED = "Completed"
    FAILED = "Failed"
    DELETED = "Deleted"


TRANSITIONS: dict[Status, dict[type, Status]] = {
    Status.PENDING: {
        ExportCompleted: Status.COMPLETED,
        ExportFailed: Status.FAILED,
        ExportDeleteRequested: Status.DELETED,
        ExportDeleted: Status.DELETED,
    },
    Status.COMPLETED: {ExportDeleteRequested: Status.DELETED, ExportDeleted: Status.DELETED},
    Status.FAILED: {ExportDeleteRequested: Status.DELETED, ExportDeleted: Status.DELETED},
    Status.DELETED: {},
}
"""Which record leads from which status to which. What is not here changes no status."""


class Stage(StrEnum):
    """Where an export stands, finer than its status."""

    ACCEPTED = "accepted"
    PLANNED = "planned"
    EXPORTING = "exporting"
    FINISHING = "finishing"
    COMPLETED = "completed"
    FAILED = "failed"
    DELETED = "deleted"


class Position(NamedTuple):
    """Where in its topic a record stands. Compared by offset first, so that it means something across partitions."""

    offset: int
    partition: int


class LaneProgress(NamedTuple):
    """Absolute figures of one lane; the highest wins."""

    slices_done: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportState:
    """What the log says of one export so far. Without a request it is not to be shown: its request has not been read yet."""

    export_id: ExportId
    request: ExportRequested | None = None
    request_position: Position | None = None
    started: ExportStarted | None = None
    lanes: dict[int, LaneProgress] = field(default_factory=dict)
    terminal: Terminal | None = None
    terminal_position: Position | None = None
    deleted_at: datetime | None = None

    @property
    def status(self) -> Status:
        reached = Status.PENDING if self.terminal is None else TRANSITIONS[Status.PENDING][type(self.terminal)]
        return reached if self.deleted_at is None else TRANSITIONS[reached][ExportDeleteRequested]

    @property
    def is_terminal(self) -> bool:
        return self.status is not Status.PENDING

    @property
    def rows_exported(self) -> int:
        if isinstance(self.terminal, ExportCompleted):
            return self.terminal.rows
        return sum(lane.rows for lane in self.lanes.values())

    @property
    def bytes_exported(self) -> int:
        if isinstance(self.terminal, ExportCompleted):
            return self.terminal.file.bytes
        return sum(lane.bytes for lane in self.lanes.values())

    @property
    def stage(self) -> Stage:
        match self.status:
            case Status.DELETED:
                return Stage.DELETED
            case Status.COMPLETED:
                return Stage.COMPLETED
            case Status.FAILED:
                return Stage.FAILED
        slices_done = sum(lane.slices_done for lane in self.lanes.values())
        if self.started is None:
            return Stage.EXPORTING if slices_done else Stage.ACCEPTED
        if slices_done >= self.started.slices_total:
            return Stage.FINISHING
        return Stage.EXPORTING if slices_done else Stage.PLANNED

    @property
    def percent(self) -> float:
        """0 to 100, one decimal, 100 only when completed. Never falls while the plan stands."""
        if isinstance(self.terminal, ExportCompleted):
            return 100.0
        if self.started is None:
            return 0.0
        slices_done = sum(lane.slices_done for lane in self.lanes.values())
        if self.started.rows_expected:
            share = self.rows_exported / self.started.rows_expected
        else:
            share = slices_done / max(self.started.slices_total, 1)
        return min(int(share * 1000) / 10, 99.9)

    @property
    def updated_at(self) -> datetime | None:
        """When the status last changed; None before the request is known."""
        if self.deleted_at is not None:
            return self.deleted_at
        if self.terminal is not None:
            return self.terminal.occurred_at
        return self.request.occurred_at if self.request else None


def evolve(state: ExportState, record: Command | Fact, position: Position) -> ExportState:
    """`state` with `record` folded in. Idempotent, commutative and associative; never raises."""
    match record:
        case ExportRequested():
            if state.request_position is not None and state.request_position <= position:
                return state
            return replace(state, request=record, request_position=position)
        case ExportStarted():
            return replace(state, started=_lower(state.started, record))
        case ExportProgressed():
            figures = LaneProgress(record.lane_slices_done, record.lane_rows, record.lane_bytes)
            highest = max(figures, state.lanes.get(record.lane, figures))
            return replace(state, lanes={**state.lanes, record.lane: highest})
        case ExportCompleted() | ExportFailed():
            if state.terminal_position is not None and state.terminal_position <= position:
                return state
            return replace(state, terminal=record, terminal_position=position)
        case ExportDeleteRequested() | ExportDeleted():
            earliest = min(record.occurred_at, state.deleted_at or record.occurred_at)
            return replace(state, deleted_at=earliest)
        case _:
            assert_never(record)


def contradicts(state: ExportState, record: Command | Fact) -> bool:
    """Whether `record` is a second, different ending: counted, never shown."""
    return (
        isinstance(record, ExportCompleted | ExportFailed)
        and state.terminal is not None
        and state.terminal.event_id != record.event_id
    )


def _lower(known: ExportStarted | None, new: ExportStarted) -> ExportStarted:
    """Started records of one export are equal unless a publisher errs; then any fixed order serves."""
    return new if known is None or new.event_id < known.event_id else known
