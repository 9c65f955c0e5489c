from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from cdr_exports.domain.filters import micros
from cdr_exports.domain.identity import AccountId, ExportId, keyed_export_id
from cdr_exports.domain.lifecycle import Position
from cdr_exports.projection.progress import Progress

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def made(at: datetime) -> ExportId:
    """A UUIDv7 of that time."""
    return ExportId(UUID(int=(micros(at) // 1000 << 80) | (7 << 76) | (0b10 << 62) | 12345))


KEYED = keyed_export_id(AccountId(71), "key")
FOREIGN = ExportId(UUID("6f1f0a52-6b0c-4c3e-9d5e-3b9c1c0c7a10"))


@pytest.mark.parametrize(
    ("export_id", "complete_before", "is_ruled_out"),
    [
        pytest.param(made(NOW), NOW, True, id="complete up to the question: nothing can be missing"),
        pytest.param(made(NOW + seconds(600)), NOW, True, id="even an id of the future"),
        pytest.param(KEYED, NOW, True, id="even a keyed one"),
        pytest.param(made(NOW - seconds(60)), NOW - seconds(1), True, id="an old id, nearly caught up"),
        pytest.param(made(NOW - seconds(6)), NOW - seconds(1), False, id="its request may have been acknowledged late"),
        pytest.param(made(NOW), NOW - seconds(1), False, id="a new id"),
        pytest.param(made(NOW - seconds(60)), NOW - seconds(120), False, id="an old id, far behind"),
        pytest.param(KEYED, NOW - seconds(1), False, id="a keyed id does not say when it was made"),
        pytest.param(FOREIGN, NOW - seconds(4), True, id="a foreign id, nearly caught up"),
        pytest.param(FOREIGN, NOW - seconds(6), False, id="a foreign id, far behind"),
        pytest.param(made(NOW - seconds(60)), None, False, id="nothing is known"),
    ],
)
def test_what_is_not_found_does_not_exist_only_when_that_is_certain(
    export_id: ExportId, complete_before: datetime | None, is_ruled_out: bool
) -> None:
    progress = Progress(complete_before=complete_before)

    assert progress.rules_out(export_id, asked_at=NOW) is is_ruled_out


@pytest.mark.parametrize(
    ("position", "is_applied"),
    [
        pytest.param(Position(6, 3), True, id="the last applied"),
        pytest.param(Position(7, 3), False, id="the next to apply"),
        pytest.param(Position(0, 4), False, id="a partition of which nothing is known"),
    ],
)
def test_a_position_is_applied_when_the_next_offset_lies_beyond_it(position: Position, is_applied: bool) -> None:
    assert Progress(next_offsets={3: 7}).has_applied(position) is is_applied
