from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from cdr_exports.contract import topics
from cdr_exports.contract.codec import Codec
from cdr_exports.domain.events import DeadLetter
from cdr_exports.domain.lifecycle import Position
from cdr_exports.projection.intake import IN_A_ROW, WINDOW, Intake, TooManyDeadLetters
from cdr_exports.runtime.kafka import Raw
from cdr_exports.runtime.metrics import Registry
from tests.contract.records import AT, SAMPLES

CODEC = Codec.load()
GOOD = CODEC.encode(SAMPLES["ExportRequested.v1.least"])


class LogInMemory:
    """Where dead letters go."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    async def publish(self, topic: str, *, key: bytes | None, value: bytes | None, headers: Any = ()) -> Position:
        assert topic == topics.DEAD_LETTERS
        self.letters.append(CODEC.decode(value, (DeadLetter,)))
        return Position(0, 0)


def raw(value: bytes | None, offset: int = 0) -> Raw:
    return Raw(
        topic=topics.REQUESTS, partition=3, offset=offset, timestamp=AT, key=b"k", value=value, headers=(("h", b"1"),)
    )


async def read(values: Sequence[bytes | None]) -> LogInMemory:
    log = LogInMemory()
    intake = Intake(CODEC, log, Registry(service="test"), lambda: AT, group="g")
    for offset, value in enumerate(values):
        await intake.read(raw(value, offset))
    return log


async def test_what_cannot_be_used_is_kept_as_it_was_with_where_it_came_from() -> None:
    log = await read([GOOD, b"junk", None])

    assert [
        (each.value, each.key, each.headers, each.source_partition, each.source_offset, each.group, each.reason)
        for each in log.letters
    ] == [
        (b"junk", b"k", (("h", b"1"),), 3, 1, "g", "unknown_framing"),
        (None, b"k", (("h", b"1"),), 3, 2, "g", "no_value"),
    ]


async def test_a_fact_among_the_requests_is_not_believed() -> None:
    log = await read([CODEC.encode(SAMPLES["ExportCompleted.v1.full"])])

    assert [each.reason for each in log.letters] == ["unexpected_record"]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([b"junk"] * IN_A_ROW, id="that many in a row"),
        pytest.param([GOOD, b"junk", b"junk"] * WINDOW, id="more than half of the last hundred"),
    ],
)
async def test_too_many_unusable_records_stop_the_projection(values: list[bytes]) -> None:
    with pytest.raises(TooManyDeadLetters):
        await read(values)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([*[b"junk"] * (IN_A_ROW - 1), GOOD] * 1, id="one fewer in a row"),
        pytest.param([GOOD, b"junk"] * WINDOW, id="half of the last hundred"),
    ],
)
async def test_some_unusable_records_do_not(values: list[bytes]) -> None:
    assert (await read(values)).letters
